"""The files behind a path, a pattern or a folder, and the rows that its format reads from each."""

import glob
import os
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import xxhash

from metier.data.decoding import TOO_DEEP, too_deep, without_halves
from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError, shown
from metier.recipes import plugins

MOST_STARS = 3
"""Each ** looks through all folders below, and each behind it through those of each of them."""


class Found(NamedTuple):
    """A file, its name in the origin of its rows, and why it is not opened."""

    name: str
    file: Path
    wrong: str = ""


def found(path: str) -> list[Found]:
    """All files, sorted. Raises `UserError` where there are none."""
    literal = Path(path)
    try:
        is_folder = literal.is_dir()
    except OSError as error:
        raise UserError(f"The path {shown(path)} cannot be looked for: {error.strerror}. Shorten it.") from error
    if is_folder:
        try:
            files = _below(literal)
        except OSError as error:
            why = f"{error.filename} in the folder {path} cannot be read: {error.strerror}."
            raise UserError(f"{why} Fix its permissions, or take it out of the folder.") from error
        if not files:
            raise UserError(f"The folder {path} holds no file. Hidden ones are left out.")
        return files
    if path.count("**") > MOST_STARS:
        raise UserError(f"The path {shown(path)} has ** more than {MOST_STARS} times. Once reaches all folders below.")
    matched = [literal] if literal.is_file() else sorted(map(Path, glob.glob(path, recursive=True)))
    if not matched:
        raise UserError(f"There is no file {path}. Fix `path`; it is read relative to the recipe's folder.")
    for file in matched:
        if not file.is_file():
            raise UserError(f"{file} is not a file. Name a file, a folder, or a pattern such as {file}/*.jsonl.")
    unique = len({file.name for file in matched}) == len(matched)
    return [Found(without_halves(file.name if unique else str(file)), file) for file in matched]


def _below(folder: Path) -> list[Found]:
    """By their path within the folder, so that a row's origin is the same wherever the folder lies."""
    inside = folder.resolve()
    files = []
    for at, folders, names in os.walk(folder, onerror=_stop):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in (Path(at, name) for name in [*folders, *names] if not name.startswith(".")):
            wrong = ""
            if file.is_symlink():
                if not file.resolve().is_relative_to(inside):
                    wrong = "is a link that leads out of the folder. Copy the file, or name it in `path`."
                elif not file.exists():
                    wrong = "is a link to nothing. Remove it."
                elif file.is_dir():
                    wrong = "is a link to a folder, which is not followed. Remove it."
            elif file.is_dir():
                continue
            elif not file.is_file():
                wrong = "is neither a file nor a folder. Remove it."
            files.append(Found(without_halves(file.relative_to(folder).as_posix()), file, wrong))
    return sorted(files)


def _stop(error: OSError) -> NoReturn:
    """Left alone, `os.walk` passes over a folder that it may not read."""
    raise error


def pieces(path: str, use: Any = None) -> Pieces:
    """(file:place, row or `RejectedRow`) of all files. `use`: the format and its settings; None: by suffix.

    Raises `UserError` where a file cannot be read to its end: what is missing behind a tear, nobody knows.
    """
    chosen = plugins.build("formats", *plugins.named(use)) if use is not None else None
    suffixes = {} if chosen else _by_suffix(tuple(plugins.names("formats")))
    for name, file, wrong in found(path):
        how = RejectedRow(wrong) if wrong else chosen or _format(file, suffixes)
        if isinstance(how, RejectedRow):
            yield name, how
            continue
        try:
            for place, piece in how.read(file):
                deep = not isinstance(piece, RejectedRow) and too_deep(piece)
                yield f"{name}:{place}" if place else name, TOO_DEEP if deep else piece
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{file} cannot be read: {error}. Fix the file or its permissions.") from error


def fingerprint(path: str) -> str:
    """A hash of the files' names and bytes."""
    digest = xxhash.xxh3_128()
    for name, file, wrong in found(path):
        digest.update(f"{name}\0{wrong}\0".encode())
        if wrong:
            continue
        try:
            with open(file, "rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error}. Fix the file or its permissions.") from error
    return digest.hexdigest()


@cache  # each look for a plug-in goes through all packages that are installed
def _by_suffix(formats: tuple[str, ...]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name in formats:
        kind: Any = plugins.find("formats", name)
        for suffix in kind.suffixes:
            names.setdefault(suffix, []).append(name)
    return names


def _format(file: Path, suffixes: dict[str, list[str]]) -> Any | RejectedRow:
    fitting = [suffix for suffix in suffixes if file.name.lower().endswith(suffix)]
    if not fitting:
        known = ", ".join(sorted(suffixes))
        return RejectedRow(
            f"ends in nothing that a format reads ({known}). Name one with `format`, or take the file away."
        )
    names = suffixes[max(fitting, key=len)]
    if len(names) > 1:
        return RejectedRow(f"can be read as {' and as '.join(names)}. Name one of them with `format`.")
    return plugins.build("formats", names[0], {})
