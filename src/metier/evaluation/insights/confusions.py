"""The mistakes that cost most."""

import numpy as np

from metier.evaluation import costs
from metier.evaluation.comparison import confusion
from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, number

MOST = 5
WHAT = "Costliest confusions"
UNSCORED = "unscored"


def rows(context: InsightContext) -> list[Insight]:
    """The five mistakes `right -> predicted` with the highest count times cost. An unscored answer costs as much as the
    most expensive mistake with that right label, as in `expected_cost`."""
    if not context.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    labels, counts = context.labels, confusion(context.tuned)
    given, prices = [*labels, UNSCORED], costs.matrix(labels, context.priced)
    prices = np.column_stack([prices, prices.max(1)])
    table = context.tuned
    unscored = np.bincount(table.gold[table.predicted < 0], minlength=len(labels))
    counts = np.column_stack([counts, unscored])
    total = counts * prices
    made = [(right, predicted) for right, predicted in zip(*total.nonzero(), strict=True)]
    dearest = sorted(made, key=lambda cell: (-total[cell], -counts[cell], cell))[:MOST]
    return [
        Insight(
            f"Cost of {labels[right]} → {given[predicted]}",
            round(float(total[right, predicted]), 6),
            f"{counts[right, predicted]:,} times at {number(float(prices[right, predicted]))}, of "
            f"{counts[right].sum():,} whose right answer is {labels[right]}.",
        )
        for right, predicted in dearest
    ] or [Insight(WHAT, 0, "The model made no mistake that has a cost.")]
