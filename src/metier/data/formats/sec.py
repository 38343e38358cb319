"""Annual and quarterly reports to the SEC (10-K, 10-Q) in HTML, as EDGAR holds them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError

# A sentence may begin with "Item 7 of this report": a heading goes on with a capital, a bracket, or not at all.
ITEM = re.compile(
    r"(?i:items?)\s*(\d{1,2}(?i:[ABC])?)(?:\s*(?:and|&)\s*\d{1,2})?\b\s*[.:\u2013\u2014-]*\s*((?:[A-Z\[(\u201c\"].{0,200})?)"
)
PART = re.compile(r"(?i:part)\s+([IV]+)\b\s*[.:\u2013\u2014-]*\s*(?:[A-Z(].{0,80})?")
SIGNATURES = re.compile(r"(?i:signatures?)")
PAGE = re.compile(r"[.\s]\d{1,3}$")
"""A page number at the end of a heading: it is an entry of the table of contents."""
BLOCKS = ("address", "br", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre", "table", "tr")
CELLS = ("td", "th")
BREAK = "\u2029"


class Heading(NamedTuple):
    """Where an item begins (or a part, or the signatures: then `item` is empty)."""

    line: int
    item: str
    title: str


@dataclass
class Format:
    """A filing's items (1 Business, 1A Risk Factors, 7 Management's Discussion ...), a row each."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    # Filings in plain text (before 2001) are not read: their lines are no blocks, so no item is found, which is said.
    def read(self, file: Path) -> Pieces:
        lines = _lines(_report(file.read_bytes()), file)
        headings = list(_headings(lines))
        items: dict[str, tuple[int, str, str]] = {}
        ends = [*(heading.line for heading in headings), len(lines)][1:]
        for heading, end in zip(headings, ends, strict=True):
            text = "\n".join(lines[heading.line : end])
            # The same item stands in the table of contents as well: the longest body is the item itself.
            if heading.item and len(text) > len(items.get(heading.item, (0, "", ""))[1]):
                items[heading.item] = (heading.line, text, heading.title)
        if not items:
            yield "item", RejectedRow("shows no heading such as 'Item 1A. Risk Factors'. Give a 10-K or 10-Q in HTML.")
        for item, (_, text, title) in sorted(items.items(), key=lambda pair: pair[1][0]):
            yield f"item {item}", {"text": text, "item": item, "title": title}


def _headings(lines: list[str]) -> Iterator[Heading]:
    # In a 10-Q both parts count their items from 1, so there the part belongs to the name: "II 1A".
    quarterly = any(re.fullmatch(r"(?i)form\s+10-Q(/A)?", line) for line in lines[:200])
    part = ""
    for number, line in enumerate(lines):
        if match := PART.fullmatch(line):
            part = f"{match[1]} " if quarterly else ""
            yield Heading(number, "", "")
        elif SIGNATURES.fullmatch(line):
            yield Heading(number, "", "")
        elif match := ITEM.fullmatch(line):
            if "continued" in line.lower():  # the running head of a page, not a new item
                continue
            title = match[2] or _next(lines, number)
            listed = PAGE.search(match[2]) is not None
            yield Heading(number, "" if listed else f"{part}{match[1].upper()}", title)


def _next(lines: list[str], number: int) -> str:
    """The heading's words where they stand on the line below its number."""
    below = lines[number + 1] if number + 1 < len(lines) else ""
    return below if len(below) <= 100 and not ITEM.fullmatch(below) else ""


def _report(raw: bytes) -> bytes:
    """The report itself where the file is EDGAR's complete submission, with its exhibits behind it."""
    document = re.search(rb"<TYPE>10-[KQ].*?<TEXT>(.*?)</TEXT>", raw, re.DOTALL)
    return document[1] if document else raw


def _lines(raw: bytes, file: Path) -> list[str]:
    try:
        from lxml import etree, html
    except ImportError as error:
        raise UserError(f"{file} needs lxml. Install it: pip install 'metier[docs]'.") from error
    try:
        raw.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "windows-1252"  # what older filings use, whatever they declare
    # Without its limits libxml2 would read deep pages to the end; HTML knows no entities that could blow up.
    parser = html.HTMLParser(encoding=encoding, huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    try:
        page: Any = html.document_fromstring(raw, parser=parser)
    except etree.ParserError:
        return []
    etree.strip_elements(page, "script", "style", "head", "ix:header", with_tail=False)
    for hidden in page.xpath("//*[contains(translate(@style, ' ', ''), 'display:none')]"):
        if hidden.getparent() is not None:
            hidden.drop_tree()
    for element in page.iter(*BLOCKS):
        element.text, element.tail = BREAK + (element.text or ""), BREAK + (element.tail or "")
    for cell in page.iter(*CELLS):
        cell.tail = " " + (cell.tail or "")
    lines = (" ".join(line.split()) for line in "".join(page.itertext()).split(BREAK))
    return [line for line in lines if line]
