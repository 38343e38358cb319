"""Where an identifier stands in a text, and which identifiers a profile looks for."""

from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a text that holds an identifier of this kind."""

    start: int
    end: int
    kind: str


KINDS = {
    "NAME": "names of persons",
    "ADDRESS": "street addresses and post boxes",
    "PLACE": "cities and counties",
    "ZIP": "postal codes",
    "DATE": "dates, months with a year or a day; years alone stay",
    "AGE": "ages over 89",
    "PHONE": "telephone numbers",
    "FAX": "fax numbers",
    "EMAIL": "e-mail addresses",
    "SSN": "social security numbers",
    "MRN": "medical record numbers",
    "PLAN_ID": "health plan and insurance numbers",
    "ACCOUNT": "account numbers",
    "LICENSE": "certificate and license numbers",
    "VEHICLE": "vehicle identifiers and plates",
    "DEVICE": "device identifiers and serial numbers",
    "URL": "web addresses",
    "IP": "network addresses",
    "BIOMETRIC": "identifiers of biometric records",
    "PHOTO": "names of picture files",
    "ID": "other numbers of one person, specimen, visit or case",
    "CARD": "payment cards (Luhn)",
    "IBAN": "international account numbers (mod 97)",
    "ROUTING": "bank routing numbers (ABA checksum)",
    "EIN": "employers' tax numbers",
    "TAX_ID": "persons' tax numbers",
    "ORDER": "order, invoice and tracking numbers",
    "LOYALTY": "customer and loyalty numbers",
    "PARTY": "parties of a case or contract",
    "DOCKET": "docket and case numbers",
}

# 45 CFR 164.514(b)(2)(i), (A) to (R), in the order of the rule.
SAFE_HARBOR = {
    "A names": ("NAME",),
    "B places smaller than a state": ("ADDRESS", "PLACE", "ZIP"),
    "C dates, and ages over 89": ("DATE", "AGE"),
    "D telephone": ("PHONE",),
    "E fax": ("FAX",),
    "F e-mail": ("EMAIL",),
    "G social security": ("SSN",),
    "H medical record": ("MRN",),
    "I health plan": ("PLAN_ID",),
    "J account": ("ACCOUNT", "CARD", "IBAN", "ROUTING"),
    "K certificate, license": ("LICENSE",),
    "L vehicle": ("VEHICLE",),
    "M device": ("DEVICE",),
    "N web address": ("URL",),
    "O network address": ("IP",),
    "P biometric": ("BIOMETRIC",),
    "Q photograph": ("PHOTO",),
    "R any other number": ("ID", "EIN", "TAX_ID"),
}

_REACH = ("NAME", "ADDRESS", "ZIP", "PHONE", "FAX", "EMAIL", "SSN", "CARD", "IBAN", "ACCOUNT")
_TAX = ("ROUTING", "EIN", "TAX_ID")
PROFILES: dict[str, frozenset[str]] = {
    "healthcare": frozenset(kind for kinds in SAFE_HARBOR.values() for kind in kinds),
    "finance": frozenset((*_REACH, *_TAX, "LICENSE", "LOYALTY", "IP", "DATE")),
    "legal": frozenset((*_REACH, *_TAX, "LICENSE", "PARTY", "DOCKET", "DATE")),
    "retail": frozenset((*_REACH, "ORDER", "LOYALTY", "IP", "DATE")),
}


def merged(spans: list[Span]) -> list[Span]:
    """In order and without overlap: of two that touch the same letters the longer one gives the kind, both give way."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if out and span.start < out[-1].end:
            last = out[-1]
            longer = last if last.end - last.start >= span.end - span.start else span
            out[-1] = Span(last.start, max(last.end, span.end), longer.kind)
        else:
            out.append(span)
    return out
