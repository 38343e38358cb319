"""Identifiers with digits: those that their form or check digit gives away, and those that the words before them do."""

import re
from collections.abc import Iterator

from metier.data.redaction import checksums
from metier.data.redaction.spans import Span

# Each pattern starts with one sign or a set of signs: `re` skips to the next of them and seldom tries the rest. What
# must not stand before the value is looked for from behind that sign.
_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\w-])"
FORMS = re.compile(
    r"\d(?<![\w.+/-]\d)(?:"
    r"(?P<PHONE>(?:(?<=1)[ .-]\(?\d{3}|\d\d)[ .\-/)]{1,2}\d{3}[ .-]\d{4}" + _EXTENSION + r")"
    r"|(?P<SSN>\d\d([- ])\d\d\3\d{4}(?![\w-]))|(?P<EIN>\d-\d{7}(?![\w-]))"
    r"|(?P<LOCAL>\d\d-\d{4}" + _EXTENSION + r")"
    r"|(?P<IP>\d{0,2}(?:\.\d{1,3}){3}(?![\w]|\.\d))"
    r"|(?P<CARD>(?:\d{11,18}|\d{3}(?P<gap>[ -])(?:\d{4}(?P=gap)(?:\d{4}(?P=gap)){0,2}\d{1,4}|"
    r"\d{6}(?P=gap)\d{4,5}))(?![\w-])))"
)
AREA = re.compile(r"\(\d{3}\) ?\d{3}[ .-]\d{4}" + _EXTENSION)
ABROAD = re.compile(r"\+\d[\d ().-]{7,18}\d" + _EXTENSION)
PLATE = re.compile(
    r"(?i:(?:licen[cs]e|number|registration|vehicle|car|truck|,) plates?(?: (?:number|no\.?|#))?(?: is| was)?:?) "
    r"((?=[A-Z]*[ •·-]?\d|\d*[ •·-]?[A-Z])[A-Z\d]{1,4}[ •·-]?[A-Z\d]{2,4})\b"
)
CALL = re.compile(r"(?i:\b(?:phone|tele?|telephone|call|cell|mobile|pager|beeper|contact|reach|fax|home|work|ph)\b)")
IPV6 = re.compile(r":[\da-fA-F]{0,4}(?::[\da-fA-F]{0,4}){2,6}(?![\w:])")
MAC = re.compile(r"([:-])[\da-fA-F]{2}(?:\1[\da-fA-F]{2}){4}(?![\w:-])")
IBAN = re.compile(r"\d(?<=[A-Z][A-Z]\d)(?<!\w[A-Z][A-Z]\d)\d(?: ?[A-Z0-9]){11,30}")
EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
URL = re.compile(r"(?:https?|ftp)://[^\s<>\"')\]]+|www\.[^\s<>\"')\]]+")
UUID = re.compile(r"-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{12}\b")
PHOTO = re.compile(r"\.(?:jpe?g|png|tiff?|bmp|heic|gif|dcm|JPE?G|PNG|HEIC|DCM)\b")

