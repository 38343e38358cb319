"""Dates: found in the forms that notes and letters use, and moved by whole days in the form they were written in."""

import hashlib
import itertools
import re
from collections.abc import Iterator

from metier.data.redaction import date_forms, date_ranges
from metier.data.redaction.date_forms import BEFORE_YEAR, CAPITAL, SMALL, TH, YEAR, read
from metier.data.redaction.spans import Span

# March 5, 2024; March 5th; March 2024; MARCH 5 2024
_BEHIND_MONTH = (
    rf"\b\.?(?:{BEFORE_YEAR}(?P<only>{YEAR})\b|[ -](?P<day>\d\d?)(?P<th>{TH})?\b(?![:%]| %|\.\d)"
    rf"(?:{BEFORE_YEAR}(?P<year>{YEAR})\b)?"
)
NAMED = re.compile(rf"(?P<month>{CAPITAL}){_BEHIND_MONTH}|\b)")
# In small letters looked for from the number behind it: each letter that a month begins with would cost more.
NAMED_SMALL = re.compile(rf"(?P<month>{SMALL}){_BEHIND_MONTH})")
BEHIND_SMALL = re.compile(r"[ -]\d(?<=[nbrylgptvche.,][ -]\d)")
SMALL_END = re.compile(rf"(?<![\w'’-])(?:{SMALL})\.?,?$")
# All that starts with a digit in one pass: 2024-03-05, 2024.03.05; 03/05/2024, 5.3.24; 03/2024; "on 3/5"; 5 Mar 2024,
# 5th of March, 05-MAR-2024; 20240305 (read only behind a word for birth).
_ONE = (
    r"(?P<iso>(?<=[12])[890]\d\d(?:(?P<sign>[-/])\d\d?(?P=sign)\d\d?(?!\d|[/-]\d)|\.\d\d\.\d\d(?![\w/-]|\.\d)))"
    rf"|(?P<numeric>\d?(?P<mark>[-/.])\d\d?(?P=mark)(?:{YEAR}|\d\d)(?![\w/]|-[\dA-Z]|\.\d))"
    r"|(?P<month_year>\d?/(?:19|20)\d\d(?![\w/]|-[\dA-Z]))|(?P<short>\d?/\d\d?(?![\w/%]|-\d|\.\d))"
    rf"|(?P<day_first>\d?(?P<th>{TH})?(?P<of>(?i: of )|[ -])(?P<month>{CAPITAL}|{SMALL})\b\.?"
    rf"(?P<year>{BEFORE_YEAR}(?:{YEAR}|(?<=-)\d\d)\b)?)"
    r"|(?P<compact>\d{7}(?!\w))"
)
ONE = re.compile(rf"\d(?:{_ONE})")
WITH_DIGITS = re.compile(rf"\d(?<![\w./-]\d)(?:(?P<both>{date_ranges.FROM_DIGIT})|{_ONE})")
# In small letters these are words too: "may 5 patients", "march 3 miles", "the 2nd may follow".
WORDS = ("may", "march")
# Three numbers with dots behind these are no date, though they may look like one: version 2024.03.05.
NUMBERED = re.compile(r"(?i:version|ver\.?|build|section|sec\.?|rule|§) ?$")
# A month alone is a date where it says when something befell somebody, not where a season is meant ("in February").
ALONE = re.compile(r"\b(?:[Ll]ast|[Ss]ince|[Tt]his past|[Bb]ack in) $")
DAY_BEFORE = re.compile(r"(?:\b(?:on|dated|since|until|til|from|as of|day,?|visit|seen|date:?) )$")
DIGIT = re.compile(r"\d")
# "DOB (mm/dd/yyyy): ", "was born on the "
BIRTH = re.compile(
    r"(?i:(?:\b(?:dob|birth[ -]?da(?:te|y)|date of birth|born)\b|\bd\.o\.b\.)(?:\s?[(\[][^()\[\]\n]{1,20}[)\]])?"
    r"[^\w\n]{0,4}(?:(?:on|in|the|is|was|date)\b[^\w\n]{0,3})*)$"
)


