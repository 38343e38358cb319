"""Which training rows are most like a question: by TF-IDF, or by a folder of static embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data.records import Question
from metier.data.representativeness import static_embeddings
from metier.evaluation.baselines._features import WORD, columns
from metier.evaluation.predictions import Floats


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The texts that neighbors are looked for among, and what they are compared by."""

    texts: tuple[str, ...]
    embeddings: str | None = None
    """Folder of static embeddings; None: TF-IDF."""

    def nearest(self, texts: Sequence[str], k: int) -> tuple[NDArray[np.int64], Floats]:
        """(n, k) positions, the most alike first, and their cosine."""
        found = self._index.kneighbors(self._vectors(texts), min(k, len(self.texts)))
        return found[1], 1.0 - found[0]

    @cached_property
    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        # Words and pairs of words; characters beside them take five times as long and find hardly other rows.
        return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=WORD).fit(self.texts)

    def _vectors(self, texts: Sequence[str]) -> Any:
        if self.embeddings:
            return static_embeddings.vectors(texts, self.embeddings)
        return self._vectorizer.transform(texts)

    @cached_property
    def _index(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(metric="cosine", algorithm="brute").fit(self._vectors(self.texts))


def text_of(question: Question, prompt: str) -> str:
    """What a question is compared by: the values that its prompt names, and the row's text where that leaves it out.

    The words of the prompt itself are in every row, and would make all of them somewhat alike.
    """
    values = [question.text if name == "text" else question.fields.get(name, "") for name in columns(prompt)]
    return "\n".join(values if "text" in columns(prompt) else [*values, question.text]).lower()
