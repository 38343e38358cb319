"""Names of new versions: messages.csv -> messages.relabeled-1.csv, never one that is there already."""

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from metier.data.files import found
from metier.data.reading import FileSource

VERSION = re.compile(r"\.relabeled-\d+(?=\.|$)")


def versioned(path: Path, number: int, folder: Path | None) -> Path:
    """The path of a new version, beside the old one or in `folder`."""
    name = VERSION.sub("", path.name)
    stem, dot, endings = name.partition(".") if path.suffix == "" else _parted(name)
    return (folder or path.parent) / f"{stem}.relabeled-{number}{dot}{endings}"


def _parted(name: str) -> tuple[str, str, str]:
    """A name before and behind its ending, which of x.csv.gz is csv.gz."""
    whole = Path(name)
    inner = Path(whole.stem).suffix if whole.suffix.lower() == ".gz" else ""
    ending = f"{inner}{whole.suffix}"
    return name.removesuffix(ending), ".", ending.removeprefix(".")


def root_of(source: FileSource) -> Path:
    """What becomes a new version as a whole: the file, or the folder that holds all files of a pattern."""
    path = Path(source.path)
    if path.is_file():
        return path
    if path.is_dir():
        return path
    return Path(os.path.commonpath([one.file.parent for one in found(source.path)]))


def next_number(paths: Sequence[Path], folder: Path | None) -> int:
    """The first number that none of these has a version of."""
    return next(n for n in itertools.count(1) if not any(versioned(path, n, folder).exists() for path in paths))
