"""Can a classifier tell the two apart? The two-sample test of Lopez-Paz & Oquab 2017 (ICLR), as an AUC."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from metier.data.representativeness.measure import Draws, Measure, interval
from metier.data.representativeness.passages import WORDS, Side
from metier.evaluation.stats import Floats

FOLDS = 5


@dataclass(frozen=True)
class TwoSamples:
    """How well two sets of texts can be told apart."""

    auc: float
    """0.5 is indistinguishable."""
    draws: Floats
    """Of the AUC, over drawn groups."""
    effective: float
    """Groups, as `stats.effective_clusters` counts them, of the side that has fewer."""


def separability(target: Side, candidate: Side, baseline: Side, seed: int) -> Measure | None:
    """AUC of telling the candidate from the target, and the baseline from the target: 0.5 is indistinguishable.

    None where a side has fewer documents than there are folds: a fold would be of one side alone.
    """
    n = min(len(part.texts) for part in (target, candidate, baseline))
    generator = np.random.default_rng([seed, 7])
    own = target.draw(n, generator)
    shared = Draws.of(own.document, seed)
    values, drawn, clusters = [], [], [shared.effective]
    for number, other in enumerate((candidate, baseline), start=1):
        other = other.draw(n, generator)
        if min(len(set(part.document.tolist())) for part in (own, other)) < FOLDS:
            return None
        resampled = Draws.of(other.document, seed + number)
        scores = _scores(own, other, seed)
        values.append(float(auc(scores, np.ones((1, n)), np.ones((1, n)))[0]))
        drawn.append(auc(scores, shared.weights[:, shared.cluster], resampled.weights[:, resampled.cluster]))
        clusters.append(resampled.effective)
    difference = interval(values[0] - values[1], drawn[0] - drawn[1], min(clusters))
    own_interval = interval(values[0], drawn[0], min(clusters))
    further = {"low": own_interval.low, "high": own_interval.high, "texts": n}
    return Measure("auc", "Told apart from the target", "AUC", "lower", values[0], values[1], difference, further)


def _scores(own: Side, other: Side, seed: int) -> Floats:
    """Out-of-fold scores, the target's first; a document stands in one fold only."""
    texts, right = [*own.texts, *other.texts], np.repeat([1, 0], [len(own.texts), len(other.texts)])
    groups = np.concatenate([own.document, other.document + own.document.max() + 1])
    words = TfidfVectorizer(token_pattern=WORDS, sublinear_tf=True, min_df=2)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    model = make_pipeline(words, LogisticRegression(max_iter=300, random_state=seed))
    scores: Floats = cross_val_predict(model, texts, right, groups=groups, cv=folds, method="decision_function")
    return scores


def auc(scores: Floats, own: Floats, other: Floats) -> Floats:
    """(draws,) area under the curve, ties counting half, from weights (draws, n) of the target's and other scores."""
    places, levels = np.unique(scores, return_inverse=True)
    n = own.shape[1]
    ahead = _at_levels(other, levels[n:], len(places))
    below = np.cumsum(ahead, 1) - ahead / 2
    won = (_at_levels(own, levels[:n], len(places)) * below).sum(1)
    return won / (own.sum(1) * other.sum(1))


def _at_levels(weights: Floats, levels: NDArray[np.int64], size: int) -> Floats:
    sums = np.zeros((size, len(weights)))
    np.add.at(sums, levels, weights.T)
    return sums.T


def two_samples(first: Sequence[str], second: Sequence[str], groups: Sequence[str], seed: int) -> TwoSamples | None:
    """The classifier learns from half of the groups and tells the texts of the other half apart.

    `groups`: of the first texts, then of the second. None where a half lacks one of the two, or has no common words.
    """
    texts, right = np.array([*first, *second], dtype=object), np.repeat([0, 1], [len(first), len(second)])
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    learned = (np.random.default_rng([seed, 9]).permutation(len(names)) < len(names) / 2)[group]
    if any(len(set(right[half].tolist())) < 2 for half in (learned, ~learned)):
        return None
    words = TfidfVectorizer(token_pattern=WORDS, sublinear_tf=True, min_df=2)
    model = make_pipeline(words, LogisticRegression(max_iter=300, class_weight="balanced", random_state=seed))
    try:
        model.fit(texts[learned], right[learned])
    except ValueError:  # no word is in two texts
        return None
    scores, told = model.decision_function(texts[~learned]), right[~learned]
    order = np.argsort(-told, kind="stable")  # as `auc` takes them: those with the higher scores first
    drawn = [Draws.of(group[~learned][told == side], seed + side) for side in (1, 0)]
    weights = [one.weights[:, one.cluster] for one in drawn]
    value = float(auc(scores[order], np.ones((1, int(told.sum()))), np.ones((1, int((1 - told).sum()))))[0])
    draws = auc(scores[order], *weights)
    return TwoSamples(value, draws, min(one.effective for one in drawn))
