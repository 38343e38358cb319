"""SHIP or HOLD: what got better, what got worse, and how sure we are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np

from metier.evaluation import reasons, stats
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.comparison import Paired, compare, fixed_and_broken
from metier.evaluation.non_inferiority import margin_gain
from metier.evaluation.plain_words import candidate
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.evaluation.results import (
    BenchmarkResult,
    Candidate,
    Comparison,
    Deciding,
    Decision,
    Figure,
    Gain,
    MetricResult,
    RetentionResult,
    State,
)
from metier.evaluation.retention import HARMLESS, independent_changes, not_too_sure, retention_entry
from metier.evaluation.scoring import Prediction
from metier.evaluation.slices import slices
from metier.evaluation.stats import Variation

Compared = TypeVar("Compared", bound=Comparison)


def judge_benchmark(
    benchmark: Benchmark,
    answers: Mapping[str, Sequence[Prediction]],
    labels: Sequence[str],
    majority: str | None,
    seed: int,
    alpha: float,
    baseline_name: str | None = None,
    truncated: int = 0,
    margin: float | None = None,
    chosen: Candidate = Candidate(),
    alone: Sequence[Prediction] = (),
) -> BenchmarkResult:
    """What one training gained on a benchmark; `decide` adds what is adjusted over all benchmarks.

    `answers` holds base, tuned and, where there is one, the baseline. `majority`: the most common training label, where
    there is a label set. `baseline_name`: who gave the baseline's answers. `margin`: how much worse than the baseline
    the model may be; None: it has to be better. `chosen`: what the tuned answers are, and `alone`: those of the model
    by itself, where they are a mixture.
    """
    table = {who: as_predictions(given, labels) for who, given in answers.items() if given}
    always = as_predictions([_always(majority, answer) for answer in answers["base"]], labels) if majority else None
    metrics = benchmark.build_metrics()
    title, deciding = next(iter(metrics.items()))
    paired = compare(deciding, table["base"], table["tuned"], seed, alpha)
    over = compare(deciding, table["baseline"], table["tuned"], seed, alpha) if "baseline" in table else None
    others = [(name, metric) for name, metric in metrics.items() if name != title]
    gain, variation = _over_baseline(deciding, table, over, margin, seed)
    rows = [_row(title, deciding, paired, over, always)]
    rows += [_row(name, metric, *_compared(metric, table, seed, alpha), always) for name, metric in others]
    return BenchmarkResult(
        **dict(rows[0]),  # the metric that decides,
        name=benchmark.name,
        **_changes(deciding, table["base"], table["tuned"], seed),
        candidate=chosen,
        alone=_alone(deciding, table["base"], alone, labels, seed, alpha),
        mixed_with=chosen.baseline_name or None,
        n=len(answers["base"]),
        clusters=len(set(table["base"].groups)),
        baseline_name=baseline_name if over else None,
        gain_over_baseline=gain,
        margin_over_baseline=margin if over else None,
        variation_over_base=paired.variation,
        variation_over_baseline=variation,
        unscored={who: int((~given.judged).sum()) for who, given in table.items()},
        metrics=tuple(rows),
        slices=tuple(slices(deciding, answers, labels, seed)),
        truncated=truncated,
    )


def _alone(
    metric: MetricLike, base: Predictions, alone: Sequence[Prediction], labels: Sequence[str], seed: int, alpha: float
) -> Figure | None:
    """The figure of the tuned model by itself, where it was not judged alone."""
    return Figure.of(compare(metric, base, as_predictions(alone, labels), seed, alpha).after) if alone else None


def _compared(
    metric: MetricLike, table: Mapping[str, Predictions], seed: int, alpha: float
) -> tuple[Paired, Paired | None]:
    """The tuned model against the base model, and against the baseline where its answers say enough for the metric:
    some have no probabilities."""
    paired = compare(metric, table["base"], table["tuned"], seed, alpha)
    has_baseline = _plain_value(metric, table.get("baseline")) is not None
    return paired, compare(metric, table["baseline"], table["tuned"], seed, alpha) if has_baseline else None


def _row(
    title: str, metric: MetricLike, paired: Paired, over: Paired | None, always: Predictions | None
) -> MetricResult:
    return MetricResult(
        metric=title,
        unit=metric.unit,
        majority=_plain_value(metric, always),
        baseline=Figure.of(over.before) if over else None,
        base=Figure.of(paired.before),
        tuned=Figure.of(paired.after),
        gain=paired.gain,
        test=paired.test,
        p=paired.p,
        minimum_detectable_effect_over_base=paired.minimum_detectable_effect,
    )


def _over_baseline(
    metric: MetricLike, table: Mapping[str, Predictions], over: Paired | None, margin: float | None, seed: int
) -> tuple[Gain | None, Variation | None]:
    """The gain over the baseline that decides, by the test that the recipe asks for."""
    if over is None:
        return None, None
    if margin is None:
        return _gain(over), over.variation
    return margin_gain(metric, [table["baseline"]], [table["tuned"]], margin, seed)


def _gain(paired: Paired) -> Gain:
    return Gain(value=paired.gain.value, low=paired.gain.low, high=paired.gain.high, p=paired.p)


def _changes(metric: MetricLike, base: Predictions, tuned: Predictions, seed: int) -> dict[str, Any]:
    """How many answers changed each way, and for accuracy the p's of two more tests beside the one that decides."""
    fixed, broken = fixed_and_broken(base, tuned)
    found: dict[str, Any] = {"fixed": fixed, "broken": broken}
    if metric.share_of_right:
        changes = tuned.right.astype(float) - base.right
        found["p_mcnemar"] = stats.mcnemar_mid_p(fixed, broken)
        found["p_sign_flip"] = stats.sign_flip_p(changes, base.groups, seed)
    return found