# Kind -> words before a number that say it. Those of the first table are enough alone ("MRN 12345"). Those of the
# second need "number", "ID", "#" or ":" behind them ("policy number 12345", not "the policy 2008").
_STRONG = {
    "MRN": r"mrn|mr\s?#|medical record|med(?:ical)?\.? rec(?:ord)?\.?|hospital number|patient (?:id|number|no)",
    "SSN": r"ssn|ss\s?#|social security|social",
    "ROUTING": r"routing|aba|rtn|transit",
    "TAX_ID": r"itin|tin|tax(?:payer)? (?:id|identification)|tax reference",
    "EIN": r"f?ein|employer identification",
    "PLAN_ID": r"hicn|mbi|medicare (?:id|number|no)|medicaid (?:id|number|no)|beneficiary (?:id|number|no)",
    "LICENSE": r"dea|npi|passport|driver'?s? licen[cs]e|dl\s?#|medical licen[cs]e",
    "VEHICLE": r"vin|licen[cs]e plates?|number plates?|plates?|license tag",
    "DEVICE": r"serial|s/n|imei|udi",
    "FAX": r"fax|facsimile",
    "ZIP": r"zip|zip ?code|postal code|postcode",
    "PHONE": r"phone|telephone|tel|cell|mobile|pager|beeper|call(?: me| him| her| us)?(?: back)?(?: at| on)?|"
    r"reach(?:ed)?(?: me| him| her| us)?(?: at| on)",
    "IBAN": r"iban",
}
_WEAK = {
    "MRN": r"chart|unit|patient|record",
    "PLAN_ID": r"member|membership|subscriber|policy|group|beneficiary|medicare|medicaid|insurance|plan|insured",
    "ACCOUNT": r"account|acct\.?|a/c|acc|checking|savings|sort|loan|guarantor",
    "LICENSE": r"licen[cs]e|lic\.?|certificate|certification|cert\.?|registration|permit|badge",
    "VEHICLE": r"vehicle|car",
    "DEVICE": r"device|implant|pacemaker|generator|lead|pump|prosthesis|stent|lot|equipment",
    "BIOMETRIC": r"fingerprint|finger print|biometric|retinal? scan|iris scan|voice\s?print|palm print|face scan|"
    "template",
    "ID": r"accession|specimen|encounter|visit|study|case|claim|reference|ref\.?|confirmation|requisition|"
    r"prescription|rx|employee|student|subject|participant|enrollment|admission|referral|authorization|sample|order|"
    r"invoice|tracking",
    "ORDER": r"order|invoice|purchase|tracking|shipment|return|rma|receipt|transaction|package|parcel|delivery",
    "LOYALTY": r"loyalty|rewards?|membership|member|frequent (?:flyer|shopper)|customer|club|points|shopper|client",
    "CARD": r"card|debit|credit",
}
_LINK = (
    r"(?i:(?P<link>(?:[ \t]*(?:\b(?:numbers?|num|no|nr|nbr|ids?|identifiers?|code|card|tag|plate|identification|"
    r"program|template|ending(?: in)?|last (?:four|4)(?: digits)?)\b\.?|#))*[ \t]*(?:\(\w{1,12}\))?[ \t]*(?:\b(?:is|"
    r"was|reads?)\b|[:=#])*)[ \t]*)(?P<lead>[A-Z]{1,4}[ -])?$"
)
_ONE_DATE = r"(?:\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?|\d{4}-\d\d?-\d\d?)"
_DATE_LIKE = re.compile(rf"{_ONE_DATE}(?:[/-]{_ONE_DATE})?|\d{{4}}-\d\d?-\d\d?T.*|(?:19|20)\d\d-(?:19|20)?\d\d")
_WORDED = re.compile(r"[a-z]{4}|^\d{1,2}[pq]\d")  # 13-year-old, 1-800-MEDICARE in small letters, the band 6q24
_YEAR = re.compile(r"(?:19|20)\d\d")
_GROUPS = re.compile(r"(?: (?=[A-Z]*\d)[A-Z0-9]{2,}(?![\w/.:-]\w))*")
_TOKEN = re.compile(r"\d[\w\-/]*(?<![-/])")
NO_LETTER = re.compile(r"[\d-]+")
NO_DIGIT = re.compile(r"\D")
TWO_DIGITS = re.compile(r"\d\D{0,2}\d")
_AMOUNT = re.compile(r"[.,]\d")
# Another number of a row: four digits or an amount, but not the month and year in which a card expires.
_ROW = re.compile(r"[ -](?!(?:0[1-9]|1[0-2])\d\d\b)(?:\d{4}|\d+[.,]\d)")
_MINIMUM = {"PHONE": 7, "FAX": 7, "SSN": 4, "ROUTING": 9, "CARD": 4, "ZIP": 5, "IBAN": 15, "VEHICLE": 4}


def compile_context(kinds: frozenset[str]) -> re.Pattern[str]:
    """One pattern for the end of what stands before a number; its group's name is the kind."""
    strong = "|".join(rf"(?P<S_{kind}>{words})" for kind, words in _STRONG.items() if kind in kinds)
    weak = "|".join(rf"(?P<W_{kind}>{words})" for kind, words in _WEAK.items() if kind in kinds)
    return re.compile(rf"(?i:(?<![a-z])(?:{strong}|{weak})(?:'?s)?){_LINK}")


