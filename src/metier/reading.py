"""Files of a team's own -> rows. Every problem is reported with file and line; nothing is dropped or guessed."""

import glob
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import xxhash

from metier.errors import Problems, UserError, nearest
from metier.records import rows_to_table

MOST_SHOWN = 10
"""Problems shown of one file set: enough to see the pattern, few enough to read."""


@dataclass
class FileSource:
    """JSON lines of the user's own, with a map from their columns to ours."""

    path: str
    """A file, or a pattern such as tickets/*.jsonl; .gz is read as it is."""
    text: str = "text"
    """The column that holds the text."""
    label: str | None = None
    """The column that holds the label, if there is one."""
    licence: str = ""
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

    @property
    def name(self) -> str:
        return Path(self.path).stem.replace("*", "all")

    @property
    def labelled(self) -> bool:
        return self.label is not None

    def files(self) -> list[Path]:
        literal = Path(self.path)
        found = [literal] if literal.is_file() else sorted(map(Path, glob.glob(self.path, recursive=True)))
        if not found:
            raise UserError(f"There is no file {self.path}. Mend `path`; it is read relative to the recipe's folder.")
        for file in found:
            if not file.is_file():
                raise UserError(f"{file} is not a file. Name a file or a pattern such as {file}/*.jsonl.")
        return found

    def problems(self) -> list[str]:
        """What can be said without reading everything: missing files, and columns that the first row lacks."""
        if not self.licence:
            return [f"The source {self.path} has no licence. Add `licence: proprietary` or an SPDX identifier."]
        try:
            first = next(self.lines(), None)
        except UserError as error:
            return [str(error)]
        if first is None:
            return [f"{self.path} is empty. Give a file with at least one row."]
        columns = [c for c in self._mapped() if c]
        return [
            f"{first[0]} has no column '{column}'.{nearest(column, first[1])}"
            for column in columns
            if column not in first[1]
        ]

    def prompt_columns(self) -> set[str]:
        """What a prompt may name, by the first row; not the label, which would give the answer away, nor the group."""
        _, row = next(self.lines())
        return {"text"} | (row.keys() - set(self._mapped()))

    def _mapped(self) -> list[str | None]:
        return [self.text, self.label, self.group, self.time, self.split, self.options]

    def rows(self) -> pa.Table:
        """All rows in the one schema. Raises `Problems` that list every broken line, up to ten."""
        found: list[dict[str, Any]] = []
        problems: list[str] = []
        for origin, row in self.lines(problems):
            wrong = self._wrong(origin, row)
            if wrong:
                problems.append(wrong)
            else:
                found.append(self._to_row(origin, row))
        if problems:
            more = len(problems) - MOST_SHOWN
            raise Problems(problems[:MOST_SHOWN] + ([f"and {more:,} more of this kind."] if more > 0 else []))
        if not found:
            raise UserError(f"{self.path} is empty. Give a file with at least one row.")
        return rows_to_table(found)

    def fingerprint(self) -> str:
        digest = xxhash.xxh3_128()
        for file in self.files():
            with open(file, "rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def _wrong(self, origin: str, row: dict[str, Any]) -> str | None:
        text = row.get(self.text)
        if not isinstance(text, str):
            return f"{origin} has no text in '{self.text}'. Fill it in or remove the line."
        if not text.strip():
            return f"{origin} has an empty text in '{self.text}'. Fill it in or remove the line."
        if any("\ud800" <= character <= "\udfff" for character in text):
            return f"{origin} has half of a character pair in '{self.text}'. Mend the text's encoding."
        if self.label and row.get(self.label) in (None, ""):
            return f"{origin} has no label in '{self.label}'. Fill it in or remove the line."
        if self.options:
            offered = row.get(self.options)
            if not isinstance(offered, list) or len(offered) < 2:
                return f"{origin} has no list of options in '{self.options}'. Give at least two, or remove the line."
            if self.label and str(row[self.label]) not in map(str, offered):
                return f"{origin} has the answer '{row[self.label]}', which is not among its options. Mend the line."
        split = row.get(self.split) if self.split else None
        if split not in (None, "train", "valid", "test"):
            return f"{origin} has the split '{split}'. Use train, valid or test."
        return None

    def _to_row(self, origin: str, row: dict[str, Any]) -> dict[str, Any]:
        def column(name: str | None) -> str | None:
            value = row.get(name) if name else None
            return None if value is None else str(value)

        further = {key: str(value) for key, value in row.items() if key not in self._mapped() and value is not None}
        return {
            "id": origin,
            "text": row[self.text],
            "label": column(self.label),
            "group": column(self.group),
            "time": column(self.time),
            "split": column(self.split),
            "options": [str(option) for option in row[self.options]] if self.options else None,
            "fields": list(further.items()),
            "source": self.name,
            "licence": self.licence,
            "origin": origin,
        }

    def lines(self, problems: list[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file:line, row). Problems are collected where a list is given, else raised."""
        files = self.files()
        unique = len({file.name for file in files}) == len(files)
        for file in files:
            name = file.name if unique else str(file)
            try:
                with _open(file) as stream:
                    for number, line in enumerate(stream, start=1):
                        if not line.strip():
                            continue
                        try:
                            yield f"{name}:{number}", _parse(line, f"{file}:{number}")
                        except UserError as error:
                            if problems is None:
                                raise
                            problems.append(str(error))
            except (OSError, EOFError, zlib.error) as error:
                raise UserError(f"{file} cannot be read: {error}. Mend the file or its permissions.") from error


def _open(file: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(file, "rb")) if file.suffix == ".gz" else open(file, "rb")


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not UTF-8 (byte {error.start}). Convert the file to UTF-8.") from error
    except ValueError as error:
        raise UserError(f"{where} is no valid JSON: {error}. Mend or remove the line.") from error
    if not isinstance(row, dict):
        raise UserError(f"{where} is no JSON object but a {type(row).__name__}. Each line must be one object.")
    return row
