"""Does it hold for later days than it learned from? The latest years of the test against the earlier ones."""

import re
from collections.abc import Iterable

from metier.highlights import FEWEST, Asked, Highlight, measured, number, within

WHAT = "Latest years of the test"
COLUMNS = ("time", "date", "year")
SHARE = 0.2
"""The latest years are so many that they hold this share of the dated questions, and 20 of them."""


def rows(asked: Asked) -> list[Highlight]:
    """The deciding metric on the latest years; the note says whether training rows reach into them."""
    years = _years(asked)
    if not years:
        return [Highlight(WHAT, None, "No dates in this benchmark: how it does on later rows is not known.")]
    late, n = max(years.values()), len(years)
    while sum(year >= late for year in years.values()) < max(FEWEST, SHARE * n) and late > min(years.values()):
        late -= 1
    latest, earlier = (
        [position for position, year in years.items() if (year >= late) == is_late] for is_late in (True, False)
    )
    if len(latest) < FEWEST or len(earlier) < FEWEST:
        return [Highlight(WHAT, None, f"The {n} dated questions cannot be parted into two times of {FEWEST} or more.")]
    title, metric = asked.metric
    found, before = (measured(metric, asked.only(part), asked.seed) for part in (latest, earlier))
    last = max(years.values())
    span = f"{late} to {last}" if last > late else str(last)
    unit = metric.unit if metric.unit == "share" else ""
    note = (
        f"{title} in {span}, {len(latest):,} questions, {within(found, unit)}; "
        f"earlier ones {number(before.value, unit)}. {_learned(asked, late)}"
    )
    return [Highlight(WHAT, found.value, note, unit)]


def _learned(asked: Asked, late: int) -> str:
    years = [_year(time) for time in asked.learned_times()]
    learned = [year for year in years if year]
    if not learned:
        return "The training rows have no dates, so they may reach into these years."
    if max(learned) >= late:
        return f"Not out of time: training rows reach {max(learned)}."
    if len(learned) < len(years):
        undated = f"{len(years) - len(learned):,} of {len(years):,} training rows have no date"
        return f"{undated}, so they may reach into these years; the others end in {max(learned)}."
    return f"Out of time: training rows end in {max(learned)}."


def _years(asked: Asked) -> dict[int, int]:
    """Position -> year, of the answers that have one: from a slice, else from the benchmark's own rows."""
    answers = asked.tuned.answers
    sliced = {p: _first((a.slices or {}).get(column, "") for column in COLUMNS) for p, a in enumerate(answers)}
    if not any(sliced.values()):
        times = asked.times()
        sliced = {position: _year(times.get(answer.id, "")) for position, answer in enumerate(answers)}
    return {position: year for position, year in sliced.items() if year}


def _first(values: Iterable[str]) -> int | None:
    return next((year for year in map(_year, values) if year), None)


def _year(value: str | None) -> int | None:
    found = re.search(r"(?<!\d)(19|20)\d\d(?=\d{4}(?!\d)|(?!\d))", value or "")  # 2019, 2019-01-05 or 20190105
    return int(found[0]) if found else None
