"""Results by slice of the questions: exploratory, and no ground for a decision."""

from collections.abc import Mapping, Sequence

import numpy as np

from metier.evaluation import stats
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.evaluation.results import Slice
from metier.evaluation.scoring import Prediction
from metier.evaluation.stats import Interval

FEWEST = 20
"""Questions below which a slice is counted only; the same holds with fewer clusters than a test needs."""


def slices(
    metric: MetricLike, answers: Mapping[str, Sequence[Prediction]], labels: Sequence[str], seed: int
) -> list[Slice]:
    """One entry for each value of each declared column: n, base, tuned and gain with a 95 % interval.

    Always exploratory: many slices are looked at, nobody said beforehand which, and the intervals are not adjusted.
    """
    base, tuned = answers["base"], answers["tuned"]
    columns = sorted({column for answer in tuned for column in answer.slices or ()})
    entries = []
    for column in columns:
        values = [(answer.slices or {}).get(column) for answer in tuned]
        for value in sorted({value for value in values if value is not None}):
            chosen = [position for position, own in enumerate(values) if own == value]
            entry = Slice(column=column, value=value, n=len(chosen))
            clusters = {tuned[position].group or tuned[position].id for position in chosen}
            if len(chosen) >= FEWEST and len(clusters) >= stats.FEWEST_CLUSTERS:
                tables = [as_predictions([side[position] for position in chosen], labels) for side in (base, tuned)]
                # Nothing where it has no label that the metric counts.
                entry = entry.model_copy(update=_figures(metric, tables, seed))
            entries.append(entry)
    return entries


def _figures(metric: MetricLike, tables: Sequence[Predictions], seed: int) -> dict[str, float | Interval]:
    cluster, weights = stats.bootstrap_weights(tables[0].groups, seed, draws=2000)
    statistics = [metric.statistics(table) for table in tables]
    values = [float(metric.value(table.sum(0))) for table in statistics]
    draws = [stats.resampled(table, cluster, weights, metric.value) for table in statistics]
    sign = 1.0 if metric.higher_is_better else -1.0
    difference, drawn = sign * (values[1] - values[0]), sign * np.subtract(draws[1], draws[0])
    gain = stats.percentile_interval(difference, drawn, clusters=stats.effective_clusters(cluster))
    if not np.isfinite([*values, gain.low, gain.high]).all():
        return {}
    return {"base": values[0], "tuned": values[1], "gain": gain}
