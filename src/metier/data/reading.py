"""Files of a team's own -> rows. What gives no row is rejected with file and place; nothing is dropped or guessed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from metier.data.converter import ConversionError
from metier.data.decoding import half_pair, without_halves
from metier.data.files import fingerprint, pieces
from metier.data.format import RejectedRow
from metier.data.records import rows_to_table
from metier.errors import Problems, UserError, nearest
from metier.recipes import plugins
from metier.recipes.settings import Share

MOST_SHOWN = 10
"""Problems shown of one file set: enough to see the pattern, few enough to read."""
BATCH_ROWS, BATCH_CHARACTERS = 10_000, 1 << 26
"""Rows that stand in memory as Python objects at a time: so many, or fewer where their texts are long."""
LOOKED_AT = 100
"""Pieces looked at for a first row, before anything is read."""
OURS = ("text", "label", "messages", "chosen", "rejected")
"""The columns that a shape gives."""


@dataclass
class FileSource:
    """Files of the user's own, with a map from their columns to ours."""

    path: str
    """A file, a pattern such as tickets/*.jsonl, or a folder with all that is below it."""
    text: str = "text"
    """The column that holds the text."""
    label: str | None = None
    """The column that holds the label, if there is one."""
    license: str = ""
    """SPDX identifier or `proprietary`: under what terms you hold this text."""
    group: str | None = None
    """The column of what must stay on one side of a split: patient, contract, customer."""
    time: str | None = None
    """The column of the date."""
    split: str | None = None
    """The column that says train, valid or test, if the split is already made."""
    options: str | None = None
    """The column with the list of answers to choose from, if every question has its own."""
    task: str | None = None
    """The benchmark whose prompt asks these rows; needed where several benchmarks could."""
    format: Any = None
    """How every file is read: a name, or {name: {setting: value}}; left out: by its suffix."""
    converter: str | None = None
    """What tool wrote the rows (alpaca, messages, sharegpt ...); it gives text, label and turns in place of columns."""
    id: str | None = None
    """The column with the row's own id; left out: file and line."""
    max_error_rate: Share = 0.01
    """Share of rows that may be rejected before reading stops."""

    citation: ClassVar[str] = ""
    url: ClassVar[str] = ""
    rejected_rows: list[dict[str, str]] = field(default_factory=list, init=False, repr=False, compare=False)
    """What gave no row when the rows were last read: origin, reason, raw."""

    @property
    def name(self) -> str:
        return Path(self.path).stem.replace("*", "all")

    @property
    def place(self) -> str:
        """Where it is, as a message names it."""
        return self.path

    @property
    def labeled(self) -> bool:
        return self.label is not None or (self.converter is not None and "label" in self._first()[1])

    @property
    def pairs(self) -> bool:
        return self.converter is not None and "chosen" in self._first()[1]

    def problems(self) -> list[str]:
        """What can be said without reading everything: missing files, and columns that the first row lacks."""
        if not self.license:
            return [f"The dataset {self.path} has no license. Add `license: proprietary` or an SPDX identifier."]
        if self.converter and (self.label or self.text != "text"):
            return ["A `converter` says where text and label stand. Leave `text` and `label` out, or the shape."]
        try:
            origin, row = self._first()
        except Problems as error:
            return error.problems
        except UserError as error:
            return [str(error)]
        return [
            f"{origin} has no column '{column}'.{nearest(column, row)}"
            for column in self._mapped()
            if column and column not in row
        ]

    def prompt_columns(self) -> set[str]:
        """What a prompt may name, by the first row; not the label, which would give the answer away, nor the group."""
        _, row = self._first()
        return {"text"} | (row.keys() - set(self._mapped()) - set(OURS if self.converter else ()))

    def _mapped(self) -> list[str | None]:
        return [self.text, self.label, self.group, self.time, self.split, self.options, self.id]

    def _first(self) -> tuple[str, dict[str, Any]]:
        """The first row that is not broken."""
        broken: list[str] = []
        for origin, piece in islice(self.pieces(), LOOKED_AT):
            row = self._converted(piece)
            if not isinstance(row, RejectedRow):
                return origin, row
            broken.append(f"{origin} {row.reason}")
        raise UserError(broken[0] if broken else f"{self.path} is empty. Give a file with at least one row.")

    def rows(self) -> pa.Table:
        """All rows in the one schema; raises as `batches` does."""
        return pa.concat_tables(self.batches())

    def batches(self) -> Iterator[pa.Table]:
        """All rows, some thousand at a time. Raises `Problems`, up to ten, where too many are broken."""
        self.rejected_rows = []
        places: dict[str, str] = {}
        gathered: list[dict[str, Any]] = []
        faults: list[str] = []
        read = characters = 0
        for origin, piece in self.pieces():
            row = self._row(origin, piece, places)
            if isinstance(row, RejectedRow):
                self.rejected_rows.append(
                    {"origin": origin, "reason": without_halves(row.reason), "raw": without_halves(row.raw)}
                )
                faults += [] if row.by_design else [f"{origin} {without_halves(row.reason)}"]
                continue
            gathered.append(row)
            read, characters = read + 1, characters + len(row["text"])
            if len(gathered) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                yield rows_to_table(gathered)
                gathered, characters = [], 0
        self._stop_if_broken(read, faults)
        if gathered:
            yield rows_to_table(gathered)

    def _stop_if_broken(self, read: int, faults: list[str]) -> None:
        if len(faults) > self.max_error_rate * (read + len(faults)):
            more = len(faults) - MOST_SHOWN
            raise Problems(faults[:MOST_SHOWN] + ([f"and {more:,} more of this kind."] if more > 0 else []))
        if not read:
            raise UserError(f"{self.path} is empty. Give a file with at least one row.")

    def fingerprint(self) -> str:
        return fingerprint(self.path)

    def pieces(self) -> Iterator[tuple[str, dict[str, Any] | RejectedRow]]:
        """(file:place, row as the file has it)."""
        return pieces(self.path, self.format)

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file:place, row as the file has it). Raises `UserError` at the first that is broken."""
        for origin, piece in self.pieces():
            if isinstance(piece, RejectedRow):
                raise UserError(f"{origin} {piece.reason}")
            yield origin, piece

    def _row(
        self, origin: str, piece: dict[str, Any] | RejectedRow, places: dict[str, str]
    ) -> dict[str, Any] | RejectedRow:
        """The row in our columns. `places`: id -> where it was first seen."""
        row = self._converted(piece)
        if isinstance(row, RejectedRow):
            return row
        if wrong := self._wrong(row):
            return RejectedRow(wrong, _raw(row))
        ours = self._to_row(origin, row)
        if self.id and (first := places.setdefault(ours["id"], origin)) != origin:
            return RejectedRow(f"has the id '{ours['id']}', which {first} has already. Give each its own.", _raw(row))
        return ours

    @cached_property
    def _converter(self) -> Any:
        return plugins.build("converters", str(self.converter), {})

    def _converted(self, piece: dict[str, Any] | RejectedRow) -> dict[str, Any] | RejectedRow:
        if isinstance(piece, RejectedRow) or not self.converter:
            return piece
        try:
            converted = self._converter.columns(piece)
        except ConversionError as wrong:
            return RejectedRow(str(wrong), _raw(piece))
        # A column that the shape made text or label of would give the answer away, so it is no further column.
        known = [*converted.values()]
        further = {
            key: value
            for key, value in piece.items()
            if key in self._mapped()[2:] or not (key in OURS or isinstance(value, list | dict) or value in known)
        }
        return {**further, **converted}

    def _wrong(self, row: dict[str, Any]) -> str | None:
        text = row.get(self.text)
        if not isinstance(text, str):
            return f"has no text in '{self.text}'. Fill it in or remove the line."
        if not text.strip():
            return f"has an empty text in '{self.text}'. Fill it in or remove the line."
        if half := next((key for key, value in row.items() if half_pair([key, value])), None):
            return f"has half of a character pair in '{without_halves(half)}'. Fix the text's encoding."
        for column in (self.label, self.id):
            if column and (_absent(row.get(column)) or not str(row[column]).strip()):
                what = "label" if column == self.label else "id"
                return f"has no {what} in '{column}'. Fill it in or remove the line."
            if column and isinstance(row[column], list | dict):
                return f"has a {type(row[column]).__name__} in '{column}'. Give one text or number."
        if self.options:
            offered = row.get(self.options)
            if not isinstance(offered, list) or len(offered) < 2:
                return f"has no list of options in '{self.options}'. Give at least two, or remove the line."
            if self.label and str(row[self.label]) not in map(str, offered):
                return f"has the answer '{row[self.label]}', which is not among its options. Fix the line."
        split = row.get(self.split) if self.split else None
        if not _absent(split) and split not in ("train", "valid", "test"):
            return f"has the split '{split}'. Use train, valid or test."
        return None

    def _to_row(self, origin: str, row: dict[str, Any]) -> dict[str, Any]:
        def column(name: str | None) -> str | None:
            value = row.get(name) if name else None
            return None if _absent(value) else str(value)

        named = {*self._mapped(), *(OURS if self.converter else ())}
        further = {key: str(row[key]) for key in row if key not in named and (row[key] == "" or not _absent(row[key]))}
        converted = {key: row.get(key) for key in OURS[1:]} if self.converter else {"label": column(self.label)}
        return {
            **converted,
            "id": column(self.id) or origin,
            "text": row[self.text],
            "group": column(self.group),
            "time": column(self.time),
            "split": column(self.split),
            "options": [str(option) for option in row[self.options]] if self.options else None,
            "fields": list(further.items()),
            "source": self.name,
            "license": self.license,
            "origin": origin,
        }


def _absent(value: Any) -> bool:
    """Nothing, an empty cell, or the NaN with which tables fill a gap."""
    return value is None or value == "" or (isinstance(value, float) and value != value)


def _raw(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)[:200]
