"""Web pages."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from metier.data.decoding import Megabytes, beginning, whole
from metier.data.format import Pieces, RejectedRow
from metier.data.formats._charsets import read_as
from metier.errors import UserError, shown

BLOCKS = (
    *("address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset", "figcaption"),
    *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main", "nav"),
    *("ol", "option", "p", "pre", "section", "summary", "table", "tr", "ul"),
)
NEVER_TEXT = ("script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "canvas", "head")
BREAK = "\u2029"
"""The paragraph separator stands for the ends of blocks, since line breaks within the file mean nothing."""


@dataclass
class Format:
    """A row for each page: its text without scripts and styles, and its title; nothing is fetched."""

    suffixes: ClassVar[tuple[str, ...]] = (".html", ".htm")

    part: Literal["main", "all"] = "main"
    """`main`: what the page is about, without menus and footers (trafilatura decides); `all`: every word on it."""
    most_mb: Megabytes = 64
    """The largest file that is read; larger ones are rejected."""

    def read(self, file: Path) -> Pieces:
        raw = whole(file, self.most_mb)
        source = raw if isinstance(raw, RejectedRow) else _decoded(raw)
        yield "", source if isinstance(source, RejectedRow) else self._row(source, file)

    def _row(self, source: str, file: Path) -> dict[str, Any] | RejectedRow:
        try:
            import trafilatura
            from lxml import etree, html
        except ImportError as error:
            raise UserError(f"{file} needs trafilatura and lxml. Install them: pip install 'metier[docs]'.") from error
        parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
        try:
            page: Any = html.document_fromstring(source.encode("utf-8"), parser=parser)
        except etree.ParserError:  # nothing in it but comments and white space
            return RejectedRow("holds no text. Remove the file.")
        title = " ".join((page.findtext(".//title") or "").split())
        etree.strip_elements(page, *NEVER_TEXT, with_tail=False)
        if self.part == "all":
            text = _all(page)
        else:
            # Recall before precision: what is lost here is lost for good, what is too much a later step can drop.
            text = trafilatura.extract(page, include_comments=False, favor_recall=True) or ""
        if not text.strip():
            return RejectedRow("holds no text that is no menu. Remove the file, or read it with {html: {part: all}}.")
        return {"text": text, "title": title or None}


def _decoded(raw: bytes) -> str | RejectedRow:
    """UTF-8, or the encoding that the page itself declares; nothing is guessed."""
    try:
        return raw.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        declared = re.search(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", raw[:4096], re.IGNORECASE)
        if not declared:
            why = f"is not UTF-8 (byte {error.start}) and declares no charset. Convert the file to UTF-8."
            return RejectedRow(why, beginning(raw))
    name = declared[1].decode("ascii", "replace").lower()
    try:
        return read_as(raw, name, declared_in_ascii=True).replace("\0", "")
    except ValueError:
        why = f"is not in the charset {shown(name)} that it declares. Convert the file to UTF-8."
        return RejectedRow(why, beginning(raw))


def _all(page: Any) -> str:
    for element in page.iter(*BLOCKS):
        element.text, element.tail = BREAK + (element.text or ""), BREAK + (element.tail or "")
    for cell in page.iter("td", "th"):
        cell.tail = "\t" + (cell.tail or "")
    lines = (" ".join(line.split()) for line in "".join(page.itertext()).split(BREAK))
    return "\n".join(line for line in lines if line)
