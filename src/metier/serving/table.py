"""Rows in, in their order, broken ones too; answers out, beside the columns that came in."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.format import RejectedRow
from metier.data.reading import FileSource
from metier.data.spreadsheets import safe
from metier.errors import UserError, shown

ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
SUFFIXES = (".csv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class InputRow:
    """One row of the file, or the reason why it is none."""

    origin: str
    """file:place."""
    columns: Mapping[str, Any]
    """As the file has them; empty where it could not be read."""
    reason: str = ""
    """Why it gets no answer."""


def input_rows(source: FileSource) -> Iterator[InputRow]:
    """Every row of the files in their order; none is left out.

    Raises `UserError` where a file cannot be read to its end.
    """
    for origin, piece in source.pieces():
        if isinstance(piece, RejectedRow):
            yield InputRow(origin, {}, piece.reason)
        else:
            yield InputRow(origin, piece)


class Writer(Protocol):
    """Writes rows behind each other; all have the same columns."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None: ...


def check_suffix(path: Path) -> None:
    """Raises `UserError` where no writer writes such a file."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} ends with {shown(path.suffix)}. Name a file that ends with {', '.join(SUFFIXES)}.")


def common_type(known: type | None, cell: Any) -> type:
    """The type of a column whose cells had the type `known` so far and now have this one too; text holds all."""
    found = type(cell) if isinstance(cell, bool | int | float | None) else str
    if found is int and not -(2**63) <= cell < 2**63:
        found = str  # no column of numbers holds it
    if known in (None, found, type(None)) or found is type(None):
        return known if known and found is type(None) else found
    return float if {known, found} == {int, float} else str


@contextmanager
def writer(path: Path, columns: Mapping[str, type]) -> Iterator[Writer]:
    """A file of answers, by its suffix (`check_suffix`). `columns`: the type of each one's cells."""
    if path.suffix == ".csv":
        with open(path, "w", encoding="utf-8-sig", newline="") as stream:
            yield _Csv(stream, list(columns))
    elif path.suffix == ".jsonl":
        with open(path, "w", encoding="utf-8") as stream:
            yield _Jsonl(stream, list(columns))
    else:
        schema = pa.schema([(column, ARROW.get(of, pa.string())) for column, of in columns.items()])
        with pq.ParquetWriter(path, schema) as parquet:
            yield _Parquet(parquet, schema, columns)


class _Csv:
    def __init__(self, stream: Any, columns: Sequence[str]) -> None:
        self.columns, self.csv = columns, csv.writer(stream)
        self.csv.writerow([safe(column) for column in columns])

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.csv.writerows([[safe(text(row.get(column))) for column in self.columns] for row in rows])


class _Jsonl:
    def __init__(self, stream: Any, columns: Sequence[str]) -> None:
        self.columns, self.stream = columns, stream

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            self.stream.write(json.dumps({column: row.get(column) for column in self.columns}, default=str) + "\n")


class _Parquet:
    def __init__(self, parquet: pq.ParquetWriter, schema: pa.Schema, columns: Mapping[str, type]) -> None:
        self.parquet, self.schema, self.columns = parquet, schema, columns

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        plain = [{name: _as(self.columns[name], row.get(name)) for name in self.schema.names} for row in rows]
        self.parquet.write_table(pa.Table.from_pylist(plain, schema=self.schema))


def text(value: Any) -> str:
    """A cell in words: nothing for a gap, lists and mappings as JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _as(of: type, value: Any) -> Any:
    """A cell in the type of its column."""
    if value is None:
        return None
    return of(value) if of in ARROW else text(value)
