"""Exam questions in a team's tables: options in columns or in a list, and an answer that names one of them."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from metier.recipes.scaffold.profile import absent
from metier.recipes.scaffold.tables import Gathered, Row

LOOKED_AT = 500
"""Rows of a table by which its options are told."""
CLEAR = 0.95
"""Share of rows whose answer must name one of the options."""
OPTIONS = "options"
STEMS = {"", "option", "opt", "op", "choice", "answer", "ans", "alternative", "alt", "ending", "sol", "solution"}
"""What columns of options are called before their letter or number; others need the answer in full."""
WRONG = {"distractor", "wrong", "wronganswer", "incorrect", "incorrectanswer"}
"""What columns of wrong answers are called: the right one stands in a column of its own."""

Cells = dict[str, Any]
Reading = Callable[[str, Sequence[str], Sequence[str]], str | None]
"""(the answer as it stands, names of the options, options) -> the option that it names."""


def _letter(answer: str, names: Sequence[str], options: Sequence[str]) -> str | None:
    at = "abcdefgh".find(answer.casefold().strip(".() ")) if len(answer.strip(".() ")) == 1 else -1
    return options[at] if 0 <= at < len(options) else None


def _from(first: int) -> Reading:
    def number(answer: str, names: Sequence[str], options: Sequence[str]) -> str | None:
        at = int(float(answer)) - first if re.fullmatch(r"\d(\.0)?", answer) else -1
        return options[at] if 0 <= at < len(options) else None

    return number


def _named(answer: str, names: Sequence[str], options: Sequence[str]) -> str | None:
    known = dict(zip((name.casefold() for name in names), options, strict=False))
    return known.get(answer.casefold())


def _in_full(answer: str, names: Sequence[str], options: Sequence[str]) -> str | None:
    return answer if answer in options else None


READINGS: tuple[Reading, ...] = (_in_full, _named, _letter, _from(0), _from(1))
"""How an answer may name its option. One that counts from 1 has a 4 of four options, which no count from 0 has."""


def as_choices(gathered: Gathered) -> None:
    """Tables of questions with options get a column with the list of them and the right one in full."""
    for file, rows in gathered.tables.items():
        if file in gathered.told or not rows:
            continue
        sample = [cells for _, _, cells in rows[:LOOKED_AT]]
        names = list(dict.fromkeys(name for cells in sample for name in cells))
        for columns in _candidates(names, sample):
            if found := _answer_of(columns, [it for it in names if it not in columns], sample):
                _rewrite(file, rows, columns, *found, gathered)
                break


def _candidates(names: Iterable[str], sample: list[Cells]) -> list[tuple[str, ...]]:
    """Columns that may hold the options: families of two to eight that are counted or lettered, and single lists."""
    families: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in names:
        if match := re.fullmatch(r"(.*?)[ _-]?([a-h]|\d)\)?", name.strip(), re.IGNORECASE):
            mark = match[2].lower()
            stem = re.sub(r"[^a-z]", "", match[1].lower())
            families[stem].append((ord(mark) - (48 if mark.isdigit() else 97), name))
    found = [
        tuple(name for _, name in sorted(family))
        for family in families.values()
        if 2 <= len(family) <= 8 and sorted(at for at, _ in family) in _counts(len(family))
    ]
    lists = [(name,) for name in names if all(_list(cells.get(name)) for cells in sample)]
    return [one for one in [*found, *lists] if _vary(one, sample)]


def _counts(length: int) -> tuple[list[int], list[int]]:
    return list(range(length)), list(range(1, length + 1))


def _vary(columns: tuple[str, ...], sample: list[Cells]) -> bool:
    """Whether the options are texts that differ from row to row; annotators' votes and measurements are none."""
    given = [_options(cells, columns) for cells in sample]
    flat = [one for options in given for one in options]
    numbers = sum(bool(re.fullmatch(r"-?[\d.,%]+", one)) for one in flat)
    distinct = sum(len(set(options)) == len(options) >= 2 for options in given)
    return bool(flat) and 3 * len(set(flat)) > len(given) and 2 * numbers < len(flat) and distinct > 0.8 * len(given)


def _list(value: Any) -> list[str]:
    """The options in a cell: a list, or a list that was written as text; empty where it is none."""
    if isinstance(value, str) and value.strip().startswith("["):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(value)
                break
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    known = value if isinstance(value, list | tuple) else []
    return [str(one).strip() for one in known] if len(known) >= 2 and not isinstance(known[0], dict | list) else []


def _options(cells: Cells, columns: tuple[str, ...]) -> list[str]:
    if len(columns) == 1:
        return _list(cells.get(columns[0]))
    return [str(cells[name]).strip() for name in columns if not absent(cells.get(name))]


def _answer_of(columns: tuple[str, ...], others: list[str], sample: list[Cells]) -> tuple[str, Reading | None] | None:
    """(the column with the answer, how it is read: None where the options are the wrong ones)."""
    stem = re.sub(r"[^a-z]", "", columns[0].lower()[: -1 if len(columns) > 1 else None])
    likely = sorted(others, key=lambda name: not re.search(r"answer|correct|label|key|gold|solution|cop", name.lower()))
    if stem in WRONG and len(columns) > 1:
        right = [name for name in likely if re.search(r"correct|answer|right", name.lower())]
        return (right[0], None) if right else None
    readings = READINGS if stem in STEMS or len(columns) == 1 else READINGS[:2]
    for name in likely:
        asked = [(str(cells[name]).strip(), cells) for cells in sample if not absent(cells.get(name))]
        if len({answer for answer, _ in asked}) < 2 or 2 * len(asked) < len(sample):
            continue
        for reading in readings:
            hits = sum(reading(answer, columns, _options(cells, columns)) is not None for answer, cells in asked)
            if hits >= CLEAR * len(asked):
                return name, reading
    return None


def _rewrite(
    file: Path, rows: list[Row], columns: tuple[str, ...], answer: str, reading: Reading | None, gathered: Gathered
) -> None:
    target = next(name for name in (OPTIONS, *(f"{OPTIONS}_{n}" for n in range(2, 99))) if _free(name, columns, rows))
    kept: list[Row] = []
    for origin, where, cells in rows:
        options, said = _options(cells, columns), str(cells.get(answer) or "").strip()
        if absent(cells.get(answer)) or not options:
            gathered.left_out.append({"origin": origin, "reason": f"has no options or nothing in '{answer}'."})
            continue
        # The wrong ones alone: the right one stands among them by the alphabet, so that its place tells nothing.
        options = sorted({said, *options}) if reading is None else list(dict.fromkeys(options))
        right = said if reading is None else reading(said, columns, _options(cells, columns))
        if right not in options or len(options) < 2:
            why = f"has the answer '{said}' in '{answer}', which names none of its options."
            gathered.left_out.append({"origin": origin, "reason": why})
            continue
        rest = {name: value for name, value in cells.items() if name not in columns}
        kept.append((origin, where, {**rest, answer: right, target: options}))
    rows[:] = kept
    shown = ", ".join(f"`{name}`" for name in columns)
    gathered.choices[file] = (target, answer)
    doubt = (
        f"Each question has its own options, in {shown}, and `{answer}` names the right one. So the model chooses "
        "among them. Is that meant?"
    )
    gathered.doubts += [] if doubt in gathered.doubts else [doubt]


def _free(name: str, columns: tuple[str, ...], rows: list[Row]) -> bool:
    return name in columns or not any(name in cells for _, _, cells in rows)
