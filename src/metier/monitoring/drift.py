"""How new rows differ from the test: answers, certainty and texts, each with an interval and a p-value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metier.data.representativeness.classifier import two_samples
from metier.data.representativeness.distributions import jensen_shannon, text_format, text_length
from metier.data.representativeness.neighbors import embed
from metier.data.representativeness.passages import Side
from metier.evaluation import stats
from metier.evaluation.results import Figure
from metier.evaluation.stats import Floats
from metier.monitoring.collect import SAMPLE, SAMPLE_CHARACTERS, Sampled
from metier.monitoring.reference import Reference
from metier.monitoring.results import DriftMeasure

DRAWS = 2000
FEWEST = 20
"""Rows of each side: nothing is measured below."""


@dataclass(frozen=True)
class Sides:
    """The test and the sample of new rows."""

    test: list[Sampled]
    new: list[Sampled]
    seed: int

    @property
    def groups(self) -> list[str]:
        return [f"test:{row.group}" for row in self.test] + [f"new:{row.group}" for row in self.new]


def sides(reference: Reference, sample: Sequence[Sampled]) -> Sides:
    """At most as many test questions as there may be new rows."""
    seed = reference.run.recipe.seed
    rows = [
        Sampled(question.text[:SAMPLE_CHARACTERS], str(answer.answer), float(sure), group)
        for question, answer, sure, group in zip(
            reference.questions, reference.table.answers, reference.certainty, reference.table.groups, strict=True
        )
    ]
    chosen = np.sort(np.random.default_rng([seed, 5]).permutation(len(rows))[:SAMPLE])
    return Sides([rows[at] for at in chosen], list(sample), seed)


def measures(both: Sides, train: Sequence[str], labeled: bool) -> tuple[list[DriftMeasure], list[str]]:
    """(what could be measured, why something could not), with p-values that are adjusted over all of it."""
    if min(len(both.test), len(both.new)) < FEWEST:
        return [], [
            f"Drift takes {FEWEST} test questions and new rows; there are {len(both.test)} and {len(both.new)}."
        ]
    found: list[DriftMeasure | None] = []
    if labeled:
        found.append(_kinds(both, "labels", "Answers: label shares", lambda row: row.answer))
    found.append(_certainty(both))
    why = []
    if any(row.text.strip() for row in both.new):
        found.append(_kinds(both, "lengths", "Texts: length", lambda row: text_length(row.text)))
        found.append(_kinds(both, "formats", "Texts: format", lambda row: text_format(row.text)))
        found += [_told_apart(both), _nearest(both, train)]
        if None in found[-2:]:
            why.append("The words of the texts could not be compared: too few of them occur twice.")
    else:
        why.append("The rows hold no text, so drift of the texts is not measured.")
    measured = [one for one in found if one]
    adjusted = stats.holm([one.p for one in measured])
    return [one.model_copy(update={"p_adjusted": p}) for one, p in zip(measured, adjusted, strict=True)], why


def _kinds(both: Sides, name: str, title: str, kind: Callable[[Sampled], str]) -> DriftMeasure:
    """Jensen-Shannon divergence of shares. Its p is that of exchanging whole groups at random between both sides."""
    kinds = [kind(row) for row in (*both.test, *both.new)]
    names, number = np.unique(np.array(kinds, dtype=object).astype(str), return_inverse=True)
    one_hot = np.zeros((len(kinds), len(names)))
    one_hot[np.arange(len(kinds)), number] = 1
    n = len(both.test)
    value = float(jensen_shannon(one_hot[:n].sum(0), one_hot[n:].sum(0)))
    parts = []
    for number_, part in enumerate((slice(0, n), slice(n, None))):
        cluster, weights = stats.bootstrap_weights(both.groups[part], both.seed + number_, DRAWS)
        parts.append((weights @ _summed(one_hot[part], cluster), stats.effective_clusters(cluster)))
    draws = jensen_shannon(parts[0][0], parts[1][0])
    found = stats.figure_interval(value, draws, clusters=min(effective for _, effective in parts))
    p = _exchanged(both, one_hot, value)
    return _measure(name, f"{title} (bits)", None, value, found, 0.0, p)


def _exchanged(both: Sides, one_hot: Floats, value: float) -> float:
    _, cluster = np.unique(np.asarray(both.groups), return_inverse=True)
    sums = _summed(one_hot, cluster)
    mine = np.zeros(len(sums), dtype=bool)
    mine[cluster[: len(both.test)]] = True
    generator = np.random.default_rng([both.seed, 6])
    beyond = 0
    for _ in range(DRAWS // 100):
        drawn = generator.permuted(np.tile(mine, (100, 1)), axis=1).astype(float)
        beyond += int((jensen_shannon(drawn @ sums, (1 - drawn) @ sums) >= value - 1e-12).sum())
    return (1 + beyond) / (1 + DRAWS)


def _summed(values: Floats, cluster: NDArray[np.int64]) -> Floats:
    sums = np.zeros((int(cluster.max()) + 1, values.shape[1]))
    np.add.at(sums, cluster, values)
    return sums


def _certainty(both: Sides) -> DriftMeasure | None:
    kept = replace(
        both,
        test=[row for row in both.test if np.isfinite(row.certainty)],
        new=[row for row in both.new if np.isfinite(row.certainty)],
    )
    if min(len(kept.test), len(kept.new)) < FEWEST:
        return None
    values = np.array([row.certainty for row in (*kept.test, *kept.new)])
    return _means(kept, "certainty", "Certainty, mean", values)


def _means(both: Sides, name: str, title: str, values: Floats) -> DriftMeasure:
    """The difference of two means, with draws of whole groups on each side."""
    n, means, draws, effective = len(both.test), [], [], []
    for number, part in enumerate((slice(0, n), slice(n, None))):
        cluster, weights = stats.bootstrap_weights(both.groups[part], both.seed + number, DRAWS)
        sums = weights @ _summed(np.column_stack([values[part], np.ones(len(values[part]))]), cluster)
        means.append(float(values[part].mean()))
        draws.append(sums[:, 0] / sums[:, 1])
        effective.append(stats.effective_clusters(cluster))
    apart, clusters = means[1] - means[0], min(effective)
    found = stats.percentile_interval(apart, draws[1] - draws[0], clusters=clusters)
    p = stats.bootstrap_p(apart, draws[1] - draws[0], clusters)
    return _measure(name, title, means[0], means[1], found, 0.0, p)


def _told_apart(both: Sides) -> DriftMeasure | None:
    found = two_samples([row.text for row in both.test], [row.text for row in both.new], both.groups, both.seed)
    if found is None:
        return None
    interval = stats.percentile_interval(found.auc, found.draws, clusters=found.effective)
    p = stats.bootstrap_p(found.auc - 0.5, found.draws - 0.5, found.effective)
    return _measure("told_apart", "Texts: told apart by a classifier (AUC)", None, found.auc, interval, 0.5, p)


def _nearest(both: Sides, train: Sequence[str]) -> DriftMeasure | None:
    """How near texts are to their nearest training text."""
    drawn = np.random.default_rng([both.seed, 8]).permutation(len(train))[:SAMPLE]
    learned = [train[at][:SAMPLE_CHARACTERS] for at in drawn]
    try:
        values = embed(_side([row.text for row in (*both.test, *both.new)]), _side(learned), None, both.seed).candidate
    except ValueError:  # no word is in two texts
        return None
    return _means(both, "nearest", "Texts: cosine to the nearest training text, mean", values)


def _side(texts: list[str]) -> Side:
    return Side(texts, texts, np.arange(len(texts)))


def _measure(
    name: str, title: str, test: float | None, new: float, found: stats.Interval, no_change: float, p: float
) -> DriftMeasure:
    return DriftMeasure(
        name=name, title=title, test=test, new=new, difference=_figure(found), no_change=no_change, p=p, p_adjusted=p
    )


def _figure(found: stats.Interval) -> Figure:
    low, high = (None if not np.isfinite(end) else float(end) for end in (found.low, found.high))
    return Figure(value=float(found.value), low=low, high=high)
