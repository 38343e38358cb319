"""Whether the right answer is among the first three: what a person who reads a short list would see."""

from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, measured, number, within
from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics.top_k import Metric

K = 3
WHAT = f"Right answer among the first {K}"


def rows(context: InsightContext) -> list[Insight]:
    """The share of questions whose right answer is one of the three likeliest, beside the base model's."""
    if not context.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    if len(context.labels) <= K:
        return [Insight(WHAT, None, f"This benchmark has {len(context.labels)} labels, so a list of {K} has them all.")]
    if stated(context.tuned) is None:
        return [Insight(WHAT, None, "These answers have no probabilities, so they cannot be ranked.")]
    tuned, base = (measured(Metric(K), table, context.seed) for table in (context.tuned, context.base))
    first = number(float(context.tuned.right.mean()), "share")
    note = f"{within(tuned, 'share')}; the first alone {first}; base model {number(base.value, 'share')}."
    return [Insight(WHAT, tuned.value, note, "share")]
