"""How long a question waits, and what a thousand take."""

from metier.highlights import Asked, Highlight

ITEMS = 1000
WAIT, ALL = "Wait for an answer, p95", f"Minutes for {ITEMS:,} questions"
UNKNOWN = "These answers were given by a version that took no times; evaluate in a new folder."


def rows(asked: Asked) -> list[Highlight]:
    """The wait of 95 in 100 questions, and minutes, on the machine that evaluated, asked in batches."""
    if not asked.asking:
        return [Highlight(WAIT, None, UNKNOWN)]
    n, asking = len(asked.tuned.gold), asked.asking
    note = (
        f"Asked in batches of {n / asking['batches']:.1f} on average, and a question waits for its whole "
        "batch. One asked alone was not measured."
    )
    minutes = asking["seconds"] / n * ITEMS / 60
    return [
        Highlight(WAIT, asking["p95_s"], note, "s"),
        Highlight(ALL, round(minutes, 3), "On this machine, without loading the model; lock.json names it.", "minutes"),
    ]
