"""The tables of a team's folder made one: which is learned from, what is joined to it, and which rows are clean."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from metier.recipes.scaffold.columns import SIDES, Columns, columns_of
from metier.recipes.scaffold.profile import absent
from metier.recipes.scaffold.shown import names_its_answer

FEWEST_ROWS = 20
"""Labeled rows below which there is nothing to learn and to test with."""

Row = tuple[str, Path, dict[str, Any]]
"""(where it stands, its file, the row as the file has it)"""


@dataclass
class Gathered:
    """What the folder holds."""

    tables: dict[Path, list[Row]] = field(default_factory=lambda: defaultdict(list))
    documents: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Questions for the people who know the files."""
    told: set[Path] = field(default_factory=set)
    """The tables whose rows had a shape that says what is asked and answered."""
    choices: dict[Path, tuple[str, str]] = field(default_factory=dict)
    """Table -> its columns with the options and with the right one, where every question has its own."""


def labeled(gathered: Gathered) -> tuple[Columns, list[Row]]:
    """The table to learn from: of those with a text and an answer the one with most rows, classes before written
    answers. Texts without an answer become documents."""
    tables: dict[tuple[bool, tuple[str, str] | None, frozenset[str]], list[Row]] = defaultdict(list)
    for file, rows in gathered.tables.items():
        # Lines of JSON leave out what is empty, so a file's columns are those of any of its rows.
        tables[
            file in gathered.told, gathered.choices.get(file), frozenset(name for _, _, row in rows for name in row)
        ] += rows
    known = [
        (columns_of([row for _, _, row in rows], told, choice), rows) for (told, choice, _), rows in tables.items()
    ]
    usable = [(columns, rows) for columns, rows in known if columns.label]
    best = max(usable, key=_preferred, default=(Columns(), []))
    joined = _joined(best, known, gathered)
    for columns, rows in known:
        if rows is best[1] or id(rows) in joined:
            continue
        files = ", ".join(f"`{name}`" for name in sorted({file.name for _, file, _ in rows}))
        if columns.label or not columns.text:
            gathered.doubts.append(f"{files}: other columns than the table that was taken, and not used. Rightly?")
            continue
        gathered.doubts.append(
            f"{files}: no column looks like an answer, so `{columns.text}` is read as raw text. Right?"
        )
        gathered.documents += [
            {"text": row[columns.text], "file": origin} for origin, _, row in rows if not absent(row.get(columns.text))
        ]
    taken = best[1] + [row for columns, rows in known if id(rows) in joined for row in rows]
    columns = best[0]
    if joined:  # what is read and answered stands; a group or a date may be told better from all rows
        choice = (best[0].options, str(best[0].label)) if best[0].options else None
        columns = columns_of([row for _, _, row in taken], best[0].told, choice)
        if (columns.text, columns.label) != (best[0].text, best[0].label):
            columns = best[0]
            sides = {str(row[columns.split] or "train") for _, _, row in taken} if columns.split else set()
            if any(side.strip().lower() not in SIDES for side in sides):  # a joined table has other words there
                columns = replace(columns, split=None)
    _renamed(columns, taken)
    gathered.doubts += columns.doubts
    clean = _clean(taken, columns, gathered)
    if columns.classes:
        gathered.doubts += _give_away(clean, columns)
    return columns, clean


def _give_away(rows: list[Row], columns: Columns) -> list[str]:
    """What is asked about texts that name their own answer; but for the one that is read, the prompt loses them."""
    doubts, cells = [], [row for _, _, row in rows]
    for name in columns.shown:
        if not (share := names_its_answer(cells, name, str(columns.label))):
            continue
        read = name == columns.text
        doubts.append(
            f"In {share:.0%} of the rows `{name}` names its own answer. Is it written before the answer is known? "
            + ("If not, read another column." if read else f"If so, put {{{name}}} into the prompt.")
        )
    columns.shown = [name for name in columns.shown if name == columns.text or f"`{name}`" not in " ".join(doubts)]
    return doubts


def _preferred(table: tuple[Columns, list[Row]]) -> tuple[bool, bool, int]:
    """Enough rows to learn and to test, classes before written answers, and many rows before few."""
    columns, rows = table
    return len(rows) >= FEWEST_ROWS, not columns.written, len(rows)


