"""The mistakes that cost most."""

import numpy as np

from metier.evaluation import costs
from metier.evaluation.comparison import confusion
from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, number

MOST = 5
WHAT = "Costliest confusions"
UNSCORED = "unscored"


def rows(asked: InsightContext) -> list[Insight]:
    """The five mistakes `right -> predicted` with the highest count times cost. An unscored answer costs as much as the
    most expensive mistake with that right label, as in `expected_cost`."""
    if not asked.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    labels, counts = asked.labels, confusion(asked.tuned)
    given, prices = [*labels, UNSCORED], costs.matrix(labels, asked.priced)
    prices = np.column_stack([prices, prices.max(1)])
    table = asked.tuned
    unscored = np.bincount(table.gold[table.predicted < 0], minlength=len(labels))
    counts = np.column_stack([counts, unscored])
    total = counts * prices
    made = [(right, said) for right, said in zip(*total.nonzero(), strict=True)]
    dearest = sorted(made, key=lambda cell: (-total[cell], -counts[cell], cell))[:MOST]
    return [
        Insight(
            f"Cost of {labels[right]} → {given[said]}",
            round(float(total[right, said]), 6),
            f"{counts[right, said]:,} times at {number(float(prices[right, said]))}, of "
            f"{counts[right].sum():,} whose right answer is {labels[right]}.",
        )
        for right, said in dearest
    ] or [Insight(WHAT, 0, "The model made no mistake that has a cost.")]
