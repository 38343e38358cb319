"""Parties of cases and contracts, and docket numbers."""

import re
from collections.abc import Iterator

from metier.data.redaction import words
from metier.data.redaction.spans import Span

_WORD = r"[A-Z][\w&.'’-]*"
VERSUS = re.compile(r" (?:v|vs)\. ")
_PARTY_BEFORE = re.compile(rf"(?:{_WORD},? (?:(?:of|the|and|&|de|ex rel\.) )*){{0,5}}{_WORD}$")
# What a citation starts with: "was denied. See Smith v. Jones".
LEAD = re.compile(r"(?:^|\s)(?:In|See|The|Cf\.|Compare|And|But|Under|also|Also|Case) ")
_PARTY_BEHIND = re.compile(rf"{_WORD}(?: (?:(?:of|the|&|de) )*{_WORD}){{0,4}}")
BETWEEN = re.compile(
    rf"\b(?:by and )?(?:between|among) (?P<one>{_WORD}(?:,? {_WORD}){{0,5}}).{{0,160}}? and (?P<two>{_WORD}(?:,? "
    rf"{_WORD}){{0,5}})",
    re.S,
)
ROLE = re.compile(
    r"(?:Plaintiffs?|Defendants?|Petitioners?|Respondents?|Appellants?|Appellees?|Licensor|Licensee|Lessor|Lessee|"
    r"Landlord|"
    rf"Tenant|Seller|Buyer|Debtor|Claimant|Grantor|Grantee),? (?P<name>{_WORD}(?: {_WORD}){{0,3}})"
)
DEFINED = re.compile(r" ?\((?:the |each,? an? |collectively,? |hereinafter,? )*[\"“]")
_ROLES = frozenset(
    words.row(
        "The This That Agreement Plaintiff Plaintiffs Defendant Defendants Petitioner Respondent Appellant Appellee "
        "Court State Section Article Party Parties Company Licensor Licensee Seller Buyer Tenant Landlord Supplier "
        "Customer Distributor Contractor Client In If See But "
        "Each Any All No Such Claims Claim Products Services Entities Trademarks Licensed Product Field Territory"
    )
)
DOCKET = re.compile(
    r"\b\d{1,2}:\d{2}-(?:cv|cr|mj|bk|ap|md|mc|CV|CR|MJ|BK|AP|MD|MC)-\d{3,6}(?:-[A-Z]{1,4}){0,3}\b"
    r"|\b(?:[Cc]ase|[Dd]ocket|[Cc]ivil [Aa]ction|[Cc]ause|[Cc]rim(?:inal)?\.? [Aa]ction|[Ii]ndex|CASE|DOCKET)"
    r"(?: [Nn]umber| [Nn]os?\.?|\s?#|:| NO\.?)+ ?(?P<number>[\w:-]*\d[\w:-]*\w)"
    r"|\bNo\. (?P<short>\d{2,4}-\d{2,6})\b"
)


def parties(text: str) -> list[Span]:
    """The two sides of "v.", of "between ... and ..." in a contract, and names behind the word for a side."""
    return [Span(start, end, "PARTY") for start, end in _parties(text)]


def _parties(text: str) -> Iterator[tuple[int, int]]:
    for match in VERSUS.finditer(text):
        before, behind = (
            _PARTY_BEFORE.search(text[max(0, match.start() - 90) : match.start()]),
            _PARTY_BEHIND.match(text, match.end()),
        )
        if before and behind:
            own = LEAD.split(before[0])[-1]
            yield match.start() - len(own), match.start()
            yield behind.span()
    if "etween " in text or "mong " in text:
        for match in BETWEEN.finditer(text):
            # A contract names its parties with what they are called afterwards: between X Inc. ("Licensor") and Y.
            if DEFINED.search(text[match.start("one") : match.end() + 120]):
                yield from (match.span(side) for side in ("one", "two") if match[side].split()[0] not in _ROLES)
    for match in ROLE.finditer(text):
        if not _ROLES & set(match["name"].replace(".", "").split()):
            yield match.start("name"), match.start("name") + len(match["name"].rstrip("."))


def dockets(text: str) -> list[Span]:
    """Numbers of cases, in the federal form or behind a word for one."""
    spans = []
    for match in DOCKET.finditer(text) if re.search(r"\d", text) else ():
        group = "number" if match["number"] else "short" if match["short"] else 0
        spans.append(Span(*match.span(group), "DOCKET"))
    return spans
