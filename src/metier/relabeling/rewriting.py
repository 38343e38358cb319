"""A file with other labels in some rows: one function a format. All other bytes of a text file stay as they are."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.decoding import opened
from metier.data.formats.csv import SAYS_SEPARATOR
from metier.errors import UserError, shown

ENDINGS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
SPACE = " \t\r\n"
BOM = "\ufeff"


@dataclass(frozen=True)
class Change:
    """What becomes of one row's label."""

    old: str
    """As the run recorded it: another one in the file stops the rewriting."""
    new: str


Changes = Mapping[str, Change]
"""Place in the file, as its format counts it -> what becomes of the label there."""


def format_of(file: Path, use: Any) -> str:
    """The name of the format that reads a file. Raises `UserError` where labels cannot be written into it."""
    ending = Path(file.name.lower().removesuffix(".gz")).suffix
    name = str(next(iter(use)) if isinstance(use, dict) else use) if use else ENDINGS.get(ending, ending)
    if name not in WRITERS:
        raise UserError(
            f"{file} is read as {shown(name)}, and labels are written into CSV, JSON lines and Parquet only."
        )
    return name


def rewrite(file: Path, use: Any, column: str, changes: Changes, out: Path) -> None:
    """Write `file` to `out` with other labels in `column`. `use`: the format as a recipe names it.

    Raises `UserError` where a row is not there, or has another label than the run recorded.
    """
    settings = next(iter(use.values())) or {} if isinstance(use, dict) else {}
    left = dict(changes)
    WRITERS[format_of(file, use)](file, settings, column, left, out)
    if left:
        raise UserError(f"{file} has no row {next(iter(left))}. Was it changed since the run?")


def _csv(file: Path, settings: Mapping[str, Any], column: str, left: dict[str, Change], out: Path) -> None:
    lines = _lines(file)
    told = SAYS_SEPARATOR.fullmatch(lines[0].encode("utf-8", "surrogateescape")) if lines else None
    tabbed = ".tsv" in [suffix.lower() for suffix in file.suffixes[-2:]]
    separator = settings.get("separator") or (told[1].decode() if told else "\t" if tabbed else ",")
    at, header = (1 if told else 0), None
    with _created(out) as stream:
        stream.write("".join(lines[:at]))
        while at < len(lines):
            until = at + 1
            cells: list[str] = []
            if header is None or str(at + 1) in left:
                cells, until = _record(lines, at, separator)
            record = "".join(lines[at:until])
            if header is None and cells:
                header = cells
            elif (change := left.pop(str(at + 1), None)) and header:
                if column not in header:
                    raise _no_column(file, column)
                place = header.index(column)
                cells[place] = _replaced(cells[place], change, f"{file}:{at + 1}", {})
                record = _written(cells, separator, record[len(record.rstrip("\r\n")) :])
            stream.write(record)
            at = until


