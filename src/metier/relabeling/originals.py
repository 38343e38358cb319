"""The user's own tables behind the copies of `metier new`: they get a new version too."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metier.data.spreadsheets import separated
from metier.errors import UserError
from metier.recipes.scaffold.origins import read_origins
from metier.relabeling.rewriting import Change, Changes, format_of, rewrite
from metier.relabeling.versions import versioned
from metier.runs.files import file_sha256


@dataclass(frozen=True)
class Originals:
    """What became of the tables that rows were copied from."""

    files: tuple[Path, ...] = ()
    """Their new versions."""
    notes: tuple[str, ...] = ()
    """Why a table has none."""


def places_of(copy: Path) -> tuple[str, ...]:
    """The path and line of the user's own table for each line of a copied file; empty where it is no copy."""
    known = read_origins(copy)
    return tuple(str(Path(known.folder) / place) for place in known.copies[copy.name].places) if known else ()


def write_originals(copies: Mapping[Path, Changes], number: int, home: Path) -> Originals:
    """Write the new version of every table that a corrected row was copied from into `home`, the recipe's folder:
    beside the table itself `metier new` would read both. `copies`: file -> what became of its labels."""
    by_table: dict[Path, tuple[str, str, dict[str, Change]]] = {}
    for copy, changes in copies.items():
        if (known := read_origins(copy)) is None:
            continue
        for place, change in changes.items():
            name, _, line = known.copies[copy.name].places[int(place) - 1].rpartition(":")
            table = Path(known.folder) / name
            by_table.setdefault(table, (known.files[name], known.label, {}))[2][line] = change
    files, notes = [], []
    for table, (sha256, column, changes) in by_table.items():
        target = versioned(home / table.name, number, None)
        scratch = target.with_name(f".part-{target.name}")
        try:
            _check(table, sha256, target)
            rewrite(table, separated(table) if format_of(table, None) == "csv" else None, column, changes, scratch)
            os.rename(scratch, target)
            files.append(target)
        except UserError as error:
            notes.append(f"{table} has no new version: {error}")
        finally:
            scratch.unlink(missing_ok=True)
    return Originals(tuple(files), tuple(notes))


def _check(table: Path, sha256: str, target: Path) -> None:
    if not table.is_file():
        raise UserError("it is no longer there.")
    if file_sha256(table) != sha256:
        raise UserError("it was changed since `metier new` read it.")
    if target.exists():
        raise UserError(f"{target} is there already.")
