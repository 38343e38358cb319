"""One figure for the candidate, the same for an equal amount of general text, and how sure the difference is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.evaluation import stats
from metier.evaluation.stats import Floats, Interval

DRAWS = 500
"""Bootstrap draws of documents. Ends of a 95 % interval settle to about a tenth of its width (Efron 1987)."""


@dataclass(frozen=True)
class Measure:
    """`difference` is candidate minus baseline, with its 95 % interval over documents."""

    name: str
    title: str
    unit: str
    better: str | None
    """`lower`, `higher`, or None where neither is better in itself."""
    candidate: float
    baseline: float
    difference: Interval
    further: dict[str, Any] = field(default_factory=dict)

    @property
    def surely_better(self) -> bool:
        """The whole interval lies on the better side of no difference."""
        low, high = self.difference.low, self.difference.high
        return bool(high < 0) if self.better == "lower" else bool(low > 0)


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws of one side's documents; all passages of a document are drawn together."""

    cluster: NDArray[np.int64]
    """(passages,) the document of each."""
    weights: Floats
    """(draws, documents) how often each is drawn."""

    @classmethod
    def of(cls, documents: Sequence[int] | NDArray[np.int64], seed: int) -> "Draws":
        return cls(*stats.bootstrap_weights(documents, seed, DRAWS))  # type: ignore[arg-type]

    @property
    def effective(self) -> float:
        return stats.effective_clusters(self.cluster)

    def values(self, statistics: Floats, value: Callable[[Floats], Floats]) -> Floats:
        return stats.resampled(statistics, self.cluster, self.weights, value)


def interval(value: float, draws: Floats, clusters: float) -> Interval:
    return stats.percentile_interval(float(value), draws, clusters=clusters)


def ratio(sums: Floats) -> Floats:
    """First column over second: a mean a word, a share of texts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., 0] / sums[..., 1]
