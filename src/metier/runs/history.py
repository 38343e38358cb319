"""history.jsonl: what happened to a run's plan and verdict, a line an event. Nothing in it is written over.

Each line has a hash of its own and that of the line before, so a line that was edited, removed or put in between is
found. As with the marks this is no signature: whoever computes every hash again can write what he likes.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.recipes import strict_json
from metier.runs import distributed
from metier.runs.files import write_text
from metier.runs.marks import ITSELF, hashed, unhashed

FILE = "history.jsonl"
PLAN, REPORT, EDIT, RELABEL = "plan", "report", "edit", "relabel"
"""The events: the plan was sealed, a verdict was written, the recipe was edited, people corrected labels of the data
(which changes nothing of the run)."""


@dataclass(frozen=True)
class History:
    """What stands in a run's history.jsonl."""

    entries: tuple[dict[str, Any], ...]
    """In their order, as far as they can be read."""
    broken: tuple[str, ...] = ()
    """What is wrong with it, in sentences; empty where every line is as it was written."""

    head: str = ""
    """The hash of its newest line, which pins all lines before it; empty where there is none."""

    def last(self, event: str) -> dict[str, Any] | None:
        """The newest entry of an event."""
        return next((entry for entry in reversed(self.entries) if entry.get("event") == event), None)

    def first(self, event: str) -> dict[str, Any] | None:
        """The oldest entry of an event."""
        return next((entry for entry in self.entries if entry.get("event") == event), None)


def read_history(folder: Path) -> History:
    """The history of the run in a folder; empty where there is none."""
    path = folder / FILE
    if not path.is_file():
        return History(())
    entries: list[dict[str, Any]] = []
    broken, before = [], ""
    for number, line in enumerate(_lines(path), start=1):
        entry = _entry(line)
        if entry is None:
            broken.append(f"{FILE}, line {number}, was changed after Metier wrote it")
        elif entry.get("before") != before:
            broken.append(f"{FILE}, line {number}, does not follow the line before it: one was edited or removed")
        if entry is not None:
            entries.append(entry)
        before = _hash_of(line)
    return History(tuple(entries), tuple(broken), before)


def append(folder: Path, event: str, **facts: Any) -> None:
    """Add an event to the history of the run in a folder."""
    if not distributed.first():
        return
    path = folder / FILE
    lines = _lines(path) if path.is_file() else []
    head = {"event": event, "time": now(), "version": version("metier"), "before": _hash_of(lines[-1]) if lines else ""}
    lines.append(strict_json.dumps(hashed({**head, **facts}), ensure_ascii=False))
    write_text(path, "".join(line + "\n" for line in lines))


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def today() -> str:
    """The date in UTC."""
    return now()[:10]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")


def _entry(line: str) -> dict[str, Any] | None:
    """What a line says; None where it was changed."""
    try:
        return unhashed(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _hash_of(line: str) -> str:
    """The hash that a line carries; of one that cannot be read, that of its text."""
    try:
        return str(json.loads(line)[ITSELF])
    except (ValueError, RecursionError, KeyError, TypeError):
        return hashlib.sha256(line.encode()).hexdigest()
