"""Articles in JATS, as PubMed Central holds them, and PubMed's abstracts."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError

ARTICLES = ("{*}article", "{*}PubmedArticle")
# Left out on purpose: figures and tables (their captions say little alone), TeX beside MathML, notes in the margin,
# and whole articles within the article (a reviewer's letter, the authors' answer).
LEFT_OUT = (
    "fig",
    "fig-group",
    "table-wrap",
    "table-wrap-group",
    "tex-math",
    "fn",
    "fn-group",
    "label",
    "supplementary-material",
)
BLOCKS = ("title", "p", "sec", "list", "list-item", "def-item", "disp-quote", "disp-formula", "AbstractText")
PMID = "{*}front/{*}article-meta/{*}article-id[@pub-id-type='pmid']"
BREAK = "\u2029"
"""The paragraph separator stands for the ends of blocks, since line breaks within the file mean nothing."""


@dataclass
class Format:
    """Biomedical articles, a row for the abstract and one for each section of the body; references are left out."""

    suffixes: ClassVar[tuple[str, ...]] = (".nxml",)

    def read(self, file: Path) -> Pieces:
        try:
            from lxml import etree
        except ImportError as error:
            raise UserError(f"{file} needs lxml. Install it: pip install 'metier[docs]'.") from error
        # Nothing is fetched and no entity is filled in, and libxml2's own limits on size and depth stay on.
        safe: dict[str, Any] = {
            "resolve_entities": False,
            "no_network": True,
            "huge_tree": False,
            "load_dtd": False,
            "remove_comments": True,
            "remove_pis": True,
        }
        number, several = 0, False
        try:
            _, root = next(etree.iterparse(str(file), events=("start",), **safe))
            declared = root.getroottree().docinfo.internalDTD
            if declared is not None and any(True for _ in declared.iterentities()):
                yield (
                    "line 1",
                    RejectedRow("declares entities, which can hide other files or fill the memory. Remove them."),
                )
                return
            for event, article in etree.iterparse(str(file), events=("start", "end"), tag=ARTICLES, **safe):
                if event == "start":
                    several = several or article.getparent() is not None
                    continue
                number += 1
                yield from _rows(article, f"article {number}")
                _forget(article)
        except etree.XMLSyntaxError as error:
            why = f"is no valid XML: {error.msg}. Fix it."
            if number or several:  # how many articles stand behind the tear, nobody knows
                raise UserError(f"{file} breaks off at line {error.lineno}: it {why}") from error
            yield f"line {error.lineno}", RejectedRow(why)
            return
        if not number:
            yield "line 1", RejectedRow(f"holds no article but <{root.tag}>. Give JATS or PubMed XML.")


def _forget(article: Any) -> None:
    """Free what was read, so that a file of many articles streams."""
    article.clear()
    for ancestor in article.xpath("ancestor-or-self::*"):
        while ancestor.getprevious() is not None:
            del ancestor.getparent()[0]


def _rows(article: Any, place: str) -> Pieces:
    pubmed = article.tag.endswith("PubmedArticle")
    title = article.find(".//{*}ArticleTitle" if pubmed else "{*}front/{*}article-meta/{*}title-group/{*}article-title")
    pmid = (article.findtext("{*}MedlineCitation/{*}PMID" if pubmed else PMID) or "").strip() or None
    name = _text(title) if title is not None else ""
    number = 0
    for section, text in _abstract(article) if pubmed else _sections(article):
        if text:
            number += 1
            yield f"{place}, section {number}", {"text": text, "section": section, "title": name, "pmid": pmid}
    if not number:
        yield place, RejectedRow(f"has neither abstract nor body (PMID {pmid}).", name[:200])


def _abstract(article: Any) -> Iterator[tuple[str, str]]:
    """All parts of the abstract as one text; what an abstract says in other languages is left out."""
    parts = article.findall("{*}MedlineCitation/{*}Article/{*}Abstract/{*}AbstractText")
    labeled = (f"{part.get('Label')}: {_text(part)}" if part.get("Label") else _text(part) for part in parts)
    yield "Abstract", "\n".join(filter(None, labeled))


def _sections(article: Any) -> Iterator[tuple[str, str]]:
    for abstract in article.findall("{*}front/{*}article-meta/{*}abstract"):
        # A graphical or a one-line abstract for the table of contents has a type; the abstract itself has none.
        if abstract.get("abstract-type") is None:
            yield "Abstract", _text(abstract)
    body = article.find("{*}body")
    if body is None:
        return
    sections = body.findall("{*}sec")
    for section in sections:
        title = section.find("{*}title")
        name = _text(title) if title is not None else ""
        if title is not None:
            section.remove(title)
        body.remove(section)
        yield name, _text(section)
    yield "Body", _text(body)


def _text(element: Any) -> str:
    """The element's words, a line for each paragraph."""
    from lxml import etree

    etree.strip_elements(element, *(f"{{*}}{name}" for name in LEFT_OUT), with_tail=False)
    for raised in element.findall(".//{*}sup"):
        # "found.12" is no number but the citation 12: references are left out, so their raised numbers are as well.
        within = any(context.get("ref-type") == "bibr" for context in raised.iterancestors("{*}xref"))
        if within or raised.find("{*}xref[@ref-type='bibr']") is not None:
            raised.clear(keep_tail=True)
        elif re.fullmatch(r"[-\u2212]?\d+[+-]?", raised.text or ""):
            raised.text = f"^{raised.text}"  # 10^3 is not 103
    for block in element.iter(*(f"{{*}}{name}" for name in BLOCKS)):
        block.text = BREAK + (block.text or "")
        block.tail = BREAK + (block.tail or "")
    # &alpha; stays unfilled where the file does not bring its DTD; the names are those of HTML.
    words = "".join(html.unescape(part) if re.fullmatch(r"&\w+;", part) else part for part in element.itertext())
    return "\n".join(filter(None, (" ".join(line.split()) for line in words.split(BREAK))))
