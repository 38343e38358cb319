"""Methods: rows in, a trained adapter out; one file each."""

from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.engine.training.context import TrainingContext


class MethodLike(Protocol):
    """What the file of a method defines as `Method`."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        """Write `lesson.folder`/adapter and return what the training cost."""


def of_datasets(rows: pa.Table, names: list[str]) -> pa.Table:
    """The rows of the datasets that a method names; all where it names none."""
    return rows.filter(pc.is_in(rows["source"], pa.array(names, pa.string()))) if names else rows
