"""Plain text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from metier.data.decoding import MB, Megabytes, beginning, decoded, lines, opened, whole
from metier.data.format import Pieces, RejectedRow


@dataclass
class Format:
    """A row for the whole file, for each paragraph or for each line; UTF-8 only."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    by: Literal["file", "paragraph", "line"] = "file"
    """What becomes a row: `file`, `paragraph` (empty lines stand between them) or `line`."""
    most_mb: Megabytes = 64
    """The largest row that is read; larger ones are rejected without being held in memory."""

    def read(self, file: Path) -> Pieces:
        if self.by == "file":
            raw = whole(file, self.most_mb)
            text = raw if isinstance(raw, RejectedRow) else decoded(raw)
            yield "", text if isinstance(text, RejectedRow) else {"text": text}
            return
        with opened(file) as stream:
            numbered = lines(stream, self.most_mb)
            for first, piece in _paragraphs(numbered, self.most_mb) if self.by == "paragraph" else numbered:
                text = piece if isinstance(piece, RejectedRow) else decoded(piece.rstrip(b"\r\n"))
                if isinstance(text, RejectedRow):
                    yield str(first), text
                elif text.strip():
                    yield str(first), {"text": text}


def _paragraphs(
    numbered: Iterator[tuple[int, bytes | RejectedRow]], most_mb: int
) -> Iterator[tuple[int, bytes | RejectedRow]]:
    """(first line, lines up to the next empty one), each as it stands."""
    # In a list: bytes put together line by line would be copied whole for each, so the time would grow with the square.
    first, gathered, size, wrong = 0, list[bytes](), 0, None
    for number, line in numbered:
        if not isinstance(line, RejectedRow) and not line.strip():
            if gathered or wrong:
                yield first, wrong or b"".join(gathered)
            gathered, size, wrong = [], 0, None
            continue
        first = first if gathered or wrong else number
        if isinstance(line, RejectedRow):
            wrong = wrong or line
        elif wrong is None and size + len(line) > most_mb * MB:
            why = f"is a paragraph of more than {most_mb} MB. Part it with empty lines, or raise `most_mb`."
            wrong = RejectedRow(why, beginning(b"".join(gathered)))
        elif wrong is None:
            gathered.append(line)
            size += len(line)
    if gathered or wrong:
        yield first, wrong or b"".join(gathered)
