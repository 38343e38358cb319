"""The slice or group of the lowest accuracy, and the class of the lowest recall."""

from collections import defaultdict

from metier.evaluation import stats
from metier.evaluation.insight import FEWEST, Insight, InsightContext, measured, within
from metier.evaluation.metrics.accuracy import Metric

SUBGROUP, ANSWER = "Lowest accuracy of a subgroup", "Lowest per-class recall"


def rows(context: InsightContext) -> list[Insight]:
    """Of the subgroups with 20 questions or more. The interval holds for all of them at once (Bonferroni)."""
    if not context.right_or_wrong:
        return [Insight(SUBGROUP, None, "These answers are not right or wrong.")]
    subgroups: dict[str, list[int]] = defaultdict(list)
    answers: dict[str, list[int]] = defaultdict(list)
    for position, answer in enumerate(context.tuned.answers):
        for column, value in (answer.slices or {}).items():
            subgroups[f"{column}: {value}"].append(position)
        if answer.group:
            subgroups[f"group: {answer.group}"].append(position)
        if context.labels:
            answers[answer.gold].append(position)
    why = f"The benchmark declares no slices, and none of its groups has {FEWEST} questions."
    if any(answer.slices for answer in context.tuned.answers):
        why = f"No slice and no group has {FEWEST} questions."
    insights = [_worst(context, SUBGROUP, subgroups) or Insight(SUBGROUP, None, why)]
    by_answer = _worst(context, ANSWER, answers)
    return [*insights, by_answer] if by_answer else insights


def _worst(context: InsightContext, what: str, subgroups: dict[str, list[int]]) -> Insight | None:
    enough = {name: positions for name, positions in subgroups.items() if len(positions) >= FEWEST}
    if not enough:
        return None
    right = context.tuned.right
    name = min(enough, key=lambda name: (right[enough[name]].mean(), -len(enough[name]), name))
    positions = enough[name]
    level, n = 1 - 0.05 / len(enough), len(positions)
    table, share = context.only(positions), float(right[positions].mean())
    groups = len(set(table.groups))
    if 1 < groups < stats.FEWEST_CLUSTERS:
        return Insight(what, share, f"{name}; {n:,} questions of {groups} groups, too few for an interval.", "share")
    # In one group there are no groups to draw from, only its own answers.
    interval = (
        stats.wilson(int(right[positions].sum()), n, level)
        if groups == 1
        else measured(Metric(), table, context.seed, level)
    )
    widened = f", widened because it is the lowest of {len(enough)}" if len(enough) > 1 else ""
    return Insight(what, share, f"{name}; {n:,} questions, {within(interval, 'share')}{widened}.", "share")
