"""Dates: found in the forms that notes and letters use, and moved by whole days in the form they were written in."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date, timedelta

from metier.redaction import words
from metier.redaction.spans import Span

MONTHS = words.row("January February March April May June July August September October November December")
_NAMES = "|".join(f"{month}|{month.upper()}|{month[:3]}|{month[:3].upper()}" for month in MONTHS) + "|Sept"
_MONTH = rf"(?:{_NAMES})\b\.?"
_YEAR = r"(?:1[89]|20)\d\d"
# March 5, 2024; March 5th; March 2024; MARCH 5 2024
NAMED = re.compile(
    rf"(?P<month>{_NAMES})\b\.?(?:(?:,? |-)(?P<only>{_YEAR})\b|[ -](?P<day>\d\d?)(?P<th>st|nd|rd|th)?\b(?![:%]|\.\d)"
    rf"(?:(?:,? |-)(?P<year>{_YEAR})\b)?|\b)"
)
# All that starts with a digit in one pass: 2024-03-05; 03/05/2024 and 5.3.24; 03/2024; "on 3/5"; 5 Mar 2024, 5th of
# March, 05-MAR-2024; 20240305 (read only behind a word for birth).
WITH_DIGITS = re.compile(
    r"\d(?<![\w./-]\d)(?:(?P<iso>(?<=[12])[890]\d\d([-/])\d\d?\2\d\d?(?!\d|[/-]\d))"
    rf"|(?P<numeric>\d?([-/.])\d\d?\4(?:{_YEAR}|\d\d)(?![\w/-]|\.\d))"
    r"|(?P<month_year>\d?/(?:19|20)\d\d(?![\w/-]))|(?P<short>\d?/\d\d?(?![\w/%]|-\d|\.\d))"
    rf"|(?P<day_first>\d?(?:st|nd|rd|th)?(?: of |[ -]){_MONTH}(?:(?:,? |-)(?:{_YEAR}|(?<=-)\d\d)\b)?)"
    r"|(?P<compact>\d{7}(?!\w)))"
)
# A month alone is a date where it says when something befell somebody, not where a season is meant ("in February").
ALONE = re.compile(r"\b(?:[Ll]ast|[Ss]ince|[Tt]his past|[Bb]ack in) $")
DAY_BEFORE = re.compile(r"(?:\b(?:on|dated|since|until|til|from|as of|day,?|visit|seen|date:?) )$")
DIGIT = re.compile(r"\d")
BIRTH = re.compile(
    r"(?i:\bdob|d\.o\.b\.|birth\s?date|date of birth|birthday|\bborn)\b[^\w\n]{0,4}(?:(?:on|is|was|"
    r"date)\b[^\w\n]{0,3})*$"
)


def find(text: str, births_only: bool = False) -> list[Span]:
    """Every date in the text; with `births_only` those that a word for birth stands before."""
    found = [Span(*span, "DATE") for span in _written(text)]
    if births_only:
        return [span for span in found if BIRTH.search(text[max(0, span.start - 30) : span.start])]
    return found


def _written(text: str) -> Iterator[tuple[int, int]]:
    for match in NAMED.finditer(text):
        start, end = match.span()
        if start and text[start - 1].isalpha():
            continue
        if match["only"] or match["day"]:
            yield start, end
        elif len(match["month"]) > 3 and ALONE.search(text[max(0, start - 10) : start]):
            yield match.span("month")
    for match in WITH_DIGITS.finditer(text) if DIGIT.search(text) else ():
        start, form = match.start(), match.lastgroup
        before = text[max(0, start - 30) : start]
        if form == "short" and not DAY_BEFORE.search(before):
            continue
        if form == "compact" and not BIRTH.search(before):
            continue
        if form == "day_first" or read(match[0]):
            yield match.span()


def offset(seed: int, group: str) -> int:
    """Days by which all dates of a group move: -364 to 364 and not 0, from a hash with the seed as its key."""
    digest = hashlib.blake2b(group.encode(), key=f"dates:{seed}".encode()[:64], digest_size=8).digest()
    number = int.from_bytes(digest, "big") % 728
    return number - 364 if number < 364 else number - 363


def shifted(written: str, days: int) -> str | None:
    """The date moved, in its own form; None where it cannot be read as a day or month."""
    read_as = read(written)
    if not read_as:
        return None
    when, parts = read_as
    try:
        moved = when + timedelta(days=days)
    except OverflowError:
        return None
    padded = not any(part == "name" for _, part in parts)  # 25 Mar becomes 4 Apr, and 12/25 becomes 01/04
    out, place = [], 0
    for (start, end), part in parts:
        old = written[start:end]
        pad = old.startswith("0") or (len(old) == 2 and (padded or "-" in written))
        out += [written[place:start], _rewrite(old, part, moved, pad)]
        place = end
    return "".join(out) + written[place:]


def _rewrite(old: str, part: str, moved: date, pad: bool) -> str:
    if part == "year":
        return f"{moved.year % 100:02d}" if len(old) == 2 else str(moved.year)
    if part == "name":
        new = MONTHS[moved.month - 1]
        new = new if len(old) > 4 or old.lower() in ("may", "june", "july") else new[:3]
        return new.upper() if old.isupper() else new
    if part == "th":
        return "th" if moved.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(moved.day % 10, "th")
    number = moved.month if part == "month" else moved.day
    return f"{number:02d}" if pad else str(number)


Parts = list[tuple[tuple[int, int], str]]
_READ = [
    (re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)"), ("year", "month", "day")),
    (re.compile(r"(\d{4})(\d\d)(\d\d)"), ("year", "month", "day")),
    (re.compile(r"(\d\d?)[-/](\d\d?)[-/](\d{4}|\d\d)"), ("month", "day", "year")),
    (re.compile(r"(\d\d?)[-/.](\d\d?)[-/.](\d{4}|\d\d)"), ("day", "month", "year")),  # 13 or more first, or dots
    (re.compile(r"(\d\d)(\d\d)(\d{4})"), ("month", "day", "year")),
    (re.compile(r"(\d\d?)/(\d{4})"), ("month", "year")),
    (re.compile(r"(\d\d?)/(\d\d?)"), ("month", "day")),
    (re.compile(r"([A-Za-z]+)\.?[ -](\d\d?)(st|nd|rd|th)?(?:,? |-)(\d{4})"), ("name", "day", "th", "year")),
    (re.compile(r"([A-Za-z]+)\.?[ -](\d\d?)(st|nd|rd|th)?"), ("name", "day", "th")),
    (re.compile(r"([A-Za-z]+)\.?(?:,? |-)(\d{4})"), ("name", "year")),
    (
        re.compile(r"(\d\d?)(st|nd|rd|th)?(?: of |[ -])([A-Za-z]+)\.?(?:,? |-)(\d{4}|\d\d)"),
        ("day", "th", "name", "year"),
    ),
    (re.compile(r"(\d\d?)(st|nd|rd|th)?(?: of |[ -])([A-Za-z]+)\.?"), ("day", "th", "name")),
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


def _number(name: str) -> int:
    """1 to 12, or 0 where this is no month."""
    return next((n for n, month in enumerate(MONTHS, 1) if name[:3].title() == month[:3]), 0)