def find(text: str, births_only: bool = False) -> list[Span]:
    """Every date in the text; with `births_only` those that a word for birth stands before."""
    spans = _named(text, NAMED.finditer(text))
    if DIGIT.search(text):
        spans = itertools.chain(spans, _named(text, _small(text)), _numbered(text))
    dates = [Span(*span, "DATE") for span in spans]
    if births_only:
        return [span for span in dates if BIRTH.search(text[max(0, span.start - 60) : span.start])]
    return dates


def _small(text: str) -> Iterator[re.Match[str]]:
    """Months in small letters that a number stands behind."""
    for number in BEHIND_SMALL.finditer(text):
        month = SMALL_END.search(text, max(0, number.start() - 11), number.start())
        match = NAMED_SMALL.match(text, month.start()) if month else None
        if match:
            yield match


def _named(text: str, matches: Iterator[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Dates that start with the name of a month."""
    for match in matches:
        start, end = match.span()
        if start and text[start - 1].isalpha():
            continue
        if match["only"] or match["day"]:
            both = date_ranges.FROM_MONTH.match(text, start)
            if both and _said(match["month"], re.search(YEAR, both[0])) and date_ranges.split(both[0]):
                yield both.span()
            elif _said(match["month"], match["only"] or match["year"] or match["th"], match[0]):
                yield start, end
        elif len(match["month"]) > 3 and ALONE.search(text[max(0, start - 10) : start]):
            yield match.span("month")


def _said(month: str, sure: object, written: str = "") -> bool:
    """Whether a month is meant: where it is in small letters and a word too, a year or an ordinal must say so. Nor is
    oct-4 a day."""
    return bool(sure) or not month.islower() or (month not in WORDS and "-" not in written)


def _numbered(text: str) -> Iterator[tuple[int, int]]:
    """Dates that start with a digit."""
    place = 0
    while date := WITH_DIGITS.search(text, place):
        start = date.start()
        before = text[max(0, start - 60) : start]
        one = ONE.match(text, start) if date["both"] and not _both(date, before) else date
        if one and (one.lastgroup == "both" or _single(one, before)):
            yield one.span()
        place = one.end() if one else start + 1


def _both(match: re.Match[str], before: str) -> bool:
    """Whether these are two days: "seen 3/5-3/7" and not 4/5-5/5, 3-5 March and not "3-5 may"."""
    if match["one"] and (match["one"] == match["other"] or not DAY_BEFORE.search(before)):
        return False
    if match["last_month"] and not _said(match["last_month"], re.search(YEAR, match[0])):
        return False
    return date_ranges.split(match[0]) is not None


def _single(match: re.Match[str], before: str) -> bool:
    """Whether these digits behind these words are a day or a month."""
    form = match.lastgroup
    if form == "short" and not DAY_BEFORE.search(before):
        return False
    if form == "compact" and not BIRTH.search(before):
        return False
    if form == "iso" and "." in match[0] and NUMBERED.search(before):
        return False
    if form == "day_first":
        ordinal = match["th"] and match["of"].strip()  # the 2nd of may, not "the 2nd may follow"
        return _said(match["month"], match["year"] or ordinal, match[0])
    return read(match[0]) is not None


def offset(seed: int, group: str) -> int:
    """Days by which all dates of a group move: -364 to 364 and not 0, from a hash with the seed as its key."""
    digest = hashlib.blake2b(group.encode(), key=f"dates:{seed}".encode()[:64], digest_size=8).digest()
    number = int.from_bytes(digest, "big") % 728
    return number - 364 if number < 364 else number - 363


def shifted(written: str, days: int) -> str | None:
    """The date or range moved, in its own form; None where it cannot be read as a day or month."""
    return date_forms.moved(written, days) or date_ranges.shifted(written, days)