def _joined(best: tuple[Columns, list[Row]], known: list[tuple[Columns, list[Row]]], gathered: Gathered) -> set[int]:
    """The tables (by identity of their rows) that have the text and the answer of the best one, and other columns
    beside them: a test.csv with remarks is still the team's test. Their columns get its spelling."""
    columns, mine = best
    spelled = {name.casefold(): name for _, _, row in mine for name in row}
    wanted, joined = {str(columns.text).casefold(), str(columns.label).casefold()}, set()
    for _, rows in known:
        names = {name for _, _, row in rows for name in row}
        if rows is mine or not columns.label or not wanted <= {name.casefold() for name in names}:
            continue
        rows[:] = [(at, file, {spelled.get(k.casefold(), k): v for k, v in row.items()}) for at, file, row in rows]
        joined.add(id(rows))
        files = ", ".join(f"`{name}`" for name in sorted({file.name for _, file, _ in rows}))
        more = sorted({spelled.get(name.casefold(), name) for name in names} ^ set(spelled.values()))
        other = f"; not in both: {', '.join(f'`{name}`' for name in more)}" if more else ""
        gathered.doubts.append(
            f"{files}: read together with the other table, by `{columns.text}` and `{columns.label}`{other}. Rightly?"
        )
    return joined


def _renamed(columns: Columns, rows: list[Row]) -> None:
    """Further columns get a name that a prompt can have in braces, where it shows them; and one that is called `text`
    another one, since {text} is the text that is read."""
    taken = {name for _, _, row in rows for name in row}
    for name in [it for it in columns.shown if it != columns.text and not re.fullmatch(r"\w+", it)]:
        plain = re.sub(r"\W+", "_", name).strip("_") or "column"
        plain = next(it for it in (plain, *(f"{plain}_{n}" for n in range(2, 1000))) if it not in taken | {"text"})
        taken.add(plain)
        _rename(name, plain, columns, rows)
    ours = (columns.text, columns.label, columns.group, columns.time, columns.id, columns.split)
    if columns.text is None or "text" in ours or not any("text" in row for _, _, row in rows):
        return
    new_name = next(f"text_{n}" for n in range(2, 1000) if not any(f"text_{n}" in row for _, _, row in rows))
    _rename("text", new_name, columns, rows)


def _rename(old: str, new: str, columns: Columns, rows: list[Row]) -> None:
    rows[:] = [(at, file, {new if k == old else k: v for k, v in row.items()}) for at, file, row in rows]
    columns.slices = [new if name == old else name for name in columns.slices]
    columns.shown = [new if name == old else name for name in columns.shown]
    columns.doubts = [doubt.replace(f"`{old}`", f"`{new}`") for doubt in columns.doubts]


def _clean(rows: list[Row], columns: Columns, gathered: Gathered) -> list[Row]:
    """Rows with text and answer, every one with the same columns; the others are left out with the reason."""
    names = list(dict.fromkeys(name for _, _, row in rows for name in row))
    kept = []
    for origin, file, row in rows:
        missing = [name for name in (columns.text, columns.label) if absent(row.get(str(name)))]
        if missing or isinstance(row[str(columns.label)], list | dict):
            why = f"has nothing in '{missing[0]}'." if missing else f"has a list in '{columns.label}'."
            gathered.left_out.append({"origin": origin, "reason": why})
            continue
        cells = {name: None if absent(row.get(name)) else row[name] for name in names}
        if isinstance(answer := cells[str(columns.label)], str):
            cells[str(columns.label)] = answer.strip()
        kept.append((origin, file, cells))
    if not columns.classes:
        return kept
    counts = Counter(str(row[str(columns.label)]) for _, _, row in kept)
    alike = defaultdict(list)
    for name in sorted(counts):
        alike[" ".join(name.casefold().split())].append(name)
    for spellings in alike.values():
        if len(spellings) > 1:
            shown = ", ".join(f"`{name}` ({counts[name]:,})" for name in spellings)
            gathered.doubts.append(f"Are these one answer? {shown}. They are learned and counted as different ones.")
    return kept
