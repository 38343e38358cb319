"""Latency, throughput, and what a thousand answers cost."""

from collections.abc import Mapping

from metier.evaluation.insight import Insight, InsightContext, number

NEEDS_LATENCY = True
ITEMS = 1000
LATENCY, THROUGHPUT = "Latency (p95)", f"Throughput: time for {ITEMS:,} questions"
COST = f"Machine cost of {ITEMS:,} questions"
UNKNOWN = "The version that wrote these answers did not measure time; evaluate in a new folder."


def rows(context: InsightContext) -> list[Insight]:
    """The p95 latency of questions asked one at a time, the minutes that a thousand take in batches, and their cost
    where the pack sets one, all on the machine that evaluated."""
    if not context.timing:
        return [Insight(LATENCY, None, UNKNOWN)]
    size = len(context.tuned.gold) / context.timing["batches"]
    hours = context.timing["seconds"] / len(context.tuned.gold) * ITEMS / 3600
    where = f"In batches of {size:.1f} on average, without loading the model, on the machine in lock.json."
    insights = [
        _latency(context.timing, context.latency, size),
        Insight(THROUGHPUT, round(60 * hours, 3), where, "minutes"),
    ]
    if context.cost_per_hour:
        note = f"{hours:.4f} hours at the pack's {number(context.cost_per_hour)} (`cost_per_hour`)."
        insights.append(Insight(COST, round(hours * context.cost_per_hour, 6), note))
    return insights


def _latency(asking: Mapping[str, float], alone: Mapping[str, float] | None, size: float) -> Insight:
    if not alone:
        note = f"Of a whole batch, {size:.1f} questions on average; no question was asked alone."
        return Insight(LATENCY, asking["p95_s"], note, "s")
    note = (
        f"{alone['n']:,} questions asked one at a time; p50 {number(alone['p50_s'], 's')}. "
        f"In batches of {size:.1f}, where a question waits for its whole batch, p95 is {number(asking['p95_s'], 's')}."
    )
    return Insight(LATENCY, alone["p95_s"], note, "s")
