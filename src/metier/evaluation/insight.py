"""Key figures of an industry: one file each, with a function `rows`; a pack names them in `insights`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from metier.errors import UserError, nearest
from metier.evaluation import stats
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.costs import fits
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.evaluation.slices import FEWEST
from metier.evaluation.stats import Interval
from metier.recipes import plugins

NO_LABELS = "This benchmark has no label set, so its mistakes have no kinds."


@dataclass(frozen=True)
class Insight:
    """One row of the section 'Key figures for INDUSTRY'."""

    what: str
    value: float | None
    """None: it cannot be worked out, and `note` says why."""
    note: str
    unit: str = ""
    """`share` for figures between 0 and 1, else a word that stands behind the figure, or nothing."""

    @property
    def shown(self) -> str:
        """The figure as a reader sees it."""
        if self.value is None or not np.isfinite(self.value):
            return "–"
        return number(self.value, self.unit)

    def to_json(self) -> dict[str, Any]:
        """Plain values; a figure that answers leave nothing to work out from is null."""
        return asdict(self) | ({} if self.value is None or np.isfinite(self.value) else {"value": None})


@dataclass(frozen=True)
class InsightContext:
    """The answers to one benchmark, as evaluate wrote them, and what the run knows beside them."""

    benchmark: Benchmark
    base: Predictions
    tuned: Predictions
    costs: Mapping[str, float] = field(default_factory=dict)
    """The pack's prices, those of other benchmarks included; `priced` has the ones that fit."""
    cost_per_hour: float = 0.0
    """The pack's price of an hour of the machine; 0: nobody said."""
    seed: int = 0
    timing: Mapping[str, float] | None = None
    """`seconds` that the tuned model took for all answers, `batches`, and `p95_s`: the wait of 95 in 100 questions."""
    latency: Mapping[str, float] | None = None
    """The waits of `n` questions that the tuned model was asked one at a time, `p50_s` and `p95_s`; given to files of
    rows that say `NEEDS_LATENCY = True`."""
    held_out: Predictions | None = None
    """The tuned model's answers to held-out training rows, on which a threshold may be chosen; None: no rows were held
    out, or the answers are written."""
    seeds: Sequence[float] = ()
    """The deciding metric of each training run, where the recipe was run with several seeds."""
    times: Callable[[], Mapping[str, str]] = dict
    """Id of a question -> its date, of the questions that have one."""
    learned_times: Callable[[], Sequence[str]] = list
    """The dates of the benchmark's training rows."""

    @property
    def labels(self) -> tuple[str, ...]:
        return self.tuned.labels

    @property
    def metric(self) -> tuple[str, MetricLike]:
        """Title and metric that decide."""
        return next(iter(self.benchmark.build_metrics().items()))

    @property
    def right_or_wrong(self) -> bool:
        """Whether answers are right, wrong or in part right; a sum of losses is none of these."""
        return bool((np.nan_to_num(self.tuned.value) <= 1).all())

    @property
    def priced(self) -> dict[str, float]:
        """The pack's prices of mistakes between this benchmark's labels."""
        return {mistake: cost for mistake, cost in self.costs.items() if fits(mistake, self.labels)}

    def only(self, positions: Sequence[int]) -> Predictions:
        """Some of the tuned model's answers."""
        return as_predictions([self.tuned.answers[position] for position in positions], self.labels)


def find(name: str) -> Callable[[InsightContext], list[Insight]]:
    """The function `rows` of a name, or of a path to a Python file. Raises `UserError` where there is none."""
    rows: Callable[[InsightContext], list[Insight]] | None = _defined(name, "rows", None)
    if rows is None:
        raise UserError(f"An industry names the insight '{name}', which has no function `rows`.")
    return rows


def needs_latency(name: str) -> bool:
    """Whether these key figures say that they need questions asked one at a time (`NEEDS_LATENCY = True`). Raises as
    `find`."""
    return bool(_defined(name, "NEEDS_LATENCY", False))


def _defined(name: str, what: str, otherwise: Any) -> Any:
    if not name.endswith(".py") and name not in (known := plugins.names("insights")):
        raise UserError(f"There is no insight '{name}', which the industry names.{nearest(name, known)}")
    return plugins.defined("insights", name, what, otherwise)


def measured(metric: MetricLike, table: Predictions, seed: int, level: float = 0.95) -> Interval:
    """A figure of some answers with its interval: Wilson's for a share of single answers, else of whole clusters."""
    value = float(metric.value(metric.statistics(table).sum(0)))
    if metric.share_of_right and len(set(table.groups)) == len(table.groups):
        return stats.wilson(round(value * len(table.gold)), len(table.gold), level)
    cluster, weights = stats.bootstrap_weights(table.groups, seed)
    draws = stats.resampled(metric.statistics(table), cluster, weights, metric.value)
    return stats.figure_interval(value, draws, level, stats.effective_clusters(cluster), metric.share_of_right)


def number(value: float, unit: str = "") -> str:
    """A figure in words: 0.812 as `81.2 %` where it is a share, 1234 as `1,234`."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    digits = 0 if float(value).is_integer() or abs(value) >= 100 else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def within(interval: Interval, unit: str = "", times: float = 1.0) -> str:
    """The interval in words."""
    if not np.isfinite([interval.low, interval.high]).all():
        return "too few for an interval"
    if interval.low == interval.high:
        return "no interval, all draws of answers are equal"
    return f"95 % CI {number(times * interval.low, unit)} to {number(times * interval.high, unit)}"


__all__ = ["FEWEST", "NO_LABELS", "InsightContext", "Insight", "find", "measured", "needs_latency", "number", "within"]
