"""Are the target's texts near something in the data, and which of its topics are not?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.preprocessing import normalize

from metier.data.representativeness import static_embeddings
from metier.data.representativeness.measure import Draws, Measure, interval, ratio
from metier.data.representativeness.passages import WORDS, Side
from metier.evaluation import stats
from metier.evaluation.stats import Floats, Interval

DIMENSIONS = 100
PERCENTILE = 95
TEXTS_A_TOPIC, MOST_TOPICS = 40, 20
"""Fewer texts a topic say too little about it; more topics are not read."""
NAMING = 6
EXAMPLE_CHARACTERS = 300


@dataclass(frozen=True)
class Topic:
    """A group of like target texts."""

    terms: list[str]
    texts: int
    share: float
    """Of all target texts."""
    coverage: Interval
    """Share of its texts that are nearer to the candidate than to the baseline."""
    examples: list[str]

    @property
    def gap(self) -> bool:
        """The candidate is not surely nearer than general text."""
        return self.coverage.low <= 0.5


@dataclass(frozen=True)
class Embedded:
    """Every target passage's vector, and its nearest neighbor's cosine on each side."""

    vectors: Floats
    words: Any
    """TF-IDF of the target's passages, for naming topics."""
    names: Any
    candidate: Floats
    baseline: Floats
    """NaN where there is no such side."""


def embed(target: Side, candidate: Side, baseline: Side | None, seed: int, embedding: str | None = None) -> Embedded:
    """Vectors of all sides: TF-IDF and a truncated SVD of them all (latent semantic analysis), or the static
    embeddings in the folder `embedding`. Topics are named by TF-IDF in both."""
    texts = [*target.texts, *candidate.texts, *(baseline.texts if baseline else [])]
    count = TfidfVectorizer(token_pattern=WORDS, sublinear_tf=True, stop_words=list(ENGLISH_STOP_WORDS), min_df=2)
    words = count.fit_transform(texts)
    if embedding is None:
        reduced = TruncatedSVD(min(DIMENSIONS, words.shape[1] - 1), random_state=seed).fit_transform(words)
        vectors = normalize(reduced).astype(np.float32)
    else:
        vectors = static_embeddings.vectors(texts, embedding)
    own, theirs, general = np.split(vectors, np.cumsum([len(target.texts), len(candidate.texts)]))
    near = (own @ theirs.T).max(1).astype(np.float64)
    far = (own @ general.T).max(1).astype(np.float64) if baseline else np.full(len(own), np.nan)
    return Embedded(own, words[: len(own)], count.get_feature_names_out(), near, far)


def neighbors(embedded: Embedded, draws: Draws) -> Measure:
    """Share of target texts with a neighbor nearer than 95 % of them have in the baseline (so that has 5 %)."""
    threshold = float(np.percentile(embedded.baseline, PERCENTILE))
    near = [np.asarray(side > threshold, dtype=float) for side in (embedded.candidate, embedded.baseline)]
    difference = np.column_stack([near[0] - near[1], np.ones(len(near[0]))])
    candidate, baseline = (float(side.mean()) for side in near)
    spread = interval(candidate - baseline, draws.values(difference, ratio), draws.effective)
    further = {"threshold": threshold}
    return Measure("neighbors", "Texts with a near neighbor", "share", "higher", candidate, baseline, spread, further)


def nearer(embedded: Embedded, draws: Draws) -> Measure:
    """Share of target texts nearer to the candidate than to the baseline, and the other way round."""
    wins = _wins(embedded)
    difference = np.column_stack([2 * wins - 1, np.ones(len(wins))])
    value = float(wins.mean())
    spread = interval(2 * value - 1, draws.values(difference, ratio), draws.effective)
    return Measure("nearer", "Texts nearer to it than to the other", "share", "higher", value, 1 - value, spread)


def _wins(embedded: Embedded) -> Floats:
    """1 where the candidate is nearer, 0 where the baseline is, a half where they tie."""
    return (np.sign(embedded.candidate - embedded.baseline) + 1) / 2


def topics(target: Side, embedded: Embedded, seed: int) -> list[Topic]:
    """The target's topics (k-means on the embeddings), the least covered first."""
    k = int(np.clip(len(target.texts) // TEXTS_A_TOPIC, 2, MOST_TOPICS))
    model = KMeans(k, n_init=4, random_state=seed).fit(embedded.vectors)
    wins, everything = _wins(embedded), np.asarray(embedded.words.mean(0)).ravel()
    readable = np.array([len(name) > 2 and name.isalpha() for name in embedded.names])  # a number names no topic
    listed = []
    for number in range(k):
        members = np.flatnonzero(model.labels_ == number)
        if not len(members):  # fewer different texts than topics
            continue
        typical = np.where(readable, np.asarray(embedded.words[members].mean(0)).ravel() - everything, -np.inf)
        central = members[np.argsort(-(embedded.vectors[members] @ model.cluster_centers_[number]), kind="stable")]
        listed.append(
            Topic(
                terms=[str(embedded.names[word]) for word in np.argsort(-typical, kind="stable")[:NAMING]],
                texts=len(members),
                share=len(members) / len(wins),
                coverage=stats.wilson(round(float(wins[members].sum())), len(members)),
                examples=[target.texts[i][:EXAMPLE_CHARACTERS] for i in central[:2]],
            )
        )
    return sorted(listed, key=lambda topic: topic.coverage.value)
