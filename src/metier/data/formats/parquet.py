"""Tables in Parquet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError

ROWS = 1000
"""Rows that stand in memory as Python objects at a time."""


@dataclass
class Format:
    """A row for each row of the table; lists and structs stay what they are."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    def read(self, file: Path) -> Pieces:
        number = 0
        try:
            with pq.ParquetFile(file) as table:
                names = table.schema_arrow.names
                if twice := sorted({name for name in names if names.count(name) > 1}):
                    yield "", RejectedRow(f"names the column '{twice[0]}' twice. Rename one.")
                    return
                for batch in table.iter_batches(batch_size=ROWS):
                    for row in _rows(batch):
                        number += 1
                        yield f"row {number}", row
        except (pa.ArrowException, UnicodeDecodeError) as error:  # names of columns that are no UTF-8
            why = f"is no valid Parquet file: {str(error).partition(chr(10))[0]} Write it anew."
            if _begins(file):  # how many rows stand behind the tear, nobody knows
                raise UserError(f"{file} breaks off behind row {number:,}: it {why}") from error
            yield "", RejectedRow(why)


def _begins(file: Path) -> bool:
    with open(file, "rb") as stream:
        return stream.read(4) == b"PAR1"


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any] | RejectedRow]:
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError):
        # A text that is no UTF-8, or a date beyond Python's years: found row by row, so that the others are kept.
        return [_row(batch.slice(number, 1)) for number in range(len(batch))]


def _row(one: pa.RecordBatch) -> dict[str, Any] | RejectedRow:
    try:
        row: dict[str, Any] = one.to_pylist()[0]
    except (ValueError, OverflowError) as error:
        return RejectedRow(f"holds a value that cannot be read: {error}. Fix or remove the row.")
    return row
