"""Instruction data in a team's folder, as other tools write it: made tables of questions and answers."""

from pathlib import Path
from typing import Any

from metier.data.converter import ConversionError
from metier.recipes import plugins
from metier.recipes.scaffold.columns import ANSWER, QUESTION
from metier.recipes.scaffold.profile import absent
from metier.recipes.scaffold.tables import Gathered, Row

LOOKED_AT = 20
"""Rows of a table by which its shape is told."""
NAMES = {
    "preference": ("chosen", "rejected"),
    "messages": ("messages",),
    "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
}
"""The columns by which each shape is known."""
CHATS = ("messages", "sharegpt")
PARTS = ("instruction", "input")
"""Columns that alpaca lays together; those that a shape takes as they are are known by their value."""
KNOWN = {*PARTS, *(name for columns in NAMES.values() for name in columns)}
EARLIER = (
    "Some chats have a system prompt or earlier turns. They are in the text as lines `System: ...`, `User: ...`. "
    "Will the model be asked like that?"
)


def as_tables(gathered: Gathered) -> None:
    """Chats, instructions and completions get the columns `question` and `answer`, and keep what else is one value;
    preferences are asked about, since they are learned from by another method."""
    for file, rows in list(gathered.tables.items()):
        shape = _shape_of([_plain(cells) for _, _, cells in rows[:LOOKED_AT]])
        if shape == "preference":
            _rejected_rows(file, gathered)
        elif shape:
            gathered.told.add(file)
            built, parts = plugins.build("converters", shape, {}), PARTS if shape == "alpaca" else ()
            gathered.tables[file] = [it for it in (_as_row(row, built, parts, gathered) for row in rows) if it]
            if not gathered.tables[file]:
                del gathered.tables[file]


def _plain(cells: dict[str, Any]) -> dict[str, Any]:
    """A row with the names that shapes know, however they are spelled, and numbers as the texts that a model writes."""
    plain = {}
    for name, value in cells.items():
        if (low := name.casefold()) in KNOWN:
            plain[low] = str(value) if isinstance(value, int | float) else value
        else:
            plain[name] = value
    return plain


def _rejected_rows(file: Path, gathered: Gathered) -> None:
    del gathered.tables[file]
    gathered.left_out.append({"origin": file.name, "reason": "holds preferences, which `dpo` learns from."})
    gathered.doubts.append(
        f"`{file.name}` holds preferences, which `dpo` learns from: put "
        f"{{path: ..., converter: preference, license: ...}} "
        "among the datasets and dpo behind the other method (docs/methods.md)?"
    )


def _shape_of(rows: list[dict[str, Any]]) -> str | None:
    """The shape that the first rows have, be they whole or broken; None for a table of other columns."""
    for shape, columns in NAMES.items():
        having = [row for row in rows if all(not absent(row.get(name)) for name in columns)]
        if shape in CHATS:
            having = [row for row in having if isinstance(row[columns[0]], list)]
        if shape == "preference":  # counts of what was chosen are none
            having = [row for row in having if all(isinstance(row[c], list) or " " in str(row[c]) for c in columns)]
        if 2 * len(having) > len(rows):
            return shape
    return None


def _as_row(row: Row, shape: Any, parts: tuple[str, ...], gathered: Gathered) -> Row | None:
    origin, file, cells = row[0], row[1], _plain(row[2])
    try:
        converted = shape.columns(cells)
    except ConversionError as wrong:
        gathered.left_out.append({"origin": origin, "reason": str(wrong)})
        return None
    if len(converted.get("messages", ())) > 2 and EARLIER not in gathered.doubts:
        gathered.doubts.append(EARLIER)
    ours = {QUESTION: converted["text"], ANSWER: converted["label"]}
    last_turn = converted["text"].rsplit("\n", 1)[-1].removeprefix("User: ")
    further = {
        f"{name}_2" if name in ours else name: value
        for name, value in cells.items()
        if not (name in parts or isinstance(value, list | dict) or _gives_away(value, last_turn, *ours.values()))
    }
    return origin, file, {**further, **ours}


def _gives_away(value: Any, last_turn: str, question: str, answer: str) -> bool:
    """What the shape made question or answer of, or a text with the end of the one and all of the other."""
    return value in (question, answer) or (isinstance(value, str) and last_turn in value and answer in value)
