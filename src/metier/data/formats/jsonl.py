"""JSON lines: a JSON object a line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metier.data.decoding import Megabytes, beginning, lines, opened
from metier.data.format import Pieces, RejectedRow
from metier.recipes import strict_json


@dataclass
class Format:
    """A row for each line, which must be one JSON object; empty lines are passed over."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

    most_mb: Megabytes = 64
    """The longest line that is read. A longer one is rejected without being held in memory."""

    def read(self, file: Path) -> Pieces:
        with opened(file) as stream:
            for number, line in lines(stream, self.most_mb):
                if isinstance(line, RejectedRow):
                    yield str(number), line
                elif line.strip():
                    yield str(number), _parsed(line)


def _parsed(line: bytes) -> dict[str, Any] | RejectedRow:
    try:
        row = strict_json.loads(line.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        return RejectedRow(f"is not UTF-8 (byte {error.start}). Convert the file to UTF-8.", beginning(line))
    except (ValueError, RecursionError) as error:
        return RejectedRow(f"is no valid JSON: {error}. Fix or remove the line.", beginning(line))
    if not isinstance(row, dict):
        why = f"is no JSON object but a {type(row).__name__}. Each line must be one object."
        return RejectedRow(why, beginning(line))
    return row
