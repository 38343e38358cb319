"""Metrics as functions of weighted counts: one file each.

A metric turns every answer into a short vector (`statistics`) and the weighted sum of those vectors into one number
(`value`). A bootstrap draw is then a weighting of the answers, and ten thousand of them are one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metier.errors import UserError, nearest
from metier.scorers import Answer

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """The answers to one benchmark as arrays, in the order of its questions."""

    gold: NDArray[np.int64]
    """(n,) index of the right label."""
    predicted: NDArray[np.int64]
    """(n,) index of the chosen label; -1 where the answer could not be judged."""
    value: Floats
    """(n,) what the scorer gave: 1 right, 0 wrong, or a sum of losses; NaN where it could not judge."""
    weight: Floats
    """(n,) how much each value stands for: 1, or a number of tokens."""
    n_labels: int
    groups: tuple[str, ...]
    """(n,) the cluster of each answer; its own id where the benchmark has no clusters."""


class MetricLike(Protocol):
    """What the file of a metric defines as `Metric`."""

    higher_is_better: bool
    unit: str

    def statistics(self, outcomes: Outcomes) -> Floats:
        """(n, k): the vector of each answer."""

    def value(self, sums: Floats) -> Floats:
        """(..., k) sums -> (...) values."""


def outcomes(answers: Sequence[Answer], labels: Sequence[str]) -> Outcomes:
    """Answers as arrays. An answer outside the label set counts as one that could not be judged.

    Raises `UserError` where a right answer is outside it: then the benchmark is wrong, not the model.
    """
    index = {label: number for number, label in enumerate(labels)}
    if strange := sorted({answer.gold for answer in answers} - index.keys()):
        raise UserError(
            f"The right answer '{strange[0]}' is not among the benchmark's labels.{nearest(strange[0], labels)}"
        )
    return Outcomes(
        gold=np.array([index[answer.gold] for answer in answers]),
        predicted=np.array([index.get(answer.answer, -1) if answer.answer is not None else -1 for answer in answers]),
        value=np.array([np.nan if answer.value is None else answer.value for answer in answers], dtype=float),
        weight=np.array([answer.weight for answer in answers], dtype=float),
        n_labels=len(labels),
        groups=tuple(answer.group or answer.id for answer in answers),
    )


def label_counts(outcomes: Outcomes) -> Floats:
    """(n, 3L): one-hot right answers, right labels and chosen labels of each answer; what class-wise metrics need."""
    n, size = len(outcomes.gold), outcomes.n_labels
    counts = np.zeros((n, 3, size))
    rows = np.arange(n)
    answered = outcomes.predicted >= 0
    hit = answered & (outcomes.predicted == outcomes.gold)
    counts[rows[hit], 0, outcomes.gold[hit]] = 1
    counts[rows, 1, outcomes.gold] = 1
    counts[rows[answered], 2, outcomes.predicted[answered]] = 1
    return counts.reshape(n, 3 * size)
