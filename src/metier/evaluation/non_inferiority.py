"""Whether a tuned model is not worse than a baseline by more than a margin."""

from collections.abc import Sequence

from metier.evaluation import stats
from metier.evaluation.comparison import gain_draws
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.results import Gain
from metier.evaluation.retention import changed_answers, not_too_sure
from metier.evaluation.stats import Variation


def margin_gain(
    metric: MetricLike, baseline: Sequence[Predictions], tuned: Sequence[Predictions], margin: float, seed: int
) -> tuple[Gain, Variation]:
    """The gain over a baseline with its 95 % interval and the p of a gain of -margin, and how much it varies by chance.

    One or several trainings, each with the baseline's answers of its seed. The test is that of `comparison`: paired
    draws of whole clusters, with the gain plus the margin instead of the gain. For shares the interval is at least as
    wide, and p at least as large, as the answers that changed say (`not_too_sure`), as in a retention check. p is 1
    where the gain is not above -margin, so a small p always speaks for the model.
    """
    found = gain_draws(metric, baseline, tuned, seed)
    pairs = list(zip(baseline, tuned, strict=True))
    if len(found.gains) > 1:
        interval = stats.over_trainings(found.gains, found.draws, found.clusters)[0]
        p = stats.over_trainings(found.gains + margin, found.draws + margin, found.clusters)[1]
    else:
        gain = float(found.gains[0])
        interval = stats.percentile_interval(gain, found.draws, clusters=found.clusters)
        p = stats.bootstrap_p(gain + margin, found.draws + margin, found.clusters)
    interval = not_too_sure(metric, interval, pairs)
    if metric.unit == "share":
        p = max(p, stats.paired_share_p(*changed_answers(pairs), margin))
    if found.few or not interval.value + margin > 0:
        p = 1.0
    return Gain(value=interval.value, low=interval.low, high=interval.high, p=p), found.variation