def _always(label: str, answer: Prediction) -> Prediction:
    """The same question answered with one label, without looking."""
    return replace(answer, answer=label, value=float(answer.gold == label), probabilities=None)


def _plain_value(metric: MetricLike, table: Predictions | None) -> float | None:
    """A figure without an interval; None where there is nothing to work it out from (a metric of probabilities)."""
    if table is None:
        return None
    value = float(metric.value(metric.statistics(table).sum(0)))
    return value if np.isfinite(value) else None


def judge_retention(
    benchmark: Benchmark,
    margin: float | None,
    before: Sequence[Prediction],
    after: Sequence[Prediction],
    labels: Sequence[str],
    seed: int,
    truncated: int = 0,
) -> RetentionResult:
    """Whether what the base model could do is kept; a change above zero is a loss, in the unit of the metric."""
    _, metric = next(iter(benchmark.build_metrics().items()))
    tables = as_predictions(before, labels), as_predictions(after, labels)
    paired = compare(metric, *tables, seed, 0.05)
    gain = not_too_sure(metric, paired.gain, [tables])
    return retention_entry(
        benchmark, margin, paired.before.value, paired.after.value, gain, tables[0].groups, truncated
    )


def judge_copy(
    benchmark: Benchmark,
    margin: float,
    original: Sequence[Prediction],
    copied: Sequence[Prediction],
    labels: Sequence[str],
    seed: int,
) -> RetentionResult:
    """Whether a copy of a model, converted or quantized, is as good: the test of `judge_retention`, in which a question
    counts for itself as far as the changes do not gather in clusters."""
    _, metric = next(iter(benchmark.build_metrics().items()))
    tables = as_predictions(original, labels), as_predictions(copied, labels)
    paired = compare(metric, *tables, seed, 0.05)
    gain = not_too_sure(metric, paired.gain, [tables], independent_changes(*tables))
    return retention_entry(benchmark, margin, paired.before.value, paired.after.value, gain, tables[0].groups)


