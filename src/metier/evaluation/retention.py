"""What the base model can do and the tuned model must still do: kept, lost, inconclusive, or only monitored."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from metier.evaluation import stats
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.results import RetentionResult, RetentionState
from metier.evaluation.stats import Interval

MONITORED: Literal["monitored"] = "monitored"
FORGOTTEN: Literal["forgotten"] = "forgotten"
"""The states of a check without a margin: page one shows it and it does not affect the decision. `forgotten`: the whole
interval is worse than the base model."""
HARMLESS = ("kept", MONITORED, FORGOTTEN)
"""States with which a model may ship."""
WORST_FIRST = ("lost", "inconclusive", FORGOTTEN, "kept", MONITORED)


def retention_entry(
    benchmark: Benchmark,
    margin: float | None,
    base: float,
    tuned: float,
    gain: Interval,
    groups: Sequence[str],
    truncated: int = 0,
) -> RetentionResult:
    """Whether a worsening stays inside the margin; without a margin it does not affect the decision.

    `groups`: the cluster of each question.
    """
    title, metric = next(iter(benchmark.build_metrics().items()))
    worse = Interval(-gain.value, -gain.high, -gain.low)
    enough = len(set(groups)) >= stats.FEWEST_CLUSTERS
    if margin is None:
        state: RetentionState = FORGOTTEN if enough and worse.low > 0 else MONITORED
    else:
        state = stats.non_inferiority(worse, margin) if enough else "inconclusive"
    return RetentionResult(
        name=benchmark.name,
        metric=title,
        unit=metric.unit,
        n=len(groups),
        clusters=len(set(groups)),
        base=base,
        tuned=tuned,
        change=worse,
        margin=margin,
        state=state,
        n_required=None if margin is None else stats.n_required(worse, margin, len(groups)),
        truncated=truncated,
    )


def not_too_sure(
    metric: MetricLike,
    gain: Interval,
    pairs: Sequence[tuple[Predictions, Predictions]],
    independent: float | None = None,
) -> Interval:
    """The interval of a gain in a share, at least as wide as Newcombe's for the answers that changed (the mean over
    `pairs` of before and after). `independent`: how many questions tell as much as these; None: as many as clusters.

    The bootstrap alone is too narrow where few answers change: with 50 questions and a model that loses 2 in 100, it
    said kept at a margin of .02 in 37 % of samples; with this in none (docs/statistics.md).
    """
    if metric.unit != "share":
        return gain
    least = stats.paired_share_interval(*changed_answers(pairs, independent))
    return Interval(
        gain.value,
        min(gain.low, gain.value - (least.value - least.low)),
        max(gain.high, gain.value + (least.high - least.value)),
    )


def changed_answers(
    pairs: Sequence[tuple[Predictions, Predictions]], independent: float | None = None
) -> tuple[float, float, float]:
    """(answers that were fixed, that were broken, of how many), as if each cluster were one question."""
    cluster = np.unique(np.asarray(pairs[0][0].groups), return_inverse=True)[1]
    clusters = independent or stats.effective_clusters(cluster)
    changed = np.array([after.right.astype(int) - before.right for before, after in pairs])
    fixed, broken = ((changed == way).mean() * clusters for way in (1, -1))
    return float(fixed), float(broken), clusters


GATHERED_AT_LEAST = 0.1
"""Changed answers of a copy are taken to gather in clusters at least with this intraclass correlation."""


def independent_changes(before: Predictions, after: Predictions) -> float:
    """How many independent questions tell as much about changed answers as these do.

    Another training changes what a model knows about a whole cluster. A copy with rounded weights changes single
    answers that were near a tie, wherever they are. So clusters count by how much the changes do gather in them (the
    design effect, Kish 1965), and are not all taken for one question each. Of 1,000 questions in 249 clusters, even
    equal answers would not be shown to be kept at a margin of .01.

    Few changes do not show how they gather, and none show nothing. So an intraclass correlation of at least
    `GATHERED_AT_LEAST` is assumed: without it, of copies that lose as much as the margin, up to 35 % were called kept
    where 1,000 questions stand in 20 clusters of 50. With it at most 4.3 % were, at correlations of 0, .1 and .3 in
    clusters of 4, 10, 20 and 50. Few changes that gather still more can be called kept more often.
    """
    change = after.right.astype(float) - before.right
    cluster = np.unique(np.asarray(before.groups), return_inverse=True)[1]
    clusters = stats.effective_clusters(cluster)
    least = 1 + GATHERED_AT_LEAST * (len(change) / clusters - 1)
    apart = change - change.mean()
    gathered = float((np.bincount(cluster, apart) ** 2).sum() / (apart**2).sum()) if apart.any() else 1.0
    return max(len(change) / max(gathered, least), clusters)


def worse_by(change: float) -> str:
    """A change in words; above zero is worse."""
    return f"worse by {change:.3f}" if change > 0 else f"better by {-change:.3f}" if change < 0 else "no change"
