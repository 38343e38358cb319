"""Cells that no spreadsheet takes for a formula, and what they said before; lines of a sheet that people gave back."""

import csv
import zlib
from itertools import islice
from pathlib import Path
from typing import Any

from metier.data.decoding import opened

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is a formula to a spreadsheet (OWASP, CSV injection)."""
SEPARATORS, LOOKED_AT = ",;\t|", 50
"""What parts the cells of a .csv, and the records it is told by."""


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; a number stays one."""
    return f"'{cell}" if cell.startswith(FORMULA) and not _is_number(cell) else cell


def without_quote(value: Any) -> Any:
    """A cell as it was before it was made safe for spreadsheets."""
    return value[1:] if isinstance(value, str) and value[:1] == "'" and value[1:].startswith(FORMULA) else value


def separated(file: Path) -> Any:
    """How a .csv is read: sheets saved in much of Europe part their cells by a semicolon, exports by tabs or bars."""
    try:
        with opened(file) as stream:
            head = stream.read(1 << 16).decode("utf-8", "replace").removeprefix("\ufeff")
    except (OSError, EOFError, zlib.error):
        return None  # who reads it says what is wrong
    if head.lower().startswith("sep="):
        return None  # the format believes it
    best = max(SEPARATORS, key=lambda separator: _parts(head, separator))
    return {"csv": {"separator": best}} if _parts(head, best) > (0, 0) else None


def _parts(head: str, separator: str) -> tuple[float, int]:
    """How well a separator parts the first records: the share of those with as many cells as the first, and its cells;
    zeros where it parts nothing."""
    try:
        first, *others = islice(csv.reader(head.splitlines(keepends=True), delimiter=separator), LOOKED_AT)
    except (csv.Error, ValueError):
        return 0, 0
    others = [cells for cells in others if cells]
    alike = sum(len(cells) == len(first) for cells in others) / max(len(others), 1)
    return (alike, len(first)) if len(first) > 1 else (0, 0)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
