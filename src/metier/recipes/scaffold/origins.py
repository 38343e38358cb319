"""origins.json beside a new recipe: from which line of which of the user's tables each copied row is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from metier.runs.files import file_sha256, write_json

FILE = "origins.json"


class Copied(BaseModel):
    """A file of copied rows."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    """Of the copies as they were written: in an edited file the lines may be others."""
    places: tuple[str, ...]
    """file:place of each line, as seen from the folder of the tables."""


class Origins(BaseModel):
    """What `metier new` copied from where."""

    model_config = ConfigDict(frozen=True)

    folder: str
    """The folder of the user's tables."""
    label: str
    """Their column with the answer."""
    files: dict[str, str]
    """Table -> its SHA-256 when it was read."""
    copies: dict[str, Copied]
    """Name of a file beside the recipe -> the rows in it."""


def write_origins(scratch: Path, folder: Path, label: str, places: Mapping[str, Sequence[str]]) -> None:
    """Write it beside the copies, which are there already."""
    folder = folder if folder.is_dir() else folder.parent
    tables = sorted({place.rpartition(":")[0] for part in places.values() for place in part})
    copies = {
        f"{part}.jsonl": Copied(sha256=file_sha256(scratch / f"{part}.jsonl"), places=tuple(own))
        for part, own in places.items()
        if own
    }
    files = {table: file_sha256(folder / table) for table in tables}
    known = Origins(folder=str(folder.resolve()), label=label, files=files, copies=copies)
    write_json(scratch / FILE, known.model_dump())


def read_origins(copy: Path) -> Origins | None:
    """What is known of a file of copied rows; None where it is none, or was edited since."""
    path = copy.parent / FILE
    if not path.is_file():
        return None
    try:
        known = Origins.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, ValueError):
        return None
    mine = known.copies.get(copy.name)
    return known if mine and mine.sha256 == file_sha256(copy) else None
