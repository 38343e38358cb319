"""Files of answers from any tool: which columns they have, and the answers by their ids."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.spreadsheets import separated
from metier.errors import Problems, UserError, nearest, shown

Role = Literal["id", "right", "answer", "group"]
USUAL: dict[Role, tuple[str, ...]] = {
    "id": ("id",),
    "right": ("right", "label", "gold", "target", "reference"),
    "answer": ("answer", "given", "prediction", "output"),
    "group": ("group", "cluster"),
}
"""Role -> the names that its column has in most tools, whatever their case."""
CALLED: dict[Role, str] = {"id": "id", "right": "right answer", "answer": "given answer", "group": "group"}
OPTIONAL: tuple[Role, ...] = ("right", "group")
"""The other file may have them."""
LISTED = 5
"""Ids that a message names."""

Named = Mapping[str, Sequence[str]]
"""Role -> the column that a person named: one for both files, or one for each."""


@dataclass(frozen=True)
class Answered:
    """One question, as a file has it."""

    answer: str | None
    """None: the cell is empty."""
    right: str | None
    group: str | None


@dataclass(frozen=True)
class AnswerFile:
    """The answers of one side."""

    name: str
    columns: dict[Role, str]
    """Role -> the column that was taken."""
    rows: dict[str, Answered]
    """By id."""

    @property
    def taken(self) -> str:
        """Which columns were taken, in a sentence."""
        return f"{self.name}: " + ", ".join(f"{CALLED[role]} from `{column}`" for role, column in self.columns.items())


@dataclass(frozen=True)
class Wanted:
    """What is read of a file, and how a person names its columns."""

    roles: tuple[Role, ...] = tuple(USUAL)
    option: str = "--{}"
    """How the option or setting of a role is called."""
    assign: str = "--{} {}"
    """How it is given a column."""


def read_answer_file(path: Path, named: Named, at: int, wanted: Wanted = Wanted()) -> AnswerFile:
    """The answers of a file, which is the first (0) or second (1) of two. Raises `UserError` where a row cannot be
    read, a column is missing or may be meant by two names, or ids occur in it twice."""
    rows: list[tuple[str, dict[str, Any]]] = []
    if not path.is_file():
        raise UserError(
            f"There is no file or run {path}. Name the folder of a run, or a .csv or .jsonl file of answers."
        )
    for place, piece in pieces(str(path), separated(path) if path.suffix.lower() == ".csv" else None):
        if isinstance(piece, RejectedRow):
            raise UserError(f"{place} {piece.reason}")
        rows.append((place, piece))
    if not rows:
        raise UserError(f"{path} holds no answers.")
    known = list(dict.fromkeys(name for _, row in rows for name in row))
    columns = _columns(path.name, known, named, at, wanted)
    return _collected(path.name, columns, [(place, _cells(place, row, columns)) for place, row in rows])


def _columns(file: str, known: list[str], named: Named, at: int, wanted: Wanted) -> dict[Role, str]:
    """Role -> its column; raises `Problems` with all that is wrong."""
    columns: dict[Role, str] = {}
    problems = []
    for role in wanted.roles:
        given, option = named.get(role, ()), wanted.option.format(role)
        if len(given) > 2:
            problems.append(f"{option} was given {len(given)} times. Give one column for both files, or one for each.")
        elif given:
            column = given[-1] if at else given[0]
            if column in known:
                columns[role] = column
            elif role not in OPTIONAL or len(given) == 2:
                two = len(given) == 1 and "right" in wanted.roles
                each = f" Where the files differ, give {option} twice." if two else ""
                problems.append(f"{file} has no column {shown(column)} ({option}).{nearest(column, known)}{each}")
        else:
            usual = [name for name in known if name.strip().lower() in USUAL[role]]
            if len(usual) == 1:
                columns[role] = usual[0]
            elif usual:
                both = " and ".join(f"`{name}`" for name in usual)
                problems.append(
                    f"{file} has {both} for the {CALLED[role]}. Name one: {wanted.assign.format(role, usual[0])}."
                )
            elif role not in OPTIONAL:
                names, column = ", ".join(USUAL[role]), wanted.assign.format(role, "COLUMN")
                problems.append(
                    f"{file} has no column for the {CALLED[role]}, usually called {names}. Name it: {column}. "
                    f"It has: {shown(', '.join(known), 300)}."
                )
    if problems:
        raise Problems(problems)
    return columns


def _cells(place: str, row: dict[str, Any], columns: dict[Role, str]) -> dict[Role, str | None]:
    """What a row says, as texts: 1 in JSON is the 1 of a CSV."""
    cells: dict[Role, str | None] = {}
    for role, column in columns.items():
        value = row.get(column)
        if isinstance(value, list | dict):
            raise UserError(f"{place} has a {type(value).__name__} in `{column}`. Give one text or number.")
        cells[role] = None if value is None or str(value).strip() == "" else str(value).strip()
    return cells


def _collected(file: str, columns: dict[Role, str], rows: list[tuple[str, dict[Role, str | None]]]) -> AnswerFile:
    without = [place for place, cells in rows if cells["id"] is None]
    twice = [str(name) for name, count in Counter(cells["id"] for _, cells in rows).items() if name and count > 1]
    lacks = [str(cells["id"]) for _, cells in rows if "right" in columns and cells["right"] is None]
    problems = []
    if without:
        problems.append(f"{file} has {listed(without, 'row', 'rows')} without an id. Give each row one.")
    if twice:
        problems.append(f"{file} has {listed(twice, 'id', 'ids')} more than once. Keep one answer for each question.")
    if lacks:
        problems.append(f"{file} has {listed(lacks, 'row', 'rows')} without a right answer. Fill it in.")
    if problems:
        raise Problems(problems)
    found = {str(cells["id"]): Answered(cells["answer"], cells.get("right"), cells.get("group")) for _, cells in rows}
    return AnswerFile(file, columns, found)


def listed(names: Iterable[str], one: str, many: str) -> str:
    """How many, and the first few: `12 ids (q7, q9, q11, ...)`."""
    every = list(names)
    few = ", ".join(shown(name).strip("'\"") for name in every[:LISTED])
    return f"{len(every):,} {one if len(every) == 1 else many} ({few}{', ...' if len(every) > LISTED else ''})"
