"""metier.json: what an artifact is, what it was made from, and the hash of each of its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.engine.models.model_files import RECORD
from metier.engine.models.origin import Origin
from metier.errors import UserError
from metier.export.forms import Written
from metier.runs.files import file_sha256

SCHEMA_VERSION = 2
CARD = "README.md"
CHANGES = (CARD, RECORD)
"""Files that are written again when an artifact is tested, and have no hash."""


@dataclass(frozen=True)
class Record:
    """What metier.json of an artifact holds."""

    form: str
    quantization: str | None
    run: str
    """The name of the run's folder."""
    base_model: Origin
    hashes: dict[str, str]
    """SHA-256 of the base model, the adapter, and the run's lock.json and verdict.json."""
    verdict: dict[str, Any]
    """The decision and its reasons; empty where the run has no verdict."""
    prompting: Sequence[dict[str, Any]]
    """How each benchmark asks: prompt, labels, stop texts, the rule for the end token."""
    written: Written
    files: dict[str, str] = field(default_factory=dict)
    """File -> SHA-256."""
    verified: Sequence[dict[str, Any]] = ()
    """What `metier verify-export` found, an entry a benchmark, and which files were not as exported then."""
    greedy: dict[str, Any] | None = None
    """What llama.cpp wrote beside our loader; None where it was not asked."""
    schema_version: int = SCHEMA_VERSION
    metier: str = field(default_factory=lambda: version("metier"))

    @property
    def decision(self) -> str:
        return str(self.verdict.get("decision", "missing"))

    @property
    def changed_when_verified(self) -> list[str]:
        """Files that were not as they were exported when some benchmark was asked."""
        return sorted({name for row in self.verified for name in row["changed_files"]})

    def with_files(self, folder: Path) -> "Record":
        """With the hash of every file in the artifact's folder."""
        paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in CHANGES)
        return replace(self, files={str(path.relative_to(folder)): file_sha256(path) for path in paths})

    def changed_files(self, folder: Path) -> list[str]:
        """Files that are missing, or not as they were exported."""
        return [
            name
            for name, sha256 in self.files.items()
            if not (folder / name).is_file() or file_sha256(folder / name) != sha256
        ]


def read_record(folder: Path) -> Record | None:
    """What an artifact's metier.json holds; None where there is none. Raises `UserError` where it cannot be read."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made = {"written": Written(**content["written"]), "base_model": Origin(**content["base_model"])}
        record = Record(**{**content, **made})
        if not isinstance(record.files, Mapping) or not isinstance(record.hashes, Mapping):
            raise ValueError("files or hashes are no mapping")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{path} is no record of an export of this version. Export the run again.") from error
    return record