def find(text: str, kinds: frozenset[str], context: re.Pattern[str]) -> list[Span]:
    """All identifiers of these kinds that have a digit, an @ or the form of an address on the net."""
    spans = list(_signs(text))
    if TWO_DIGITS.search(text):
        spans += _forms(text)
        spans += in_context(text, context, kinds)
    return [span for span in spans if span.kind in kinds]


def _signs(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (Span(*match.span(), "EMAIL") for match in EMAIL.finditer(text))
    if "://" in text or "www." in text:
        for match in URL.finditer(text):
            yield Span(match.start(), match.start() + len(match[0].rstrip(".,;:!?")), "URL")
    if "." in text:
        for match in PHOTO.finditer(text):
            name = re.search(r"[\w-]+$", text[max(0, match.start() - 60) : match.start()])
            if name:
                yield Span(match.start() - len(name[0]), match.end(), "PHOTO")


def _forms(text: str) -> Iterator[Span]:
    place = 0
    while match := FORMS.search(text, place):
        (start, end), form = match.span(), match.lastgroup or ""
        before = text[max(0, start - 48) : start]
        if form == "CARD":
            end = _card_end(text, start, end, named="card" in before.lower())
        kind = _form(match[0], form, before) if end else None
        if kind:
            yield Span(start, end, kind)
        place = end if kind else start + 1  # groups that are no card may end with one, or with a telephone number
    for pattern in (AREA, ABROAD):
        for match in pattern.finditer(text):
            yield Span(*match.span(), _telephone(text[max(0, match.start() - 20) : match.start()]))
    if "-" in text:
        for match in UUID.finditer(text):
            if re.fullmatch(r"[\da-fA-F]{8}-[\da-fA-F]{4}", text[max(0, match.start() - 13) : match.start()]):
                yield Span(match.start() - 13, match.end(), "ID")
    for match in PLATE.finditer(text) if "plate" in text.lower() else ():
        yield Span(*match.span(1), "VEHICLE")
    for match in IPV6.finditer(text) if ":" in text else ():
        start = match.start()
        while start and match.start() - start < 4 and text[start - 1] in "0123456789abcdefABCDEF":
            start -= 1
        if match[0].count(":") == 7 or "::" in match[0]:
            yield Span(start, match.end(), "IP")
    for match in MAC.finditer(text):
        if re.fullmatch(r"[\da-fA-F]{2}", text[match.start() - 2 : match.start()]):
            yield Span(match.start() - 2, match.end(), "DEVICE")
    for match in IBAN.finditer(text):
        end = _iban_end(text[match.start() - 2 : match.end()])
        if end:
            yield Span(match.start() - 2, match.start() - 2 + end, "IBAN")


def _form(value: str, form: str, before: str) -> str | None:
    """What this value of the form is, by its check digits and what stands before it; None for a mere number."""
    digits = NO_DIGIT.sub("", value)
    if form == "SSN":
        return "TAX_ID" if checksums.itin(digits) else "SSN" if checksums.ssn(digits) else None
    if form == "IP":
        return "IP" if all(int(part) < 256 for part in value.split(".")) and "ersion" not in before[-9:] else None
    if form == "LOCAL":
        return _telephone(before[-20:]) if value[0] in "23456789" and CALL.search(before) else None
    return _telephone(before[-20:]) if form == "PHONE" else form


def _card_end(text: str, start: int, end: int, named: bool) -> int:
    """Where the card ends that starts here, 0 where none does: at the end of all groups, or behind sixteen digits in
    four groups if the fifth is an expiry date or CVV. In a row of numbers, four groups have a card's sum by chance."""
    for stop in (end, min(start + 19, end)):
        value = text[start:stop]
        digits = NO_DIGIT.sub("", value)
        goes_on = text[stop : stop + 1] in value and _ROW.match(text, stop)
        if checksums.card(digits) and not goes_on:
            return stop
        if named and len(digits) > 11 and checksums.luhn(digits):
            return stop
    return 0


def _telephone(before: str) -> str:
    return "FAX" if "fax" in before.lower() or "facsimile" in before.lower() else "PHONE"


def _iban_end(text: str) -> int:
    """Where the IBAN ends that this text begins with; 0 where it begins with none. The country says the length."""
    wanted, seen = checksums.IBAN_LENGTH.get(text[:2], 0), 0
    for place, sign in enumerate(text):
        seen += sign != " "
        if seen == wanted:
            return place + 1 if checksums.iban(text[: place + 1]) else 0
    return 0


def in_context(text: str, context: re.Pattern[str], kinds: frozenset[str]) -> Iterator[Span]:
    """Numbers that the words before them make an identifier."""
    in_health, place = "PLAN_ID" in kinds, 0
    keep_securities = "EIN" in kinds and not in_health
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if start < place:
            continue
        while start and (
            text[start - 1].isalnum() or (text[start - 1] == "-" and text[start - 2 : start - 1].isalnum())
        ):
            start -= 1
        if end - start < 4 and not _GROUPS.match(text, end)[0]:  # type: ignore[index]  # matches at least the empty text
            continue
        if end - start == 17 and checksums.vin(text[start:end]):
            yield Span(start, end, "VEHICLE")
            continue
        span = _judge(text, start, end, context, keep_securities)
        span = span or (_long(text, start, end) if in_health else None)
        if span:
            place = span.end
            yield span


def amount(sign: str, value: str, context: re.Pattern[str]) -> bool:
    """Whether a column holds an amount, not a number that somebody has: 5000 under "points", not under "points id"."""
    before = context.search(sign) if value.isdigit() and len(value) < 6 else None
    if not before or re.search(r"[a-z#]", before["link"], re.I):
        return False
    return any(word and group.startswith("W_") for group, word in before.groupdict().items())


def _judge(text: str, start: int, end: int, context: re.Pattern[str], keep_securities: bool) -> Span | None:
    before = context.search(text[max(0, start - 64) : start])
    if not before or text[end : end + 1] == "%" or _AMOUNT.match(text, end) or text[start - 1 : start] == "$":
        return None
    value, group = text[start:end], next(k for k, word in before.groupdict().items() if word and k[1] == "_")
    sure, kind = group[0] == "S", group[2:]
    if _DATE_LIKE.fullmatch(value) or _WORDED.search(value):
        return None
    end = _GROUPS.match(text, end).end()  # type: ignore[union-attr]
    digits = NO_DIGIT.sub("", text[start:end])
    if not sure and not _said(value, digits, before["link"].lower(), kind, keep_securities):
        return None
    if len(digits) < _MINIMUM.get(kind, 2):
        return None
    if kind == "ROUTING" and not checksums.aba(digits):
        kind = "ACCOUNT"  # said to be one and mistyped: still somebody's number
    return Span(start - len(before["lead"] or ""), end, kind)


def _long(text: str, start: int, end: int) -> Span | None:
    """A number of seven digits or more, or of six beside capitals: in a text on health hardly ever a quantity."""
    value = text[start:end]
    digits = sum(map(str.isdigit, value))
    if digits < 6 or not value.isupper() and (digits < 7 or not NO_LETTER.fullmatch(value)):
        return None
    if (
        _AMOUNT.match(text, end)
        or text[start - 1 : start] in ("$", "€", "£", ",", ".", "/")
        or _DATE_LIKE.fullmatch(value)
    ):
        return None
    return Span(start, end, "ID")


def _said(value: str, digits: str, link: str, kind: str, keep_securities: bool) -> bool:
    """Whether a word such as "policy" makes this number an identifier: "policy no. 2008" yes, "the policy 2008" no."""
    if keep_securities and _security(value, kind):
        return False
    if kind == "CARD":  # its last four digits, or all of them: a graphics card has a number too
        return value.isdigit() and len(value) in (4, *range(12, 20)) and bool(link.strip())
    if not link.strip():
        return len(digits) > 5
    return not _YEAR.fullmatch(value) or any(sign in link for sign in "#:n")


def _security(value: str, kind: str) -> bool:
    """Whether this is a CUSIP or ISIN, which names a security and no person. A CUSIP needs a letter and no word for an
    account before it: one plain number in ten has the right sum by chance."""
    return checksums.isin(value) or (
        checksums.cusip(value) and not value.isdigit() and kind not in ("ACCOUNT", "ROUTING")
    )
