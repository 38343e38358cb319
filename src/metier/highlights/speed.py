"""How long a question waits, how long a thousand take, and what that costs."""

from metier.highlights import Asked, Highlight, number

TIMES_ALONE = True
ITEMS = 1000
PRICE = "machine hour"
"""In a pack's `costs`: what an hour of the machine costs, in the currency of the business."""
WAIT, ALL, PAID = "Wait for an answer, p95", f"Minutes for {ITEMS:,} questions", f"Machine cost of {ITEMS:,} questions"
UNKNOWN = "These answers were given by a version that took no times; evaluate in a new folder."


def rows(asked: Asked) -> list[Highlight]:
    """The wait of 95 in 100 questions asked one at a time, the minutes of a thousand asked in batches, and their price,
    all on the machine that evaluated."""
    if not asked.asking:
        return [Highlight(WAIT, None, UNKNOWN)]
    size = len(asked.tuned.gold) / asked.asking["batches"]
    minutes = asked.asking["seconds"] / len(asked.tuned.gold) * ITEMS / 60
    where = (
        f"Asked in batches of {size:.1f} on average, on this machine, without loading the model; lock.json names it."
    )
    return [_wait(asked, size), Highlight(ALL, round(minutes, 3), where, "minutes"), _paid(asked, minutes / 60)]


def _wait(asked: Asked, size: float) -> Highlight:
    batched = asked.asking["p95_s"] if asked.asking else float("nan")
    if not asked.alone:
        note = f"Of a question that waits for its whole batch, {size:.1f} on average; none was asked alone."
        return Highlight(WAIT, batched, note, "s")
    note = (
        f"Of {asked.alone['n']:,} questions asked one at a time; half of them waited less than "
        f"{number(asked.alone['p50_s'], 's')}. In batches of {size:.1f} a question waits for its whole batch, "
        f"{number(batched, 's')}."
    )
    return Highlight(WAIT, asked.alone["p95_s"], note, "s")


def _paid(asked: Asked, hours: float) -> Highlight:
    if PRICE not in asked.costs:
        return Highlight(
            PAID, None, f"{hours:.4f} hours times your price of one, which the pack's `costs` may name ('{PRICE}')."
        )
    price = asked.costs[PRICE]
    return Highlight(PAID, round(hours * price, 6), f"{hours:.4f} hours at {number(price)}, the pack's '{PRICE}'.")