def decide(
    benchmarks: Sequence[Compared],
    retention: Sequence[RetentionResult],
    min_gain: float,
    alpha: float,
    quick: bool,
    trainings: int = 1,
) -> tuple[Decision, list[str], list[Compared]]:
    """The decision, its reasons in sentences, and the benchmarks with `p_holm`, `p_ship`, `state` and `deciding`.

    SHIP: at least one benchmark gains over the base model and over the baseline, each by at least `min_gain` and with
    an interval above zero; none gets worse, and everything with a margin is kept. With a margin over the baseline the
    interval of the gain over it is above minus the margin instead. A gain counts only where both
    comparisons show it, so the larger of their two p's is the one to test (an intersection-union test, Berger 1982,
    Technometrics), adjusted over all benchmarks: `p_ship`. `trainings`: over how many the entries, or the weights
    behind them, are a mean.
    """
    judged = [_judged(entry, min_gain, alpha) for entry in _adjusted(benchmarks)]
    judged = [_with_power(entry, judged, min_gain, alpha) for entry in judged]
    sentences = [reasons.of_benchmark(entry, min_gain, alpha) for entry in judged]
    sentences += [mixed for entry in judged if isinstance(entry, BenchmarkResult) and (mixed := candidate(entry))]
    sentences += [reasons.of_retention(entry) for entry in retention]
    if close := [entry.name for entry in judged if is_close(entry, alpha)]:
        sentences.append(reasons.of_close_tests(close, trainings))
    if quick:
        return "SMOKE", [reasons.SMOKE, *sentences], judged
    states = [entry.state for entry in judged]
    good = "gain" in states and "worse" not in states and all(entry.state in HARMLESS for entry in retention)
    return ("SHIP" if good else "HOLD"), sentences, judged


def _adjusted(benchmarks: Sequence[Compared]) -> list[Compared]:
    """The entries with the p's that allow for all comparisons made (Holm)."""
    both = [max(entry.p, entry.gain_over_baseline.p if entry.gain_over_baseline else 0.0) for entry in benchmarks]
    p_holm, p_ship = stats.holm([entry.p for entry in benchmarks]), stats.holm(both)
    return [
        entry.model_copy(update={"p_holm": gained, "p_ship": shipped})
        for entry, gained, shipped in zip(benchmarks, p_holm, p_ship, strict=True)
    ]


def _judged(entry: Compared, min_gain: float, alpha: float) -> Compared:
    return entry.model_copy(update={"state": _state(entry, min_gain, alpha)})


def _state(entry: Comparison, min_gain: float, alpha: float) -> State:
    assert entry.p_ship is not None, "adjusted before"
    gain, over = entry.gain, entry.gain_over_baseline
    if entry.p < alpha and gain.value < 0:  # unadjusted: more benchmarks must not make a harm harder to see
        return "worse"
    large = reasons.large_enough(gain, min_gain) and (over is None or reasons.over_enough(entry, over, min_gain))
    return "gain" if entry.p_ship < alpha and large else "none"


def _with_power(entry: Compared, judged: Sequence[Compared], min_gain: float, alpha: float) -> Compared:
    """With the comparison that SHIP hinges on, and what it could find at the level that it is tested at."""
    over, variation, value = entry.gain_over_baseline, entry.variation_over_base, entry.gain.value
    against: Literal["base", "baseline"] = "base"
    # Of the two the one that is less sure; where both are as sure as draws can tell, the baseline's.
    margin = entry.margin_over_baseline
    ahead = over.value + (margin or 0.0) if over else 0.0
    if over and entry.variation_over_baseline and (ahead <= 0, over.p) >= (value <= 0, entry.p):
        against, variation, value = "baseline", entry.variation_over_baseline, ahead
    # Holm tests an entry at alpha, divided by the number of benchmarks less those others that have shown a gain.
    shown = sum(one.p_ship is not None and one.p_ship < alpha for one in judged if one is not entry)
    level = alpha / (len(judged) - shown)
    sought = max(value, min_gain) if against == "base" or margin is None else value
    deciding = Deciding(
        against=against,
        alpha=level,
        minimum_detectable_effect=stats.detectable(variation, level),
        gain_sought=sought,
        n_required=stats.n_to_detect(variation, sought, level),
    )
    return entry.model_copy(update={"deciding": deciding})


def is_close(entry: Comparison, alpha: float) -> bool:
    """Whether the model is ahead and the p that decides is so near to alpha that luck in training may have decided.

    Four trainings of the default, of other rows or another order of batches, had .037, .066, .075 and .135 over the
    baseline.
    """
    assert entry.p_ship is not None, "adjusted before"
    over = (entry.gain_over_baseline or entry.gain).value + (entry.margin_over_baseline or 0.0)
    ahead = entry.gain.value > 0 and over > 0
    return ahead and alpha / 5 < entry.p_ship < 3 * alpha
