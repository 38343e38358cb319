"""How one date is written: read in any of its forms, and written again in the same form some days on."""

import re
from datetime import date, timedelta

from metier.data.redaction import words

MONTHS = words.row("January February March April May June July August September October November December")
CAPITAL = "|".join(f"{month}|{month.upper()}|{month[:3]}|{month[:3].upper()}" for month in MONTHS) + "|Sept|SEPT"
SMALL = "|".join(f"{month.lower()}|{month[:3].lower()}" for month in MONTHS) + "|sept"
YEAR = r"(?:1[89]|20)\d\d"
TH = r"(?i:st|nd|rd|th)"
BEFORE_YEAR = r"(?:, ?| |-)"

Parts = list[tuple[tuple[int, int], str]]
OF = r"(?:(?i: of )|[ -])"
_READ = [
    (re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)"), ("year", "month", "day")),
    (re.compile(r"(\d{4})(\d\d)(\d\d)"), ("year", "month", "day")),
    (re.compile(r"(\d\d?)[-/](\d\d?)[-/](\d{4}|\d\d)"), ("month", "day", "year")),
    (re.compile(r"(\d\d?)[-/.](\d\d?)[-/.](\d{4}|\d\d)"), ("day", "month", "year")),  # 13 or more first, or dots
    (re.compile(r"(\d\d)(\d\d)(\d{4})"), ("month", "day", "year")),
    (re.compile(r"(\d\d?)/(\d{4})"), ("month", "year")),
    (re.compile(r"(\d\d?)/(\d\d?)"), ("month", "day")),
    (re.compile(rf"([A-Za-z]+)\.?[ -](\d\d?)({TH})?{BEFORE_YEAR}(\d{{4}})"), ("name", "day", "th", "year")),
    (re.compile(rf"([A-Za-z]+)\.?[ -](\d\d?)({TH})?"), ("name", "day", "th")),
    (re.compile(rf"([A-Za-z]+)\.?{BEFORE_YEAR}(\d{{4}})"), ("name", "year")),
    (re.compile(rf"(\d\d?)({TH})?{OF}([A-Za-z]+)\.?{BEFORE_YEAR}(\d{{4}}|\d\d)"), ("day", "th", "name", "year")),
    (re.compile(rf"(\d\d?)({TH})?{OF}([A-Za-z]+)\.?"), ("day", "th", "name")),
]


def read(written: str) -> tuple[date, Parts] | None:
    """The day that is meant, and where its parts stand. Month before day where both can be; no day: the fifteenth.

    A date without a year is read in 2001: its distance to others without one is kept except around the turn of a year.
    """
    for pattern, names in _READ:
        match = pattern.fullmatch(written)
        if not match:
            continue
        value = {"day": "15", "year": "2001"}
        value |= {name: match[n] for n, name in enumerate(names, 1) if match[n] is not None}
        if "name" in value:
            value["month"] = str(_number(value["name"]))
        year = int(value["year"])
        if len(value["year"]) == 2:
            year += 1900 if year > 40 else 2000
        try:
            when = date(year, int(value["month"]), int(value["day"]))
        except ValueError:
            continue
        return when, [(match.span(n), name) for n, name in enumerate(names, 1) if match[n] is not None]
    return None


def moved(written: str, days: int) -> str | None:
    """The date some days on, in its own form; None where it cannot be read as a day or month."""
    read_as = read(written)
    if not read_as:
        return None
    when, parts = read_as
    try:
        then = when + timedelta(days=days)
    except OverflowError:
        return None
    padded = not any(part == "name" for _, part in parts)  # 25 Mar becomes 4 Apr, and 12/25 becomes 01/04
    out, place = [], 0
    for (start, end), part in parts:
        old = written[start:end]
        pad = old.startswith("0") or (len(old) == 2 and (padded or "-" in written))
        out += [written[place:start], _rewrite(old, part, then, pad)]
        place = end
    return "".join(out) + written[place:]


def _rewrite(old: str, part: str, then: date, pad: bool) -> str:
    if part == "year":
        return f"{then.year % 100:02d}" if len(old) == 2 else str(then.year)
    if part == "name":
        new = MONTHS[then.month - 1]
        new = new if len(old) > 4 or old.lower() in ("may", "june", "july") else new[:3]
        return _in_case_of(old, new)
    if part == "th":
        new = "th" if then.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(then.day % 10, "th")
        return _in_case_of(old, new)
    number = then.month if part == "month" else then.day
    return f"{number:02d}" if pad else str(number)


def _in_case_of(old: str, new: str) -> str:
    return new.upper() if old.isupper() else new.lower() if old.islower() else new


def _number(name: str) -> int:
    """1 to 12, or 0 where this is no month."""
    return next((n for n, month in enumerate(MONTHS, 1) if name[:3].title() == month[:3]), 0)
