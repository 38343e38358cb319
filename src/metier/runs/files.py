"""Files that are there completely or not at all, and their hashes."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from metier.recipes import strict_json


def write_text(path: Path, text: str) -> None:
    """A file that is there completely or not at all, also after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    write_text(path, strict_json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Small row groups: a group stands in memory whole while it is written.
    write(path, lambda scratch: pq.write_table(table, scratch, row_group_size=10_000))


def write(path: Path, fill: Callable[[Path], Any]) -> None:
    scratch = path.with_name(f".{path.name}.part")
    fill(scratch)
    with open(scratch, "rb") as stream:
        os.fsync(stream.fileno())
    os.replace(scratch, path)


def fingerprint(*parts: Any) -> str:
    """One hash of everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    with open(path, "rb") as stream:  # in pieces: a checkpoint has gigabytes
        return hashlib.file_digest(stream, "sha256").hexdigest()