def _record(lines: list[str], at: int, separator: str) -> tuple[list[str], int]:
    """(the cells of the record that begins at a line, the line behind it)."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        for number in range(at, len(lines)):
            taken += 1
            yield lines[number].removeprefix(BOM) if number == 0 else lines[number]

    before = csv.field_size_limit(1 << 30)
    try:
        cells = next(csv.reader(feed(), delimiter=separator, strict=True))
    finally:
        csv.field_size_limit(before)
    return cells, at + taken


def _written(cells: list[str], separator: str, ending: str) -> str:
    stream = io.StringIO()
    # With its own line end: before Python 3.13 the writer quotes line breaks in a cell only where they are in that.
    csv.writer(stream, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return stream.getvalue().removesuffix("\r\n") + ending


def _jsonl(file: Path, settings: Mapping[str, Any], column: str, left: dict[str, Change], out: Path) -> None:
    known: dict[str, Any] = {}
    lines = _lines(file)
    for line in lines:
        if line.strip() and (span := _span(line, column)):
            known.setdefault(str(span[2]), span[2])
    with _created(out) as stream:
        for number, line in enumerate(lines, start=1):
            if change := left.pop(str(number), None):
                if (span := _span(line, column)) is None:
                    raise _no_column(file, column)
                begin, end, value = span
                new = _replaced(value, change, f"{file}:{number}", known)
                line = line[:begin] + json.dumps(new, ensure_ascii=line.isascii()) + line[end:]
            stream.write(line)


def _span(line: str, column: str) -> tuple[int, int, Any] | None:
    """(begin, end, value) of a key's value in a line of JSON; None where the row lacks the key or is none."""
    decoder, at = json.JSONDecoder(), _skip(line, len(line) - len(line.removeprefix(BOM)))
    found = None
    try:
        if line[at] != "{":
            return None
        at = _skip(line, at + 1)
        while line[at] == '"':
            key, at = decoder.raw_decode(line, at)
            begin = _skip(line, _skip(line, at) + 1)  # behind the colon
            value, end = decoder.raw_decode(line, begin)
            if key == column:
                found = begin, end, value
            at = _skip(line, _skip(line, end) + 1)  # behind the comma
    except (ValueError, IndexError):
        return found
    return found


def _skip(line: str, at: int) -> int:
    while at < len(line) and line[at] in SPACE:
        at += 1
    return at


def _parquet(file: Path, settings: Mapping[str, Any], column: str, left: dict[str, Change], out: Path) -> None:
    with pq.ParquetFile(file) as parquet:
        table = parquet.read()
        groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
    if (place := table.schema.get_field_index(column)) < 0:
        raise _no_column(file, column)
    field = table.schema.field(place)
    values = table[column].to_pylist()
    known = {str(value): value for value in reversed(values)}
    for number in range(len(values)):
        if change := left.pop(f"row {number + 1}", None):
            values[number] = _replaced(values[number], change, f"{file}, row {number + 1}", known)
    encoded = pa.types.is_dictionary(field.type)
    array = pa.array(values, field.type.value_type if encoded else field.type)
    table = table.set_column(place, field, array.dictionary_encode().cast(field.type) if encoded else array)
    compression = groups[0].column(0).compression if groups and groups[0].num_columns else "SNAPPY"
    largest = max((group.num_rows for group in groups), default=1)
    pq.write_table(table, out, compression=compression, row_group_size=max(largest, 1))


def _replaced(value: Any, change: Change, where: str, known: Mapping[str, Any]) -> Any:
    """The new label as the file would have it: a number where its labels are numbers."""
    if str(value).strip() != change.old.strip():
        raise UserError(
            f"{where} has the label {shown(value)}, and the run recorded {shown(change.old)}: a step of the recipe "
            "changed labels, or the file was changed. Correct this row by hand, and empty its cell in the sheet."
        )
    if isinstance(value, str):
        return change.new
    if change.new in known:
        return known[change.new]
    try:
        new = type(value)(change.new)
    except (TypeError, ValueError):
        new = None
    if new is None or str(new) != change.new:
        raise UserError(f"{where} has a {type(value).__name__} as its label, and {shown(change.new)} is none.")
    return new


def _no_column(file: Path, column: str) -> UserError:
    return UserError(f"{file} has no column {shown(column)}, so the label cannot be written there.")


def _lines(file: Path) -> list[str]:
    """The lines with their ends, each as its bytes: what is no UTF-8 comes out again as it was."""
    with opened(file) as stream:
        return [line.decode("utf-8", "surrogateescape") for line in stream]


def _created(out: Path) -> IO[str]:
    """A new text file that keeps bytes and line ends."""
    how: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    if out.suffix.lower() == ".gz":
        return cast(IO[str], gzip.open(out, "xt", **how))
    return open(out, "x", **how)


WRITERS: dict[str, Callable[[Path, Mapping[str, Any], str, dict[str, Change], Path], None]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
"""Name of a format -> who writes other labels into its files."""
