"""metier.json: what an artefact is, what it was made from, and the hash of each of its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.engine.models.model_files import RECORD
from metier.engine.models.origin import Origin
from metier.errors import UserError
from metier.evaluation.results import Verdict
from metier.export.forms import FOLDER
from metier.reporting.artefact_card import ArtefactFacts, artefact_card
from metier.runs.files import file_sha256, write_json, write_text
from metier.runs.run import Run

SCHEMA_VERSION = 1
CARD = "README.md"
CHANGES = (CARD, RECORD)
"""Files that are written again when an artefact is tested, and have no hash."""


@dataclass(frozen=True)
class Record:
    """What metier.json of an artefact holds."""

    form: str
    quantization: str | None
    run: str
    """The name of the run's folder."""
    base_model: dict[str, Any]
    """Its name, hub id and license, as far as they are known."""
    hashes: dict[str, str]
    """SHA-256 of the base model, the adapter, and the run's lock.json and verdict.json."""
    verdict: dict[str, Any]
    """The decision and its reasons."""
    asked: Sequence[dict[str, Any]]
    """How each benchmark asks: prompt, labels, stop texts, the rule for the end token."""
    what: str
    library: str
    command: str
    """What to type, with `{folder}` where the artefact stands."""
    example: str
    language: str
    details: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """File -> SHA-256."""
    verified: Sequence[dict[str, Any]] = ()
    """What `metier verify-export` found, an entry a benchmark."""
    schema_version: int = SCHEMA_VERSION
    metier: str = field(default_factory=lambda: version("metier"))

    def with_files(self, folder: Path) -> "Record":
        """With the hash of every file in the artefact's folder."""
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
    """What an artefact's metier.json holds; None where there is none. Raises `UserError` where it cannot be read."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**content)
        if not isinstance(record.files, Mapping) or not isinstance(record.hashes, Mapping):
            raise ValueError("files or hashes are no mapping")
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no record of an export of this version. Export the run again.") from error
    return record


def write_record(run: Run, verdict: Verdict, record: Record, folder: Path) -> None:
    """Write metier.json and the card into an artefact's folder."""
    write_json(folder / RECORD, asdict(record))
    write_text(folder / CARD, artefact_card(run, verdict, _facts(record, folder)))


def _facts(record: Record, folder: Path) -> ArtefactFacts:
    return ArtefactFacts(
        title=record.run,
        what=record.what,
        origin=Origin(**record.base_model),
        library=record.library,
        command=record.command.replace(FOLDER, "."),
        example=record.example,
        language=record.language,
        asked=record.asked,
        hashes=record.hashes,
        version=record.metier,
        verified=record.verified,
    )
