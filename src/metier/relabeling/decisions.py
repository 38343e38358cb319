"""What people wrote into the sheets, held against the rows of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.records import loosely
from metier.data.spreadsheets import safe, separated, without_quote
from metier.errors import Problems, UserError, nearest, shown
from metier.relabeling.rows import LabeledRow

UNCLEAR = "?"
"""What a person writes who looked, and finds that no label is right or cannot tell."""
MOST_SHOWN = 10
"""Problems shown of all sheets."""
NEEDED = ("id", "text", "corrected")


@dataclass(frozen=True)
class Decision:
    """What a person said about the label of a row."""

    row: LabeledRow
    label: str | None
    """None: unclear."""
    place: str
    """file:place in the sheet."""

    @property
    def kind(self) -> str:
        """changed, confirmed or unclear."""
        return "unclear" if self.label is None else "confirmed" if self.label == self.row.label else "changed"


def decisions(sheets: Sequence[Path], rows: Mapping[str, list[LabeledRow]], run: Path) -> list[Decision]:
    """What is filled in. Raises `Problems`, up to ten, where a cell cannot be used or a row cannot be found."""
    found: dict[tuple[str, str, str], Decision] = {}
    problems: list[str] = []
    for sheet in sheets:
        for place, cells in _read(sheet, problems):
            try:
                decision = _decision(place, cells, rows, run)
            except UserError as wrong:
                problems.append(f"{place}: {wrong}")
                continue
            if decision is None:
                continue
            key = decision.row.part, decision.row.id, decision.row.text
            before = found.setdefault(key, decision)
            if before.label != decision.label:
                problems.append(f"{place}: {before.place} says otherwise of the same row. Leave one of them.")
    if problems:
        more = len(problems) - MOST_SHOWN
        raise Problems(problems[:MOST_SHOWN] + ([f"and {more:,} more problems."] if more > 0 else []))
    return list(found.values())


def _read(sheet: Path, problems: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
    if sheet.is_dir() or not sheet.is_file():
        raise UserError(f"There is no sheet {sheet}. Name the suspects.csv that was filled in.")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for place, piece in pieces(str(sheet), separated(sheet) if sheet.suffix.lower() == ".csv" else None):
        if isinstance(piece, RejectedRow):
            problems.append(f"{place} {piece.reason} Save sheets as CSV in UTF-8.")
        elif missing := [name for name in NEEDED if name not in piece]:
            raise UserError(f"{place} has no column `{missing[0]}`. A sheet has {', '.join(NEEDED)}: put it back.")
        else:
            found.append((place, piece))
    return found


def _decision(place: str, cells: Mapping[str, Any], rows: Mapping[str, list[LabeledRow]], run: Path) -> Decision | None:
    """Raises `UserError` with what is wrong, which goes on behind the place."""
    written = _words(cells, "corrected")
    if not written:
        return None
    row = _row(_words(cells, "id"), _words(cells, "text"), rows, run)
    if isinstance(row.origin, str):
        raise UserError(f"{row.origin}. Labels are corrected in your own CSV, JSON lines and Parquet files.")
    _check_labels(cells, row)
    return Decision(row, _label(written, row), place)


def _row(own: str, text: str, rows: Mapping[str, list[LabeledRow]], run: Path) -> LabeledRow:
    known = rows.get(own) or rows.get(without_quote(own))
    if not known:
        raise UserError(f"the run {run} has no row {shown(own)}. Was `id` edited, or is it the sheet of another run?")
    fitting = [row for row in known if _folded(text) in (_folded(row.text), _folded(safe(row.text)))]
    if not fitting:
        raise UserError(
            f"the text is not that of row {own}. Was a column sorted without the others, or `text` edited? Take the "
            "sheet as it was written, and sort whole rows only."
        )
    if len(fitting) > 1:
        raise UserError(f"row {own} is in two files with the same text. Give the files different names.")
    return fitting[0]


def _check_labels(cells: Mapping[str, Any], row: LabeledRow) -> None:
    shown_labels = ("label_a", "label_b") if row.part == "test" else ("label",)
    given = {_folded(_words(cells, name)) for name in shown_labels} - {""}
    if given and given.isdisjoint({_folded(row.label), _folded(safe(row.label))}):
        names = " or ".join(f"`{name}`" for name in shown_labels)
        raise UserError(f"{names} was edited. Put it back, and write the right label into `corrected`.")


def _label(written: str, row: LabeledRow) -> str | None:
    """The label that a person means; None: unclear."""
    for exact in (written, without_quote(written)):
        if exact in row.labels:
            return str(exact)
    if written == UNCLEAR:
        return None
    alike = [label for label in row.labels if loosely(label) in (loosely(written), loosely(without_quote(written)))]
    if len(alike) == 1:
        return alike[0]
    hint = nearest(written, row.labels)
    raise UserError(f"{shown(written)} is no label of the run. Write one of its labels, or ? where none fits.{hint}")


def _words(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name)
    return "" if value is None or value != value else str(value).strip()


def _folded(text: str) -> str:
    """As sheets are compared: a spreadsheet changes line ends and white space at the ends."""
    return " ".join(text.split())
