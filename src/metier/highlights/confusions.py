"""Which mistakes cost most."""

from metier import costs
from metier.highlights import NO_LABELS, Asked, Highlight, number
from metier.verdict import confusion

MOST = 5
WHAT = "Costliest confusions"


def rows(asked: Asked) -> list[Highlight]:
    """The five `right -> said` whose number times price is highest."""
    if not asked.labels:
        return [Highlight(WHAT, None, NO_LABELS)]
    labels, counts = asked.labels, confusion(asked.tuned.answers, asked.labels)
    prices = costs.matrix(labels, asked.priced)
    total = counts * prices
    made = [(right, said) for right, said in zip(*total.nonzero(), strict=True)]
    dearest = sorted(made, key=lambda cell: (-total[cell], -counts[cell], cell))[:MOST]
    return [
        Highlight(
            f"Cost of {labels[right]} → {labels[said]}",
            round(float(total[right, said]), 6),
            f"{counts[right, said]:,} times at {number(float(prices[right, said]))}, of "
            f"{counts[right].sum():,} whose right answer is {labels[right]}.",
        )
        for right, said in dearest
    ] or [Highlight(WHAT, 0, "No answer was mistaken for another one that has a price.")]
