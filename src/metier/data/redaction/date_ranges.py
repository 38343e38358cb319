"""Two dates written as one, as stays are: 3/5-3/7/2024, March 28-April 2, 2024, 5-9 March 2024.

Each end may leave out what the other says. Both ends move by the same days, also where only one of them has a year.
"""

import re
from typing import NamedTuple

from metier.data.redaction.date_forms import BEFORE_YEAR, CAPITAL, OF, SMALL, TH, YEAR, moved, read

_JOIN = r"(?: ?[-–—] ?| (?i:to|thru|through|until) )"
_MONTH = rf"(?:{CAPITAL}|{SMALL})\b\.?"
_YEARED = rf"(?:{BEFORE_YEAR}{YEAR}\b)"
_DAY = rf"\d\d?{TH}?"
_END = r"(?![\w/:%-]|[.,]\d| ?%)"
# March 5-9, 2024; March 28 - April 2, 2024. Tried where a month stands.
FROM_MONTH = re.compile(
    rf"{_MONTH}[ -]{_DAY}(?:{_YEARED}?{_JOIN}{_MONTH} {_DAY}{_YEARED}?|{_JOIN}{_DAY}{_YEARED}|[-–—]{_DAY}){_END}"
)
# 03/05/2024-03/09/2024, 2024-03-05/2024-03-09, 3/5-3/7/24, 3/5-7/2024, 03/2023-05/2024; 3/5-3/7; 5-9 March 2024,
# 28 March-2 April. Without the first digit, which stands before it in dates.py.
_FULL = rf"(?:/\d\d?/(?:{YEAR}|\d\d)|-\d\d?-(?:{YEAR}|\d\d)|\.\d\d?\.{YEAR}|/{YEAR})"
_ISO = r"(?:-\d\d?-\d\d?|/\d\d?/\d\d?|\.\d\d\.\d\d)"
FROM_DIGIT = (
    rf"(?:(?<=[12])[089]\d\d{_ISO}(?:{_JOIN}|/){YEAR}{_ISO}"
    rf"|\d?(?:{_FULL}|/\d\d?){_JOIN}\d\d?{_FULL}|\d?/\d\d?[-–]\d\d?/{YEAR}"
    rf"|\d?/(?P<one>\d\d?){_JOIN}\d\d?/(?P<other>\d\d?)"
    rf"|(?:\d?{TH}?(?:{_JOIN}|{OF}{_MONTH}{_YEARED}?{_JOIN}){_DAY}{OF}"
    rf"(?P<last_month>{CAPITAL}|{SMALL})\b\.?{_YEARED}?)){_END}"
)
JOIN = re.compile(rf"{_JOIN}|/(?={YEAR}[-/.])")
_ONLY_DAY = re.compile(rf"{_DAY}(?:(?:, ?| ){YEAR})?|\d\d?/{YEAR}")
_HEAD = re.compile(r"[A-Za-z]+\.?[ -]|\d\d?/")
_TAIL = re.compile(r"(?: of |[ -])[A-Za-z].*$", re.I)


class Range(NamedTuple):
    """Two ends, each as if it stood alone, and what each of them borrows from the other."""

    first: str
    join: str
    last: str
    head: str
    """What the last borrows: "March " of "March 5-9, 2024"."""
    tail: str
    """What the first borrows: ", 2024" there, " March 2024" in "5-9 March 2024"."""


def split(written: str) -> Range | None:
    """The two dates of a range; None where it cannot be read as two."""
    for join in JOIN.finditer(written):
        first, last = written[: join.start()], written[join.end() :]
        head = _HEAD.match(first) if _ONLY_DAY.fullmatch(last) and not re.search(YEAR, first) else None
        last = (head[0] if head else "") + last
        tail = _TAIL.search(last) if re.fullmatch(_DAY, first) else None
        borrowed = tail[0] if tail else _year_of(first, last)
        dates = Range(first + borrowed, join[0], last, head[0] if head else "", borrowed)
        if read(dates.first) and read(last):
            return dates
    return None


def _year_of(first: str, last: str) -> str:
    """The end of the last date with its year, where the first has none; a year less where that lies behind the last."""
    own, other = read(first), read(last)
    if not other or other[1][-1][1] != "year" or (own and any(part == "year" for _, part in own[1])):
        return ""
    (start, end), _ = other[1][-1]
    tail = last[other[1][-2][0][1] : end].lstrip(".")  # of "28 Mar-2 Apr. 2024"
    whole = read(first + tail)
    if not whole or whole[0] <= other[0]:
        return tail
    return f"{tail[: start - end]}{(int(last[start:end]) - 1) % 10 ** (end - start):0{end - start}d}"


def shifted(written: str, days: int) -> str | None:
    """The range with both ends moved, in its own form; a month is named twice where the ends come to lie in two."""
    pair = split(written)
    first, last = (moved(pair.first, days), moved(pair.last, days)) if pair else (None, None)
    if not pair or first is None or last is None:
        return None
    if pair.head:
        head = _HEAD.match(last)
        last = last[len(head[0]) :] if head and first.startswith(head[0]) else last
    if re.search("[A-Za-z]", pair.tail):
        tail = _TAIL.search(last)
        return (first.removesuffix(tail[0]) if tail else first) + pair.join + last
    return (first[: -len(pair.tail)] if pair.tail else first) + pair.join + last
