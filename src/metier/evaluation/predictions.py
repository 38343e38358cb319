"""Metrics as functions of weighted counts: one file each.

A metric turns every answer into a short vector (`statistics`) and the weighted sum of those vectors into one number
(`value`). A bootstrap draw is then a weighting of the answers, and ten thousand of them are one matrix product.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from metier.data.records import Question
from metier.errors import UserError, nearest
from metier.evaluation.scoring import Prediction, plain

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """The answers to one benchmark as arrays, in the order of its questions."""

    gold: NDArray[np.int64]
    """(n,) index of the right label; -1 where the benchmark has no label set."""
    predicted: NDArray[np.int64]
    """(n,) index of the chosen label; -1 where the answer is unscored or there is no label set."""
    value: Floats
    """(n,) what the scorer gave: 1 right, 0 wrong, or a sum of losses; NaN where unscored."""
    weight: Floats
    """(n,) how much each value stands for: 1, or a number of tokens."""
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    """(n,) the cluster of each answer; its own id where the benchmark has no clusters."""
    answers: tuple[Prediction, ...]
    """(n,) the answers themselves, for metrics that read their words, parts or probabilities."""

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(n,) whether the answer could be judged."""
        judged: NDArray[np.bool_] = ~np.isnan(self.value)
        return judged

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the answer is right as a whole; an unscored one is not."""
        return self.judged & (self.value >= 1.0)

    @property
    def are_losses(self) -> bool:
        """Whether the values are sums of losses, so that no answer is right or wrong."""
        return bool((self.value > 1).any())

    def index(self, label: str) -> int:
        """The position of a label that a metric names. Raises `UserError` where the benchmark does not have it."""
        if label not in self.labels:
            raise UserError(f"A metric names the label '{label}', which no answer has.{nearest(label, self.labels)}")
        return self.labels.index(label)


class MetricLike(Protocol):
    """What the file of a metric defines as `Metric`, a dataclass whose fields are its settings; derive it from this."""

    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = "share"
    """`share` for figures between 0 and 1, else a word."""
    share_of_right: ClassVar[bool] = False
    """Whether the figure is the share of questions answered right, so that McNemar's test and Wilson's interval fit."""
    reads: ClassVar[str | None] = None
    """What it needs besides right and wrong, which not all scorers give (`gives`): labels, probabilities, fields or
    losses."""
    prices_mistakes: ClassVar[bool] = False
    """Whether some mistakes cost more than others, so that the likeliest label is not the best one to say."""

    def statistics(self, predictions: Predictions) -> Floats:
        """(n, k): the vector of each answer."""
        raise NotImplementedError

    def value(self, sums: Floats) -> Floats:
        """(..., k) sums -> (...) values; NaN where a draw leaves nothing to work it out from."""
        raise NotImplementedError

    def decide(self, probabilities: Floats, labels: Sequence[str]) -> NDArray[np.int64]:
        """(n, labels) probabilities -> (n,) the position of the label to say."""
        likeliest: NDArray[np.int64] = probabilities.argmax(1)
        return likeliest


def as_predictions(answers: Sequence[Prediction], labels: Sequence[str]) -> Predictions:
    """Answers as arrays. An answer outside the label set counts as unscored.

    Raises `UserError` where a right answer is outside it: then the benchmark is wrong, not the model.
    """
    index = {label: number for number, label in enumerate(labels)}
    if labels and (strange := sorted({answer.gold for answer in answers} - index.keys())):
        raise UserError(
            f"The right answer '{strange[0]}' is not among the benchmark's labels.{nearest(strange[0], labels)}"
        )
    return Predictions(
        gold=np.array([index.get(answer.gold, -1) for answer in answers]),
        predicted=np.array(_label_numbers([answer.answer for answer in answers], index)),
        value=np.array([np.nan if answer.value is None else answer.value for answer in answers], dtype=float),
        weight=np.array([answer.weight for answer in answers], dtype=float),
        labels=tuple(labels),
        groups=tuple(answer.group or answer.id for answer in answers),
        answers=tuple(answers),
    )


def _label_numbers(answers: Sequence[str | None], index: Mapping[str, int]) -> list[int]:
    """The label of each answer; free text names one whatever its case, as a scorer compares it, but where two labels
    differ in nothing else."""
    several = Counter(map(plain, index))
    loosely = {plain(label): place for label, place in index.items() if several[plain(label)] == 1}
    return [-1 if answer is None else index.get(answer, loosely.get(plain(answer), -1)) for answer in answers]


def perfect(questions: Sequence[Question], labels: Sequence[str]) -> Predictions:
    """The right answers to some questions that have labels, all of them sure."""
    return as_predictions(
        [
            Prediction(q.id, "", "", q.answer, q.answer, 1.0, probabilities=tuple(float(q.answer == x) for x in labels))
            for q in questions
        ],
        labels,
    )


def unfit(metrics: Mapping[str, MetricLike], table: Predictions) -> list[str]:
    """Why some metrics cannot be worked out of perfect answers: a label that there is not, or that nobody asks for."""
    problems = []
    for title, metric in metrics.items():
        try:
            if not np.isfinite(metric.value(metric.statistics(table).sum(0))):
                problems.append(
                    f"none of its {len(table.gold):,} questions has a label that {title} counts. Ask more questions, "
                    "or take the metric out of `metrics`."
                )
        except UserError as error:
            problems.append(str(error))
    return problems


def label_counts(predictions: Predictions) -> Floats:
    """(n, 3L): one-hot right answers, right labels and chosen labels of each answer; what class-wise metrics need."""
    n, size = len(predictions.gold), len(predictions.labels)
    counts = np.zeros((n, 3, size))
    rows = np.arange(n)
    answered = predictions.predicted >= 0
    hit = answered & (predictions.predicted == predictions.gold)
    counts[rows[hit], 0, predictions.gold[hit]] = 1
    counts[rows, 1, predictions.gold] = 1
    counts[rows[answered], 2, predictions.predicted[answered]] = 1
    return counts.reshape(n, 3 * size)
