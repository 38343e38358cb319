"""File formats: one file each, a path in, rows as plain dictionaries out. What cannot be read is a `RejectedRow`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True)
class RejectedRow:
    """A piece of a file that gives no row. It is rejected with its place, never dropped in silence."""

    reason: str
    """What is wrong and what to do, going on behind the place ("is not UTF-8 (byte 3). Convert it.")."""
    raw: str = ""
    """How the piece begins, 200 characters at most."""
    by_design: bool = False
    """Nothing is wrong with it: the format does not read this kind. It is told, and is no broken row."""


Pieces = Iterator[tuple[str, "dict[str, Any] | RejectedRow"]]
"""(place in the file, row): the line number, `page 3`, `Patient/17`. Places are unique within a file."""


class Format(Protocol):
    """A dataclass with this shape; its fields are settings that a recipe gives as `{name: {key: value}}`."""

    suffixes: ClassVar[tuple[str, ...]]
    """Files that are read this way unasked, lower case with the dot; empty where a recipe must name the format."""

    def read(self, file: Path) -> Pieces:
        """All rows of a file, one after the other, so that a file larger than memory can be read."""
        ...
