"""Whether it still works on later data than it learned from: the latest part of the test against the earlier one."""

import re
from collections.abc import Iterable

import numpy as np

from metier.evaluation.insight import FEWEST, Insight, InsightContext, measured, number, within

WHAT, WHAT_DATES = "Latest years of the test", "Latest dates of the test"
COLUMNS = ("time", "date", "year")
SHARE = 0.2
"""The latest part is so long that it holds this share of the dated questions, and 20 of them."""
YEAR, MONTH, DAY = 4, 7, 10
"""Characters of a date that say so much."""
DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:-?(0[1-9]|1[0-2])(?:-?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")


def rows(context: InsightContext) -> list[Insight]:
    """The deciding metric on the latest years, or on the latest months or days where the test is of one year; the note
    says whether training rows reach into them."""
    dates = _dates(context)
    if not dates:
        return [Insight(WHAT, None, "No dates in this benchmark: it is not known how it performs on later data.")]
    parts = next((both for length in (YEAR, MONTH, DAY) if (both := _parted(dates, length))), None)
    if parts is None:
        why = f"The {len(dates)} dated questions cannot be split into two periods of {FEWEST} or more."
        return [Insight(WHAT, None, why)]
    length, latest, earlier = parts
    title, metric = context.metric
    after, before = (measured(metric, context.only(part), context.seed) for part in (latest, earlier))
    first, last = (edge(dates[position] for position in latest) for edge in (min, max))
    span = f"{first[:length]} to {last[:length]}" if first[:length] != last[:length] else last[:length]
    unit = metric.unit if metric.unit == "share" else ""
    ago = number(before.value, unit) if np.isfinite(before.value) else "–"
    note = (
        f"{title} in {span}, {len(latest):,} questions, {within(after, unit)}; earlier ones {ago}. "
        f"{_learned(context, first)}"
    )
    return [Insight(WHAT if length == YEAR else WHAT_DATES, after.value, note, unit)]


def _parted(dates: dict[int, str], length: int) -> tuple[int, list[int], list[int]] | None:
    """(length, positions of the latest part, of the earlier one), whole years, months or days by `length`; None where
    a part is too small, or a date does not say so much."""
    if any(len(date) < length for date in dates.values()):
        return None
    enough, taken = max(FEWEST, SHARE * len(dates)), 0
    for late in sorted({date[:length] for date in dates.values()}, reverse=True):
        taken += sum(date[:length] == late for date in dates.values())
        if taken >= enough:
            break
    latest = [position for position, date in dates.items() if date[:length] >= late]
    earlier = [position for position, date in dates.items() if date[:length] < late]
    return (length, latest, earlier) if min(len(latest), len(earlier)) >= FEWEST else None


def _learned(context: InsightContext, first: str) -> str:
    """Whether training rows reach the first date of the latest part, as far as both dates say."""
    dates = [_date(time) for time in context.learned_times()]
    learned = [date for date in dates if date]
    if not learned:
        return "The training rows have no dates, so they may be from the same period."
    if any(date >= first[: len(date)] for date in learned):
        return f"Not out of time: training rows go up to {max(learned)}."
    if len(learned) < len(dates):
        undated = f"{len(dates) - len(learned):,} of {len(dates):,} training rows have no date"
        return f"{undated}, so they may be from the same period; the others end in {max(learned)}."
    return f"Out of time: training rows end in {max(learned)}."


def _dates(context: InsightContext) -> dict[int, str]:
    """Position -> YYYY, YYYY-MM or YYYY-MM-DD, of the answers that have one: from a slice, else from the benchmark's
    own rows."""
    answers = context.tuned.answers
    sliced = {p: _first((a.slices or {}).get(column, "") for column in COLUMNS) for p, a in enumerate(answers)}
    if not any(sliced.values()):
        times = context.times()
        sliced = {position: _date(times.get(answer.id, "")) for position, answer in enumerate(answers)}
    return {position: date for position, date in sliced.items() if date}


def _first(values: Iterable[str]) -> str | None:
    return next((date for date in map(_date, values) if date), None)


def _date(value: str | None) -> str | None:
    match = DATE.search(value or "")  # 2019, 2019-01, 2019-01-05 or 20190105
    return "-".join(part for part in match.groups() if part) if match else None
