"""Methods: rows in, a trained adapter out; one file each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.progress import Progress


@dataclass
class Lesson:
    """All that a method is given."""

    rows: pa.Table
    """The training rows, of the method's `datasets` where it names some; `task` names the benchmark whose prompt
    renders a row."""
    valid: pa.Table
    """The rows held out, of the same datasets: to stop by and to choose by, never to learn from."""
    benchmarks: Mapping[str, Any]
    model: str
    adapter: Path | None
    """The adapter of the method before this one; None where this is the first."""
    folder: Path
    """Where log.jsonl, checkpoints and adapter/ go."""
    seed: int
    progress: Progress


class MethodLike(Protocol):
    """What the file of a method defines as `Method`."""

    def train(self, lesson: Lesson) -> dict[str, Any]:
        """Write `lesson.folder`/adapter and return what the training cost."""


def of_datasets(rows: pa.Table, names: list[str]) -> pa.Table:
    """The rows of the datasets that a method names; all where it names none."""
    return rows.filter(pc.is_in(rows["source"], pa.array(names, pa.string()))) if names else rows
