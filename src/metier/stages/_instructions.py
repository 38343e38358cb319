"""Instruction data in a team's folder, as other tools write it: made tables of questions and answers."""

from pathlib import Path
from typing import Any

from metier import plugins
from metier.shapes import Wrong
from metier.stages._columns import ANSWER, QUESTION
from metier.stages._tables import Gathered, Row

LOOKED_AT = 20
"""Rows of a table by which its shape is told."""
CHATS = {"messages": "messages", "conversations": "sharegpt"}
"""Columns that say by themselves what shape their rows have, be they whole or broken."""
PARTS = ("instruction", "input")
"""Columns that a shape may lay together; those that it takes as they are are known by their value."""
EARLIER = (
    "Some chats have a system prompt or earlier turns. They stand in the text as lines `System: ...`, `User: ...`. "
    "Will the model be asked like that?"
)


def as_tables(gathered: Gathered) -> None:
    """Chats, instructions and completions get the columns `question` and `answer`, and keep what else is one value;
    preferences are asked about, since they are learned from by another method."""
    for file, rows in list(gathered.tables.items()):
        if rows and {"chosen", "rejected"} <= rows[0][2].keys():
            _set_aside(file, gathered)
        elif shape := _shape_of(rows):
            gathered.told.add(file)
            gathered.tables[file] = [it for it in (_as_row(row, shape, gathered) for row in rows) if it]
            if not gathered.tables[file]:
                del gathered.tables[file]


def _set_aside(file: Path, gathered: Gathered) -> None:
    del gathered.tables[file]
    gathered.left_out.append({"origin": file.name, "reason": "holds preferences, which `dpo` learns from."})
    gathered.doubts.append(
        f"`{file.name}` holds preferences, which `dpo` learns from: put {{path: ..., shape: preference, licence: ...}} "
        "among the sources and dpo behind the other method (docs/methods.md)?"
    )


def _shape_of(rows: list[Row]) -> Any:
    """The shape that the first rows have; None for a table of other columns."""
    looked_at = [row for _, _, row in rows[:LOOKED_AT]]
    named = [CHATS[column] for column in CHATS if any(column in row for row in looked_at)]
    for name in named or plugins.names("shapes"):
        shape = plugins.build("shapes", name, {})
        if named or 2 * sum(_fits(shape, row) for row in looked_at) > len(looked_at):
            return shape
    return None


def _fits(shape: Any, row: dict[str, Any]) -> bool:
    try:
        shape.columns(row)
    except Wrong:
        return False
    return True


def _as_row(row: Row, shape: Any, gathered: Gathered) -> Row | None:
    origin, file, cells = row
    try:
        found = shape.columns(cells)
    except Wrong as wrong:
        gathered.left_out.append({"origin": origin, "reason": str(wrong)})
        return None
    if len(found.get("messages", ())) > 2 and EARLIER not in gathered.doubts:
        gathered.doubts.append(EARLIER)
    ours = {QUESTION: found["text"], ANSWER: found["label"]}
    further = {
        f"{name}_2" if name in ours else name: value
        for name, value in cells.items()
        if not (name in PARTS or isinstance(value, list | dict) or _gives_away(value, *ours.values()))
    }
    return origin, file, {**further, **ours}


def _gives_away(value: Any, question: str, answer: str) -> bool:
    """What the shape made question or answer of, or both together as some tools write it."""
    return value in (question, answer) or (isinstance(value, str) and question in value and answer in value)
