"""Instruction data in a team's folder, as other tools write it: made a table of questions and answers."""

from typing import Any

from metier import plugins
from metier.shapes import Wrong
from metier.stages._columns import ANSWER, QUESTION
from metier.stages._tables import Gathered, Row

LOOKED_AT = 20
"""Rows of a table by which its shape is told."""
PARTS = ("instruction", "input")
"""Columns that a shape may lay together; those that it takes as they are are known by their value."""


def unshaped(gathered: Gathered) -> None:
    """Chats, instructions and completions get the columns `question` and `answer`, and keep what else is one value;
    preferences are asked about, since they are learned from by another method."""
    for file, rows in list(gathered.tables.items()):
        shape, found = _shape_of(rows)
        if "chosen" in found:
            del gathered.tables[file]
            gathered.doubts.append(
                f"`{file.name}` holds preferences, which `dpo` learns from: put {{path: ..., shape: preference, "
                "licence: ...} among the sources and dpo behind the other method (docs/methods.md)?"
            )
        elif shape:
            gathered.tables[file] = [it for it in (_as_table(row, shape, gathered) for row in rows) if it]


def _shape_of(rows: list[Row]) -> tuple[Any, dict[str, Any]]:
    """The shape that the first rows have, and what it makes of one of them; (None, {}) for a table of other columns."""
    for name in plugins.names("shapes"):
        shape = plugins.build("shapes", name, {})
        fitting = [found for _, _, row in rows[:LOOKED_AT] if (found := _columns(shape, row)) is not None]
        if len(fitting) > len(rows[:LOOKED_AT]) / 2:
            return shape, fitting[0]
    return None, {}


def _columns(shape: Any, row: dict[str, Any]) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = shape.columns(row)
    except Wrong:
        return None
    return found


def _as_table(row: Row, shape: Any, gathered: Gathered) -> Row | None:
    origin, file, cells = row
    try:
        found = shape.columns(cells)
    except Wrong as wrong:
        gathered.left_out.append({"origin": origin, "reason": str(wrong)})
        return None
    # What the shape made question or answer of would give the answer away as a further column.
    known = (found["text"], found["label"])
    further = {k: v for k, v in cells.items() if not (k in PARTS or isinstance(v, list | dict) or v in known)}
    return origin, file, {**further, QUESTION: found["text"], ANSWER: found["label"]}
