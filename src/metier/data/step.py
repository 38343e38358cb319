"""Steps that clean rows: one file each, rows in, kept and dropped rows out, every drop with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.data import arrow_store
from metier.evaluation.benchmark import Benchmark


@dataclass
class StepResult:
    """What a step kept and what it dropped; `dropped` has the further column `reason`."""

    kept: pa.Table
    dropped: pa.Table
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class StepContext:
    """What a step may need besides the rows."""

    seed: int
    benchmarks: Sequence[Benchmark]
    benchmarks_print: str = ""
    """Changes when a question of a benchmark does."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What a step makes once and uses for every batch of rows."""


class StepLike(Protocol):
    """What the file of a step defines as `Step`, a dataclass whose fields are its settings; derive it from this."""

    version: ClassVar[int] = 1
    """Raised when the same rows would come out differently."""
    rowwise: ClassVar[bool] = False
    """Whether each row is judged by itself, so that rows may come in batches of any size."""
    because: ClassVar[Mapping[str, str]] = {"": "dropped"}
    """Part of a dropped row's reason -> what is said behind the number of such rows; the first that fits counts."""
    noted: ClassVar[Mapping[str, str]] = {}
    """Number in the notes -> what is said behind it."""

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        """Sort rows into kept and dropped."""
        raise NotImplementedError

    @property
    def uses_benchmarks(self) -> bool:
        """Whether the outcome depends on the recipe's test questions."""
        return False

    def fingerprint(self) -> str:
        """Of what else the outcome depends on, such as a file that a setting names."""
        return ""


def summary(step: StepLike, reasons: pa.ChunkedArray, notes: Mapping[str, Any]) -> str:
    """What a step did, in a few words: how many rows went why, and what it noted."""
    parts = []
    for part, words in step.because.items():
        fits = pc.match_substring(reasons, part)
        if count := pc.sum(fits).as_py():
            parts.append(f"{count:,} {words}")
        reasons = reasons.filter(pc.invert(fits))
    parts += [f"{notes[note]:,} {words}" for note, words in step.noted.items() if notes.get(note)]
    return ", ".join(parts) or "nothing to drop"


def filter_rows(rows: pa.Table, reasons: list[str | None], **notes: Any) -> StepResult:
    """Keep the rows whose reason is None. One reason a row, in order."""
    if all(reason is None for reason in reasons):
        empty = rows.slice(0, 0).append_column("reason", pa.array([], pa.string()))
        return StepResult(rows, empty, notes)
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    drop = pa.array([reason is not None for reason in reasons], pa.bool_())
    why = pa.array([reason for reason in reasons if reason is not None], pa.string())
    return StepResult(
        arrow_store.filtered(rows, keep), arrow_store.filtered(rows, drop).append_column("reason", why), notes
    )
