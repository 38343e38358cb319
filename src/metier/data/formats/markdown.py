"""Markdown, by its headings."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from metier.data.decoding import Megabytes, decoded, whole
from metier.data.format import Pieces, RejectedRow

# CommonMark 0.31, 4.2 and 4.5. Left out on purpose: headings that are underlined (=== and ---), which front matter and
# tables in plain text also look like.
HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*")
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


@dataclass
class Format:
    """A row for each section: its text with the heading line, as it stands, and `heading` alone."""

    suffixes: ClassVar[tuple[str, ...]] = (".md",)

    most_mb: Megabytes = 64
    """The largest file that is read; larger ones are rejected."""

    def read(self, file: Path) -> Pieces:
        raw = whole(file, self.most_mb)
        text = raw if isinstance(raw, RejectedRow) else decoded(raw)
        if isinstance(text, RejectedRow):
            yield "", text
            return
        first, heading, gathered, fence, has_words = 1, None, list[str](), "", False
        for number, line in enumerate(text.splitlines(), start=1):
            if fence:
                closed = re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*", line)
                fence = "" if closed else fence
            elif opening := FENCE.match(line):
                fence = opening[1]
            elif match := HEADING.fullmatch(line):
                # A heading without words of its own goes with the section below it.
                if has_words:
                    yield str(first), {"text": "\n".join(gathered).strip("\n"), "heading": heading}
                    first, gathered, has_words = number, [], False
                heading = match[1] or ""
                gathered.append(line)
                continue
            gathered.append(line)
            has_words = has_words or bool(line.strip())
        if any(line.strip() for line in gathered):
            yield str(first), {"text": "\n".join(gathered).strip("\n"), "heading": heading}
