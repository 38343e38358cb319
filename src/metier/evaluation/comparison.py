"""Two models on the same questions: what the second gains over the first, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.stats import Interval, Variation


@dataclass(frozen=True)
class Paired:
    """Two models on the same questions, under one metric."""

    before: Interval
    after: Interval
    gain: Interval
    p: float
    test: str
    minimum_detectable_effect: float
    variation: Variation


def compare(metric: MetricLike, before: Predictions, after: Predictions, seed: int, alpha: float) -> Paired:
    """What `after` gains over `before` in a metric; positive is better whatever the metric.

    Both are weighted by the same bootstrap draws of whole clusters, so that a hard draw is hard for both.
    """
    same_questions(before, after)
    sign = 1.0 if metric.higher_is_better else -1.0
    cluster, weights = stats.bootstrap_weights(before.groups, seed)
    first, second = metric.statistics(before), metric.statistics(after)
    values = [float(metric.value(table.sum(0))) for table in (first, second)]
    draws = [stats.resampled(table, cluster, weights, metric.value) for table in (first, second)]
    few, clusters = cluster.max() + 1 < stats.FEWEST_CLUSTERS, stats.effective_clusters(cluster)
    if not np.isfinite(values).all():
        raise UserError(
            f"The metric {type(metric).__module__} finds nothing to work with in these answers (it may count labels "
            "that are neither right nor said, or read probabilities or parts that the benchmark's scorer does not "
            "give). Take it out of `metrics`."
        )
    difference, difference_draws = sign * (values[1] - values[0]), sign * (draws[1] - draws[0])
    intervals = [
        stats.figure_interval(value, drawn, clusters=clusters, share_of_right=metric.share_of_right)
        for value, drawn in zip(values, draws, strict=True)
    ]
    test, p = "paired bootstrap", stats.bootstrap_p(difference, difference_draws, clusters)
    variation = Variation(len(before.gold), clusters, stats.standard_error(difference_draws))
    single = len(set(before.groups)) == len(before.groups)
    if metric.share_of_right:
        fixed, broken = fixed_and_broken(before, after)
        if single:
            n = len(before.gold)
            intervals = [stats.wilson(round(value * n), n) for value in values]
            test, p = "mid-p McNemar", stats.mcnemar_mid_p(fixed, broken)
            variation = replace(variation, discordant=(fixed + broken) / n)
    if not single:
        test = "paired cluster bootstrap"
    if few:
        # A handful of clusters that agree says nothing: draws of them never disagree, and p would be tiny.
        test, p = f"too few groups to test (fewer than {stats.FEWEST_CLUSTERS})", 1.0
    gain = stats.percentile_interval(difference, difference_draws, clusters=clusters)
    return Paired(intervals[0], intervals[1], gain, p, test, stats.detectable(variation, alpha), variation)


@dataclass(frozen=True)
class MeanGain:
    """What several trainings gain in the mean."""

    gain: Interval
    p: float
    minimum_detectable_effect: float
    variation: Variation


def mean_gain(
    metric: MetricLike, before: Sequence[Predictions], after: Sequence[Predictions], seed: int, alpha: float = 0.05
) -> MeanGain:
    """Gain of the mean over seeds, its 95 % interval and p, by chance in the questions and in the trainings.

    Every draw takes the same clusters of questions for both arms, and an arm's training is held against the other's of
    the same seed. Where clusters are too few to draw from, p is 1.
    """
    found = gain_draws(metric, before, after, seed)
    if len(found.gains) > 1:
        interval, p = stats.over_trainings(found.gains, found.draws, found.clusters)
    else:
        interval = stats.percentile_interval(float(found.gains[0]), found.draws, clusters=found.clusters)
        p = stats.bootstrap_p(float(found.gains[0]), found.draws, found.clusters)
    return MeanGain(interval, 1.0 if found.few else p, stats.detectable(found.variation, alpha), found.variation)


@dataclass(frozen=True, eq=False)
class GainDraws:
    """The gains of some trainings, and their mean under draws of whole clusters of questions."""

    gains: stats.Floats
    """(trainings,)"""
    draws: stats.Floats
    """(draws,) of their mean."""
    clusters: float
    """See `stats.effective_clusters`."""
    few: bool
    """Whether there are too few clusters to draw from."""
    variation: Variation


def gain_draws(metric: MetricLike, before: Sequence[Predictions], after: Sequence[Predictions], seed: int) -> GainDraws:
    """What each training gains, above zero is better, and the draws of the mean. Every draw takes the same clusters for
    both arms."""
    for pair in zip(before, after, strict=True):
        same_questions(*pair)
    sign = 1.0 if metric.higher_is_better else -1.0
    cluster, weights = stats.bootstrap_weights(before[0].groups, seed)
    values, draws = [], []
    for tables in (before, after):
        statistics = [metric.statistics(table) for table in tables]
        values.append(np.array([float(metric.value(table.sum(0))) for table in statistics]))
        draws.append(np.stack([stats.resampled(table, cluster, weights, metric.value) for table in statistics]))
    gains, differences = sign * (values[1] - values[0]), sign * (draws[1] - draws[0]).mean(0)
    clusters, few = stats.effective_clusters(cluster), bool(cluster.max() + 1 < stats.FEWEST_CLUSTERS)
    trained = float(gains.var(ddof=1)) / len(gains) if len(gains) > 1 else 0.0
    error = stats.standard_error(differences)
    variation = Variation(len(before[0].gold), clusters, error, trainings=len(gains), trained=trained)
    return GainDraws(gains, differences, clusters, few, variation)


def same_questions(before: Predictions, after: Predictions) -> None:
    """Raises `UserError` where two models answered different questions, in another order or with other right answers:
    a paired test of them would mean nothing."""
    questions = [[(answer.id, answer.gold) for answer in table.answers] for table in (before, after)]
    if questions[0] != questions[1]:
        raise UserError(
            "Two models answered different questions (the test data changed between them?), so they cannot be "
            "compared. Run the recipe again: `metier run RECIPE --out` with the run's folder does what is missing."
        )


def fixed_and_broken(before: Predictions, after: Predictions) -> tuple[int, int]:
    """Questions that were wrong and are right now, and the other way round."""
    return int((~before.right & after.right).sum()), int((before.right & ~after.right).sum())


def confusion(table: Predictions) -> NDArray[np.int64]:
    """(labels, labels) counts: rows are the right labels, columns the given ones."""
    counts = np.zeros((len(table.labels), len(table.labels)), dtype=np.int64)
    judged = table.predicted >= 0
    np.add.at(counts, (table.gold[judged], table.predicted[judged]), 1)
    return counts
