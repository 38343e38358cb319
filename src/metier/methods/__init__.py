"""Methods: rows in, a trained adapter out; one file each."""

from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.engine.training.context import TrainingContext

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel


class MethodLike(Protocol):
    """What the file of a method defines as `Method`, a dataclass whose fields are its settings."""

    @property
    def reads(self) -> list[str]:
        """Names of all datasets whose rows the method wants; none: all."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        """Write `context.folder`/adapter and return what the training cost."""

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        """Estimated time of training on `rows` rows like those of the context."""

    def longest_row(self) -> int:
        """Most tokens of one row that is learned."""

    def problems(self) -> list[str]:
        """What is wrong with the settings."""


def of_datasets(rows: pa.Table, names: list[str]) -> pa.Table:
    """The rows of the datasets that a method names; all where it names none."""
    return rows.filter(pc.is_in(rows["source"], pa.array(names, pa.string()))) if names else rows
