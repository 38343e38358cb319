"""Tables in CSV and TSV."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from metier.data.decoding import MB, Megabytes, beginning, lines, opened
from metier.data.format import Pieces, RejectedRow

SAYS_SEPARATOR = re.compile(rb"(?:\xef\xbb\xbf)?sep=([^\r\n\x80-\xff\"])\r?\n", re.IGNORECASE)


@dataclass
class Format:
    """A row for each record below the first line, which names the columns; every cell is text, also `=1+1`.

    A line `sep=;` before it, by which sheets say their separator, is believed.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

    separator: str | None = None
    """The character between two cells; left out: a tab in .tsv, else a comma."""
    most_mb: Megabytes = 64
    """The largest cell and the longest line that are read; larger ones are rejected."""

    def problems(self) -> list[str]:
        wrong = self.separator is not None and (len(self.separator) != 1 or self.separator in '"\r\n')
        return ["`separator` must be one character, and no quotation mark or line end."] if wrong else []

    def read(self, file: Path) -> Pieces:
        tabbed = ".tsv" in [suffix.lower() for suffix in file.suffixes[-2:]]
        with opened(file) as stream:
            numbered = lines(stream, self.most_mb)
            first = list(islice(numbered, 1))
            told = SAYS_SEPARATOR.fullmatch(first[0][1]) if first and isinstance(first[0][1], bytes) else None
            separator = told[1].decode() if told else "\t" if tabbed else ","
            feed = _Feed(numbered if told else chain(first, numbered))
            yield from _rows(feed, self.separator or separator, self.most_mb * MB)


class _Feed:
    """The file's lines for the csv reader, which can be given back."""

    def __init__(self, numbered: Iterator[tuple[int, bytes | RejectedRow]]) -> None:
        self.numbered = numbered
        self.given_back: deque[tuple[int, bytes | RejectedRow]] = deque()
        self.taken: list[tuple[int, bytes | RejectedRow]] = []

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        self.taken.append(self.given_back.popleft() if self.given_back else next(self.numbered))
        number, line = self.taken[-1]
        if isinstance(line, RejectedRow):
            return "\n"
        # Bytes that are no UTF-8 pass as half character pairs, so that only their own record is rejected.
        return line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8", "surrogateescape")

    def give_back(self) -> None:
        """All but the first line of a broken record: an open quotation mark must not swallow the rows below it."""
        self.given_back.extendleft(reversed(self.taken[1:]))


def _rows(feed: _Feed, separator: str, most: int) -> Pieces:
    header: list[str] | None = None
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.taken = []
        try:
            cells = _next(reader, most)
        except csv.Error as error:
            yield str(feed.taken[0][0]), RejectedRow(f"is no valid CSV: {error}. Fix the line.", _raw(feed))
            feed.give_back()
            continue
        if cells is None:
            return
        if not cells and not isinstance(feed.taken[0][1], RejectedRow):
            continue
        wrong = _wrong(cells, header, feed)
        if wrong:
            yield str(feed.taken[0][0]), wrong
            if any(isinstance(line, RejectedRow) for _, line in feed.taken):
                feed.give_back()  # else the quotation marks were closed, and its lines are no rows
            if header is None:  # without its names no row below means anything
                return
        elif header is None:
            header = cells
        else:
            yield str(feed.taken[0][0]), dict(zip(header, cells, strict=True))


def _next(reader: Any, most: int) -> list[str] | None:
    # The limit belongs to the process, not to the reader: set for one record, and put back for everyone else.
    before = csv.field_size_limit(most)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _wrong(cells: list[str], header: list[str] | None, feed: _Feed) -> RejectedRow | None:
    too_long = next((line for _, line in feed.taken if isinstance(line, RejectedRow)), None)
    if too_long:
        return too_long
    if any("\udc80" <= letter <= "\udcff" for cell in cells if not cell.isascii() for letter in cell):
        return RejectedRow("is not UTF-8. Convert the file to UTF-8.", _raw(feed))
    if any("\0" in cell for cell in cells):
        return RejectedRow("holds a NUL byte. Fix the line, or convert the file to UTF-8.", _raw(feed))
    if header is None:
        twice = sorted({name for name in cells if cells.count(name) > 1})
        return RejectedRow(f"names the column '{twice[0]}' twice. Rename one.", _raw(feed)) if twice else None
    if len(cells) != len(header):
        return RejectedRow(f"has {len(cells)} cells where the first line has {len(header)}. Fix the line.", _raw(feed))
    return None


def _raw(feed: _Feed) -> str:
    line = feed.taken[0][1]
    return line.raw if isinstance(line, RejectedRow) else beginning(line).rstrip("\r\n")
