"""How long a question waits, how long a thousand take, and what that costs."""

from collections.abc import Mapping

from metier.evaluation.insight import Insight, InsightContext, number

NEEDS_LATENCY = True
ITEMS = 1000
WAIT, ALL, PAID = "Wait for an answer, p95", f"Minutes for {ITEMS:,} questions", f"Machine cost of {ITEMS:,} questions"
UNKNOWN = "These answers were given by a version that took no times; evaluate in a new folder."


def rows(asked: InsightContext) -> list[Insight]:
    """The wait of 95 in 100 questions asked one at a time, the minutes of a thousand asked in batches, and their price
    where the pack has one, all on the machine that evaluated."""
    if not asked.timing:
        return [Insight(WAIT, None, UNKNOWN)]
    size = len(asked.tuned.gold) / asked.timing["batches"]
    hours = asked.timing["seconds"] / len(asked.tuned.gold) * ITEMS / 3600
    where = (
        f"Asked in batches of {size:.1f} on average, on this machine, without loading the model; lock.json names it."
    )
    found = [_wait(asked.timing, asked.latency, size), Insight(ALL, round(60 * hours, 3), where, "minutes")]
    if asked.machine_hour:
        said = f"{hours:.4f} hours at the pack's {number(asked.machine_hour)} (`machine_hour`)."
        found.append(Insight(PAID, round(hours * asked.machine_hour, 6), said))
    return found


def _wait(asking: Mapping[str, float], alone: Mapping[str, float] | None, size: float) -> Insight:
    if not alone:
        note = f"Of a question that waits for its whole batch, {size:.1f} on average; none was asked alone."
        return Insight(WAIT, asking["p95_s"], note, "s")
    note = (
        f"Of {alone['n']:,} questions asked one at a time; half of them waited less than "
        f"{number(alone['p50_s'], 's')}. "
        f"In batches of {size:.1f} a question waits for its whole batch, {number(asking['p95_s'], 's')}."
    )
    return Insight(WAIT, alone["p95_s"], note, "s")
