"""Court opinions in plain text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from metier.data.format import Pieces, RejectedRow

# How courts number paragraphs, and by how much a number may be above the last one: a number that could not be read
# leaves its text with the paragraph before it. Lists are numbered "3." as well, so there none may be left out.
STYLES = (
    (re.compile(r"\[(\d{1,4})\]\s*(.*)"), 3),
    (re.compile(r"[\[{(]?\u00b6\s*(\d{1,4})[\]})]?\.?\s*(.*)"), 3),
    (re.compile(r"(\d{1,4})\.\s+(.*)"), 1),
)
FEWEST = 3
"""Numbers in a row from which they count as the court's own; fewer are footnotes or a short list."""
HEADING = re.compile(r"(?:(?:[IVXL]+|[A-Z]|\([a-z]\))[.)]?\s+)?[A-Z\"\u201c].{0,98}[^.,;:?!]")
MOST_HEADINGS = 3
"""Headings over each other that can be one; more are the opinion's first page."""


class Block(NamedTuple):
    """The lines between two blank lines or numbers, as one; `first` counts from 1."""

    first: int
    number: str | None
    text: str
    lines: int


class Paragraph(NamedTuple):
    first: int
    number: str | None
    heading: str
    text: str


@dataclass
class Format:
    """Opinions, a row for each paragraph that the court numbers; where it numbers none, for each paragraph."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    def read(self, file: Path) -> Pieces:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            yield "line 1", RejectedRow(f"is not UTF-8 (byte {error.start}). Convert it.")
            return
        if not text.strip():
            yield "line 1", RejectedRow("is empty.")
        for first, number, heading, words in _paragraphs(_blocks([line.strip() for line in text.splitlines()])):
            yield f"line {first}", {"text": words, "paragraph": number, "heading": heading or None}


def _paragraphs(blocks: Iterator[Block]) -> Iterator[Paragraph]:
    """Headings go to what stands below them, unnumbered blocks to the number above them."""
    above: list[Block] = []
    last = Paragraph(0, None, "", "")
    for block in blocks:
        if _is_heading(block):
            above.append(block)
            continue
        if not above and block.number is None and last.number is not None:
            last = last._replace(text=f"{last.text}\n{block.text}")
            continue
        if last.text:
            yield last
        if len(above) > MOST_HEADINGS:
            yield Paragraph(above[0].first, None, "", "\n".join(line.text for line in above[:-1]))
            above = above[-1:]
        heading = " / ".join(line.text for line in above) or last.heading
        last, above = Paragraph(block.first, block.number, heading, block.text), []
    if last.text:
        yield last
    if above:
        yield Paragraph(above[0].first, None, "", "\n".join(line.text for line in above))


def _is_heading(block: Block) -> bool:
    """One line without an end, short or in capitals."""
    short = block.text.isupper() or len(block.text.split()) <= 8
    return block.number is None and block.lines == 1 and short and HEADING.fullmatch(block.text) is not None


def _blocks(lines: list[str]) -> Iterator[Block]:
    numbered = _numbered(lines)
    gathered: list[str] = []
    first, number = 0, None
    for index, line in enumerate([*lines, ""]):
        if (index in numbered or not line) and any(gathered):
            yield Block(first + 1, number, " ".join(filter(None, gathered)), len(gathered))
            gathered, number = [], None
        if index in numbered:
            first, (number, words) = index, numbered[index]
            gathered = [words]
        elif line:
            first = first if gathered else index
            gathered.append(line)


def _numbered(lines: list[str]) -> dict[int, tuple[str, str]]:
    """Index of a line -> (its number, the words behind it), in the style that numbers the most paragraphs."""
    best: dict[int, tuple[str, str]] = {}
    for style, most_skipped in STYLES:
        numbered: dict[int, tuple[str, str]] = {}
        last = 0
        for index, line in enumerate(lines):
            match = style.fullmatch(line)
            if match and last < int(match[1]) <= last + most_skipped:
                last = int(match[1])
                numbered[index] = (match[1], match[2])
        if len(numbered) >= FEWEST and len(numbered) > len(best):
            best = numbered
    return best
