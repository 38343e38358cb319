"""Steps that clean rows: one file each, rows in, kept and dropped rows out, every drop with its reason."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass
class Sifted:
    """What a step kept and what it dropped; `dropped` has the further column `reason`."""

    kept: pa.Table
    dropped: pa.Table
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Surroundings:
    """What a step may need besides the rows."""

    seed: int
    benchmarks: list[Any]


def sift(rows: pa.Table, reasons: list[str | None], **notes: Any) -> Sifted:
    """Keep the rows whose reason is None. One reason a row, in order."""
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    drop = pa.array([reason is not None for reason in reasons], pa.bool_())
    why = pa.array([reason for reason in reasons if reason is not None], pa.string())
    return Sifted(rows.filter(keep), rows.filter(drop).append_column("reason", why), notes)
