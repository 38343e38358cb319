"""What was fetched or made once: folders of models, complete or not there, and whole whenever they are used."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from metier.engine.models import model_files
from metier.engine.models.model_files import RECORD, file_sha256
from metier.errors import UserError
from metier.runs.cache import cache_folder

_looked_at: set[tuple[object, ...]] = set()
"""Files by name, size and time that were found whole in this process: weights are hashed once."""


def once(name: str, make: Callable[[Path], None], say: Callable[[str], None] = print) -> Path:
    """A model's folder of the cache, made completely or not at all, and made again where it is no longer what it was
    when it was made."""
    target = cache_folder() / "models" / name
    if os.path.lexists(target):
        broken = _broken(target, say)
        if not broken:
            return target
        say(f"The cached model {target} is not used: {broken}. It is made again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        make(made)
        _record(made)
        _place(made, target, Path(scratch) / "broken", say)
    return target


def _place(made: Path, target: Path, aside: Path, say: Callable[[str], None]) -> None:
    if os.path.lexists(target):
        if not _broken(target, say):  # another process was faster: its folder is as good
            return
        os.replace(target, aside)
    try:
        os.replace(made, target)
    except OSError:
        if not target.is_dir() or _broken(target, say):  # else: another process was faster
            raise


def _record(folder: Path) -> None:
    """Write down the hashes of a folder's files."""
    hashes = {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    scratch = folder / f".{RECORD}"
    scratch.write_text(json.dumps({"sha256": hashes}, indent=1) + "\n", encoding="utf-8")
    os.replace(scratch, folder / RECORD)


def _broken(folder: Path, say: Callable[[str], None]) -> str:
    """Why a folder of the cache is not what it was when it was made; nothing where it is."""
    if not folder.is_dir():
        return "it is no folder"
    if not (folder / RECORD).is_file():
        return _adopted(folder, say)
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != RECORD)
    seen = (str(folder), *((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files))
    if seen in _looked_at:
        return ""
    try:
        known = model_files.read_json(folder / RECORD).get("sha256")
        hashes = {path.name: file_sha256(path) for path in files}
    except UserError as error:
        return str(error)
    if not isinstance(known, dict):
        return f"{RECORD} holds no hashes"
    if other := sorted(name for name in {*known, *hashes} if known.get(name) != hashes.get(name)):
        return f"{other[0]} is not as it was when it was made"
    _looked_at.add(seen)
    return ""


def _adopted(folder: Path, say: Callable[[str], None]) -> str:
    """An earlier version wrote no hashes: what it made is taken where it can be read, and its hashes are kept from now
    on."""
    try:
        model_files.check_model(folder)
    except UserError as error:
        return str(error)
    say(f"The cached model {folder} has no hashes, as earlier versions made it: those of today are kept with it.")
    with contextlib.suppress(PermissionError):  # a cache that somebody else keeps
        _record(folder)
    return ""
