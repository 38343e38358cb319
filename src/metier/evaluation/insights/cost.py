"""What the mistakes in a thousand answers cost, by the pack's `costs`."""

from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, measured, number, within
from metier.evaluation.metrics.expected_cost import Metric

ITEMS = 1000
WHAT = f"Cost of mistakes in {ITEMS:,} answers"


def rows(context: InsightContext) -> list[Insight]:
    """Mean price of an answer (Elkan 2001, IJCAI) times 1,000, beside the base model's."""
    if not context.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    metric = Metric(context.priced)
    tuned, base = (measured(metric, table, context.seed) for table in (context.tuned, context.base))
    prices = ", ".join(f"{mistake} {number(price)}" for mistake, price in context.priced.items())
    pricing = f"Costs: {prices}, any other 1." if prices else "The pack sets no cost for these mistakes: each costs 1."
    before = number(round(ITEMS * base.value, 1))
    return [
        Insight(WHAT, round(ITEMS * tuned.value, 1), f"{within(tuned, times=ITEMS)}; base model {before}. {pricing}")
    ]
