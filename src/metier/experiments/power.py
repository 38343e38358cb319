"""How large a gain over the baseline a test will find, as well as it can be known before anything is trained.

The baseline is fitted on a part of the training rows and asked the rest, never the test. Its figure there says how much
it varies by chance, and how much its errors gather in groups. The tuned model is taken to vary alike. What nobody can
know before training is how many errors both will share: `SHARED` is what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, canonical
from metier.data.records import questions as read_questions
from metier.data.step import StepContext
from metier.data.steps.split import Step as Split
from metier.evaluation import stats
from metier.evaluation.baseline import BaselineContext, BaselineLike, built
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.draw import drawn_positions
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.evaluation.results import Result
from metier.evaluation.stats import FEWEST_CLUSTERS, Variation

LEAST_SHARED, SHARED, MOST_SHARED = 0.29, 0.57, 0.71
"""Correlation of the figures of tuned model and TF-IDF over draws of the questions: 10th, 50th and 90th percentile of
the 13 test sets of docs/results.md, by the intervals of both figures and of their difference."""
HELD_OUT, MOST_HELD_OUT, MOST_LEARNED = 0.2, 2_000, 10_000
"""Share of the training rows that the baseline is asked, and bounds that keep the look at seconds."""
LIKELY_CHANGED = 0.3
"""Share of answers that a tune changes from right to wrong or back, assumed where there is no baseline."""


class ExpectedPower(Result):
    """The smallest true gain that the test of a benchmark will find with 80 % power."""

    benchmark: str
    metric: str
    unit: str
    """`share` for figures between 0 and 1, else a word."""
    n: int
    """Questions."""
    groups: int
    against: str
    """What the tuned model has to beat: the baseline, or the base model where there is none."""
    alpha: float
    """`ship.alpha`, divided by the number of benchmarks (Holm's first step)."""
    effect: float | None
    """Where both err on the same questions as often as is usual; null where no gain that is possible would be found."""
    low: float | None
    """Where they share more errors; null where nothing is known of that."""
    high: float | None
    """Where they share fewer, or none of the possible gains would be found (null)."""
    baseline: float | None
    """The baseline's figure on held-out training rows."""
    held_out: int
    """How many rows that were."""

    @property
    def sentence(self) -> str:
        """In plain words."""
        over = self.against.split(" with ")[0]
        if self.groups < FEWEST_CLUSTERS:
            return (
                f"no gain can be detected: its {self.groups} groups of questions are too few (docs/verdict.md). "
                "Add some."
            )
        if self.effect is None:
            return (
                f"With {self.n:,} questions no gain over {over} would be found with 80 % power, not even that of a "
                f"perfect model: {over} has {self.metric} {self.baseline:.3f} on {self.held_out:,} held-out rows. "
                f"Use {over}, or ask more or harder questions."
            )
        found = f"With {self.n:,} questions a true gain of {self._amount(self.effect)} over {over} would be found with"
        return f"{found} 80 % power{self._range()}."

    def _amount(self, gain: float) -> str:
        return f"{100 * gain:.1f} points" if self.unit == "share" else f"{gain:.3f} ({self.metric})"

    def _range(self) -> str:
        if self.baseline is None:
            alike = f"; {self._amount(self.high)} where all answers of a group are equal" if self.high else ""
            return f", if {LIKELY_CHANGED:.0%} of the answers change{alike}"
        assert self.low is not None, "smaller than the effect"
        most = "more than is possible" if self.high is None else self._amount(self.high)
        return f" ({self._amount(self.low)} if both err on the same questions more often than usual, {most} if less)"


def expected_power(
    benchmark: Benchmark, questions: Sequence[Question], rows: pa.Table, seed: int, alpha: float
) -> ExpectedPower | None:
    """The power of the comparison that will decide; None where there is no baseline to know it by, and the metric is
    no share. `rows`: all training rows."""
    title, metric = next(iter(benchmark.build_metrics().items()))
    known = _on_held_out(benchmark, metric, rows, seed)
    design = Design.of([question.group or question.id for question in questions], alpha)
    if known is None and metric.unit != "share":
        return None
    low: float | None = None
    effect: float | None = None
    high: float | None = None
    if design.groups >= FEWEST_CLUSTERS and known is None:
        effect, high = design.over_base()
    elif design.groups >= FEWEST_CLUSTERS and known is not None:
        low, effect, high = (known.spread.effect(design, shared) for shared in (MOST_SHARED, SHARED, LEAST_SHARED))
    return ExpectedPower(
        benchmark=benchmark.name,
        metric=title,
        unit=metric.unit,
        n=design.n,
        groups=design.groups,
        against=known.name if known else "the base model",
        alpha=alpha,
        effect=effect,
        low=low,
        high=high,
        baseline=known.spread.value if known else None,
        held_out=known.spread.n if known else 0,
    )


@dataclass(frozen=True)
class Design:
    """The questions of a test, as far as its power depends on them."""

    n: int
    groups: int
    """As many as questions where each stands alone."""
    effective: float
    """See `stats.effective_clusters`."""
    alpha: float

    @classmethod
    def of(cls, groups: Sequence[str], alpha: float) -> "Design":
        """From the group of each question."""
        cluster = np.unique(np.asarray(groups), return_inverse=True)[1]
        return cls(len(cluster), int(cluster.max()) + 1, stats.effective_clusters(cluster), alpha)

    @property
    def grouped(self) -> bool:
        return self.groups < self.n

    def inflation(self, within: float) -> float:
        """By how much the variance grows where errors gather in groups (the design effect, Kish 1965)."""
        return 1 + (self.n / self.effective - 1) * within

    def over_base(self) -> tuple[float, float | None]:
        """The smallest gain in a share that is found over a base model of which nothing is known; and the same where
        all answers of a group are alike, None without groups."""
        alike = stats.minimum_detectable_share(round(self.effective), LIKELY_CHANGED, self.alpha)
        single = stats.minimum_detectable_share(self.n, LIKELY_CHANGED, self.alpha)
        return single, alike if self.grouped else None


@dataclass(frozen=True)
class Spread:
    """How much a figure of the baseline varies by chance."""

    n: int
    value: float
    variance: float
    """Of the figure of one question, where each stands alone."""
    within: float
    """Correlation of answers within a group; 1, the worst, where no held-out groups tell it."""
    is_share_of_right: bool
    room: float
    """The largest gain that is possible."""

    @classmethod
    def of(cls, metric: MetricLike, table: Predictions, seed: int) -> "Spread":
        """From answers to held-out rows."""
        statistics, n = metric.statistics(table), len(table.gold)
        value = float(metric.value(statistics.sum(0)))

        def variance(groups: Sequence[str]) -> tuple[float, float]:
            """(of the figure, rows for each effective cluster)."""
            cluster, weights = stats.bootstrap_weights(groups, seed)
            drawn = stats.standard_error(stats.resampled(statistics, cluster, weights, metric.value))
            return drawn**2, n / stats.effective_clusters(cluster)

        alone, _ = variance(tuple(map(str, range(n))))
        together, size = variance(table.groups)
        telling = size > 1 and len(set(table.groups)) >= FEWEST_CLUSTERS and alone > 0
        within = float(np.clip((together / alone - 1) / (size - 1), 0, 1)) if telling else 1.0
        bounded = metric.higher_is_better and metric.unit in ("share", "correlation")
        room = 1 - value if bounded else np.inf
        if metric.share_of_right:
            return cls(n, value, value * (1 - value), within, True, room)
        return cls(n, value, alone * n, within, False, room)

    def effect(self, design: Design, shared: float) -> float | None:
        """The smallest true gain that the test finds with 80 % power; None where even the largest possible is not.

        `shared`: the correlation of both models' figures.
        """

        def found(gain: float) -> bool:
            return stats.detectable(self.variation(design, gain, shared), design.alpha) <= gain

        low, high = 0.0, self.room if np.isfinite(self.room) else 2 * self._constant(design, shared)
        if high <= 0 or not found(high):
            return None
        for _ in range(50):  # a larger gain is found sooner: halve to where it just is
            middle = (low + high) / 2
            low, high = (low, middle) if found(middle) else (middle, high)
        return high

    def _constant(self, design: Design, shared: float) -> float:
        return stats.detectable(self.variation(design, 0.0, shared), design.alpha)

    def variation(self, design: Design, gain: float, shared: float) -> Variation:
        """How the difference of both models varies at a true gain."""
        before = after = self.variance
        if self.is_share_of_right:  # the better model has fewer errors to vary by
            right = min(self.value + gain, 1.0)
            after = right * (1 - right)
        difference = before + after - 2 * shared * np.sqrt(before * after)
        error = float(np.sqrt(difference / design.n * design.inflation(self.within if design.grouped else 0.0)))
        if self.is_share_of_right and not design.grouped:
            # Models that differ by the gain differ on no fewer questions.
            return Variation(design.n, design.n, error, discordant=max(difference + gain**2, gain))
        return Variation(design.n, design.effective, error)


@dataclass(frozen=True)
class _Known:
    """A baseline on held-out rows."""

    name: str
    spread: Spread


def _on_held_out(benchmark: Benchmark, metric: MetricLike, rows: pa.Table, seed: int) -> _Known | None:
    """The benchmark's baseline, fitted on a part of its training rows, on the others; None where it has none."""
    baseline = fast_baseline(benchmark)
    if baseline is None:
        return None
    parts = parted(benchmark, rows, seed)
    learned, held_out = (read_questions(part) for part in parts)
    if not held_out or not learned:
        return None
    labels = benchmark.label_set(rows)
    fitted = baseline.fit(BaselineContext(benchmark, learned, labels, metric, seed))
    table = as_predictions(fitted.answer(held_out), labels)
    if not np.isfinite(metric.value(metric.statistics(table).sum(0))):
        return None
    return _Known(fitted.name, Spread.of(metric, table, seed))


def fast_baseline(benchmark: Benchmark) -> BaselineLike | None:
    """The benchmark's baseline, where it can be tried before a run: a model behind an address must not be asked, and
    paid, by a look."""
    baseline = built(benchmark.baselines[benchmark.baseline]) if benchmark.baseline else None
    return baseline if baseline and baseline.fast and baseline.learns else None


def parted(
    benchmark: Benchmark,
    rows: pa.Table,
    seed: int,
    most_learned: int = MOST_LEARNED,
    most_held_out: int = MOST_HELD_OUT,
) -> tuple[pa.Table, pa.Table]:
    """(rows to learn from, rows to ask) of a benchmark's labeled rows, without repeats; no group is on both sides."""
    mine = labeled_once(rows.filter(pc.equal(rows["task"], benchmark.name)))
    if not len(mine):
        return mine, mine
    both = Split(valid=HELD_OUT).apply(mine, StepContext(seed, [benchmark])).kept
    held_out = pc.equal(both["split"], "valid")
    return (
        _some(both.filter(pc.invert(held_out)), most_learned, benchmark),
        _some(both.filter(held_out), most_held_out, benchmark),
    )


def _some(rows: pa.Table, most: int, benchmark: Benchmark) -> pa.Table:
    """A draw of the rows in which each label keeps its share."""
    answers = [question.answer for question in read_questions(rows)]
    return rows.take(pa.array(drawn_positions(answers, most, f"{benchmark.name}:power"), pa.int64()))


def labeled_once(rows: pa.Table) -> pa.Table:
    """The labeled rows without repeats, which `dedup` would take out: one learned and asked again is answered right."""
    answered = pc.or_(rows["label"].is_valid(), pc.and_(rows["chosen"].is_valid(), rows["rejected"].is_valid()))
    rows = rows.filter(answered)
    read = zip(rows["text"].to_pylist(), rows["fields"].to_pylist(), strict=True)
    first = {(canonical(text), str(fields)): at for at, (text, fields) in reversed(list(enumerate(read)))}
    return rows.take(pa.array(sorted(first.values()), pa.int64()))
