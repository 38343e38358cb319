"""The share of contracts in which anything was missed."""

from collections import defaultdict

from metier.evaluation import stats
from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, within
from metier.evaluation.insights.missed import PRECISION, contract, marked, positives

WHAT = "Contracts with a miss"


def rows(context: InsightContext) -> list[Insight]:
    """The share of contracts (groups, services, documents) that have a miss of a label that matters, by the marks
    that `missed` counts."""
    if not context.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    wanted = positives(context)
    predicted, thresholds, _ = marked(context, wanted)
    missed: dict[str, int] = defaultdict(int)
    for answer, right in zip(context.tuned.answers, predicted == context.tuned.gold, strict=True):
        if (name := contract(answer)) and answer.gold in wanted:
            missed[name] += not right
    if not missed:
        return [Insight(WHAT, None, "These questions do not say which contract they are from.")]
    n, hit = len(missed), sum(count > 0 for count in missed.values())
    most = max(missed, key=lambda name: (missed[name], name))
    worst = f"; the most, {missed[most]:,}, in {most}" if hit else ""
    how = f"marked at {100 * PRECISION:.0f} % precision" if thresholds else "by the model's own decision"
    of = f"{hit:,} of {n:,} with something to find, {how}"
    return [Insight(WHAT, hit / n, f"{of}, {within(stats.wilson(hit, n), 'share')}{worst}.", "share")]
