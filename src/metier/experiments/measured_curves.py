"""The figures of a baseline at a dozen sizes, on held-out training rows. Never the test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from metier.data.records import Question
from metier.data.records import questions as read_questions
from metier.evaluation import stats
from metier.evaluation.baseline import BaselineContext, BaselineLike
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.experiments.learning_curves import Curve, Floats
from metier.experiments.power import MOST_HELD_OUT, MOST_LEARNED, parted
from metier.experiments.subsets import beginning, nested_order, sizes

SIZES = 12
REPEATS, REPEATED_UP_TO = 3, 0.25
"""Subsets of one size, and up to which part of the rows: larger ones take longest and differ least."""
DRAWS = 60
"""Of the held-out rows; the laws are fitted to each."""


@dataclass(frozen=True, eq=False)
class Material:
    """The rows of a benchmark, parted into those to learn from and those to ask."""

    benchmark: Benchmark
    learned: pa.Table
    held_out: pa.Table
    labels: tuple[str, ...]
    title: str
    """Of the metric that decides."""
    metric: MetricLike
    rows: int
    """All labeled rows, both parts and what a bound left out: what a run would learn from now."""
    seed: int

    @classmethod
    def of(
        cls,
        benchmark: Benchmark,
        rows: pa.Table,
        seed: int,
        now: int,
        most_learned: int = MOST_LEARNED,
        most_held_out: int = MOST_HELD_OUT,
    ) -> "Material":
        title, metric = next(iter(benchmark.build_metrics().items()))
        learned, held_out = parted(benchmark, rows, seed, most_learned, most_held_out)
        labels = tuple(benchmark.label_set(rows))
        return cls(benchmark, learned, held_out, labels, title, metric, now, seed)

    @property
    def best(self) -> float:
        return 1.0 if self.metric.higher_is_better else 0.0

    def questions(self) -> list[Question]:
        """The held-out rows."""
        return read_questions(self.held_out)

    def order(self, repeat: int = 0) -> list[list[int]]:
        """Groups of `learned` whose beginnings are the nested subsets."""
        return nested_order(read_questions(self.learned), f"{self.benchmark.name}:{self.seed}:{repeat}")


@dataclass(frozen=True, eq=False)
class Measured:
    """The answers of one training on a subset to the held-out rows."""

    rows: int
    table: Predictions


def baseline_points(
    material: Material,
    baseline: BaselineLike,
    most: int | None = None,
    count: int = SIZES,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[list[Measured]], str]:
    """For each size its subsets, with what the baseline answered; and what the baseline is called.

    `most`: only subsets of at most so many rows.
    `say`: told how many of how many were fitted."""
    rows, asked, labels = read_questions(material.learned), material.questions(), list(material.labels)
    most = most or len(rows)
    wanted = [
        (size, repeat)
        for size in sizes(most, len(labels), count)
        for repeat in range(REPEATS if size <= REPEATED_UP_TO * most else 1)
    ]
    orders = [material.order(repeat) for repeat in range(REPEATS)]
    found: dict[int, list[Measured]] = {}
    name = ""
    for done, (size, repeat) in enumerate(wanted):
        subset = [rows[position] for position in beginning(orders[repeat], size)]
        fitted = baseline.fit(BaselineContext(material.benchmark, subset, labels, material.metric, material.seed))
        one = Measured(len(subset), as_predictions(fitted.answer(asked), labels))
        found.setdefault(size, []).append(one)
        name = fitted.name
        say(done + 1, len(wanted))
    return list(found.values()), name


def curve_of(material: Material, points: Sequence[Sequence[Measured]]) -> tuple[Curve, float]:
    """The curve, and the variance of a figure by chance in the rows that were learned, at the largest size.

    Sizes at which the figure cannot be worked out are left out.
    """
    cluster, weights = stats.bootstrap_weights(points[0][0].table.groups, material.seed, DRAWS)

    def figures(one: Measured) -> Floats:
        """The figure, and behind it that of each draw; as the figure where a draw has none."""
        statistics = material.metric.statistics(one.table)
        value = float(material.metric.value(statistics.sum(0)))
        drawn = stats.resampled(statistics, cluster, weights, material.metric.value)
        return np.array([value, *np.where(np.isfinite(drawn), drawn, value)])

    by_size: list[tuple[float, Floats]] = []
    for several in points:
        repeats = np.array([figures(one) for one in several])
        if np.isfinite(repeats).all():
            by_size.append((float(np.mean([one.rows for one in several])), repeats))
    by_size = [one for at, one in enumerate(by_size) if at == 0 or one[0] > by_size[at - 1][0]]
    rows = np.array([size for size, _ in by_size])
    repeats_of = np.array([len(repeats) for _, repeats in by_size])
    variance = _subset_variance(by_size)
    means = np.array([repeats.mean(0) for _, repeats in by_size])
    errors = np.sqrt(variance * rows[-1] / rows / repeats_of)
    return Curve(rows, means[:, 0], means[:, 1:].T, errors, material.best), variance


def _subset_variance(by_size: Sequence[tuple[float, Floats]]) -> float:
    """Of a figure between subsets of the largest size: that between repeats of smaller ones, which falls with their
    rows."""
    largest = by_size[-1][0]
    seen = [repeats[:, 0].var(ddof=1) * size / largest for size, repeats in by_size if len(repeats) > 1]
    return float(np.mean(seen)) if seen else 0.0
