"""A file's bytes as lines and as text, with a limit, so that no line and no file fills the memory."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any, cast

from annotated_types import Interval

from metier.data.format import RejectedRow

MB = 1 << 20
Megabytes = Annotated[int, Interval(ge=1, le=65_536)]
"""A limit on a piece that a recipe may set."""
DEEPEST = 200
"""Lists and objects within each other in a row. The JSON parser takes one frame of Python's 1,000 for each, and what
walks through the row later up to two: a row could pass the parser and still be too deep for what follows."""
HOLDS = (dict, list, tuple)
TOO_DEEP = RejectedRow(f"nests lists and objects more than {DEEPEST} deep. Flatten it, or remove it.")


def opened(file: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(file, "rb")) if file.suffix.lower() == ".gz" else open(file, "rb")


def lines(stream: IO[bytes], most_mb: int) -> Iterator[tuple[int, bytes | RejectedRow]]:
    """(line number, line with its end). A line over the limit is `RejectedRow`, and its rest is skipped unseen."""
    number, most = 0, most_mb * MB
    while line := stream.readline(most + 1):
        number += 1
        if len(line) <= most or line.endswith(b"\n"):
            yield number, line
            continue
        while (rest := stream.readline(MB)) and not rest.endswith(b"\n"):
            pass
        yield number, RejectedRow(f"is longer than {most_mb} MB. Split the line, or raise `most_mb`.", beginning(line))


def decoded(raw: bytes) -> str | RejectedRow:
    """The text of a line or a file; nothing is guessed where it is no UTF-8."""
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return RejectedRow(f"is not UTF-8 (byte {error.start}). Convert the file to UTF-8.", beginning(raw))
    # UTF-16 without its mark is valid UTF-8 with a NUL beside each letter.
    if "\0" in text:
        return RejectedRow("holds NUL bytes, so it is no UTF-8 text. Convert the file to UTF-8.", beginning(raw))
    return text


def whole(file: Path, most_mb: int) -> bytes | RejectedRow:
    size = file.stat().st_size
    if size > most_mb * MB:
        return RejectedRow(f"is larger than {most_mb} MB ({size / MB:,.0f} MB). Split the file, or raise `most_mb`.")
    return file.read_bytes()


def beginning(raw: bytes | str) -> str:
    """What `RejectedRow` shows of a piece."""
    return raw[:200] if isinstance(raw, str) else raw[:200].decode("utf-8", "replace")


def too_deep(row: Any, left: int = DEEPEST) -> bool:
    """Whether lists and dictionaries stand within each other more than `left` times, the row itself counted."""
    if not left:
        return True
    for value in row.values() if isinstance(row, dict) else row:
        if isinstance(value, HOLDS) and too_deep(value, left - 1):
            return True
    return False


def half_pair(value: Any) -> bool:
    """Whether a text, or one in a list or a dictionary, holds half of a character pair, which no file can hold."""
    if isinstance(value, str):
        return without_halves(value) != value
    if isinstance(value, dict):
        return half_pair([*value, *value.values()])
    return isinstance(value, list | tuple) and any(map(half_pair, value))


def without_halves(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
