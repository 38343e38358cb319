"""Marks of finished work: what it was made from, its result, and the hash of every file that it wrote.

A mark and the lock carry a hash of themselves too. That finds damage and edits by hand; it is no signature, since
whoever recomputes every hash can write what he likes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.recipes import strict_json

ITSELF = "sha256"
"""The key under which a file carries the hash of the rest of it."""


@dataclass(frozen=True)
class Mark:
    """One finished piece of work."""

    inputs: str
    """Fingerprint of everything that it was made from."""
    result: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)
    """Path in the run's folder -> SHA-256, of every file that it wrote for others to read."""


def read_mark(path: Path, fix: str) -> Mark | None:
    """The mark in a file; None where there is no such file. Raises as `read_hashed`."""
    if not path.is_file():
        return None
    content = read_hashed(path, fix)
    return Mark(content["inputs"], content["result"], content["files"])


def hashed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its own hash. Raises ValueError where a number is NaN or infinite, which JSON does not have."""
    plain = json.loads(strict_json.dumps(content))
    return {**plain, ITSELF: _sha256(plain)}


def read_hashed(path: Path, fix: str) -> dict[str, Any]:
    """What `hashed` made, without the hash. Raises `UserError`, ending with `fix`, where the file was changed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is not valid JSON. {fix}") from error
    if (whole := unhashed(content)) is None:
        raise UserError(f"{path} was changed after Metier wrote it: its hash does not match its content. {fix}")
    return whole


def unhashed(content: Any) -> dict[str, Any] | None:
    """What `hashed` made, without the hash; None where it was changed."""
    if not isinstance(content, dict):
        return None
    rest = {key: value for key, value in content.items() if key != ITSELF}
    return rest if content.get(ITSELF) == _sha256(rest) else None


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
