"""Texts cut into passages of one length and drawn to one size, so that length and amount decide nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS = r"\w+(?:['’-]\w+)*"
WORD = re.compile(WORDS)
MOST = 2000
"""Documents, and then passages, of each side: a seeded draw, so that a report takes seconds."""
SHORTEST, LONGEST = 20, 200
"""Words of a passage: shorter ones share too few words with anything, longer ones mix topics."""


@dataclass(frozen=True)
class Side:
    """What was drawn of the candidate, the target, the general text or the baseline."""

    documents: list[str]
    """Whole, for lengths and formats."""
    texts: list[str]
    """Passages."""
    document: NDArray[np.int64]
    """The number of the document that each passage is from."""

    def draw(self, n: int, generator: np.random.Generator, words: float = np.inf) -> "Side":
        """The same with n of its passages, in their order, or as many as hold so many words."""
        order = generator.permutation(len(self.texts))[:n]
        kept = np.sort(order[np.cumsum([count_words(self.texts[i]) for i in order]) <= words])
        return Side(self.documents, [self.texts[i] for i in kept], self.document[kept])

    @property
    def words(self) -> int:
        return sum(map(count_words, self.texts))


def side(texts: Sequence[str], length: int, generator: np.random.Generator) -> Side:
    """At most 2,000 of the texts and all their passages of `length` words."""
    chosen = np.sort(generator.permutation(len(texts))[:MOST])
    documents = [texts[i] for i in chosen]
    cut = [(passage, number) for number, text in enumerate(documents) for passage in passages(text, length)]
    return Side(documents, [passage for passage, _ in cut], np.array([number for _, number in cut], dtype=np.int64))


def passages(text: str, length: int) -> list[str]:
    """Pieces of `length` words; a rest shorter than half of that is left out, unless it is all there is."""
    spans = [match.span() for match in WORD.finditer(text)]
    pieces = [spans[start : start + length] for start in range(0, len(spans), length)]
    if len(pieces) > 1 and len(pieces[-1]) < length / 2:
        pieces.pop()
    return [text[piece[0][0] : piece[-1][1]] for piece in pieces]


def passage_length(texts: Sequence[str]) -> int:
    """The median number of words of the texts, between 20 and 200."""
    return int(np.clip(np.median([count_words(text) for text in texts]), SHORTEST, LONGEST))


def count_words(text: str) -> int:
    return len(WORD.findall(text))
