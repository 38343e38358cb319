"""SHIP or HOLD: what got better, what got worse, and how sure we are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.baselines.tfidf import TFIDF
from metier.evaluation.predictions import MetricLike, Predictions, as_predictions
from metier.evaluation.retention import HARMLESS, not_too_sure, retention_entry, sentence
from metier.evaluation.scoring import Prediction
from metier.evaluation.slices import slices
from metier.evaluation.stats import Interval


@dataclass(frozen=True)
class Paired:
    """Two models on the same questions, under one metric."""

    before: Interval
    after: Interval
    gain: Interval
    p: float
    test: str
    minimum_detectable_effect: float


def compare(metric: MetricLike, before: Predictions, after: Predictions, seed: int, alpha: float) -> Paired:
    """What `after` gains over `before` in a metric; positive is better whatever the metric.

    Both are weighted by the same bootstrap draws of whole clusters, so that a hard draw is hard for both.
    """
    same_questions(before, after)
    sign = 1.0 if metric.higher_is_better else -1.0
    cluster, weights = stats.bootstrap_weights(before.groups, seed)
    first, second = metric.statistics(before), metric.statistics(after)
    values = [float(metric.value(table.sum(0))) for table in (first, second)]
    draws = [stats.resampled(table, cluster, weights, metric.value) for table in (first, second)]
    few, clusters = cluster.max() + 1 < stats.FEWEST_CLUSTERS, stats.effective_clusters(cluster)
    if not np.isfinite(values).all():
        raise UserError(
            f"The metric {type(metric).__module__} finds nothing to work with in these answers (it may count labels "
            "that are neither right nor said, or read probabilities or parts that the benchmark's scorer does not "
            "give). Take it out of `metrics`."
        )
    difference, difference_draws = sign * (values[1] - values[0]), sign * (draws[1] - draws[0])
    intervals = [
        stats.figure_interval(value, drawn, clusters=clusters, share_of_right=metric.share_of_right)
        for value, drawn in zip(values, draws, strict=True)
    ]
    test, p = "paired bootstrap", stats.bootstrap_p(difference, difference_draws, clusters)
    smallest = stats.minimum_detectable_effect(stats.standard_error(difference_draws), alpha, clusters=clusters)
    single = len(set(before.groups)) == len(before.groups)
    if metric.share_of_right:
        fixed, broken = fixed_and_broken(before, after)
        if single:
            n = len(before.gold)
            intervals = [stats.wilson(round(value * n), n) for value in values]
            test, p = "mid-p McNemar", stats.mcnemar_mid_p(fixed, broken)
            smallest = stats.minimum_detectable_share(n, (fixed + broken) / n, alpha)
    if not single:
        test = "paired cluster bootstrap"
    if few:
        # A handful of clusters that agree says nothing: draws of them never disagree, and p would be tiny.
        test, p = f"too few groups to test (fewer than {stats.FEWEST_CLUSTERS})", 1.0
    gain = stats.percentile_interval(difference, difference_draws, clusters=clusters)
    return Paired(intervals[0], intervals[1], gain, p, test, smallest)


def same_questions(before: Predictions, after: Predictions) -> None:
    """Raises `UserError` where two models answered different questions, in another order or with other right answers:
    a paired test of them would mean nothing."""
    asked = [[(answer.id, answer.gold) for answer in table.answers] for table in (before, after)]
    if asked[0] != asked[1]:
        raise UserError(
            "Two models answered different questions (the test data changed between them?), so they cannot be "
            "compared. Run the recipe again: `metier run RECIPE --out` with the run's folder does what is missing."
        )


def fixed_and_broken(before: Predictions, after: Predictions) -> tuple[int, int]:
    """Questions that were wrong and are right now, and the other way round."""
    return int((~before.right & after.right).sum()), int((before.right & ~after.right).sum())


def judge_benchmark(
    benchmark: Any,
    answers: Mapping[str, Sequence[Prediction]],
    labels: Sequence[str],
    majority: str | None,
    seed: int,
    alpha: float,
    baseline_name: str = TFIDF,
) -> dict[str, Any]:
    """One entry of verdict.json's `benchmarks`; `answers` holds base, tuned and, where there is one, the baseline.

    `majority`: the commonest training label, where there is a label set. `baseline_name`: who gave the baseline.
    """
    table = {who: as_predictions(given, labels) for who, given in answers.items() if given}
    always = as_predictions([_always(majority, answer) for answer in answers["base"]], labels) if majority else None
    metrics = benchmark.build_metrics()
    title, deciding = next(iter(metrics.items()))
    paired = compare(deciding, table["base"], table["tuned"], seed, alpha)
    over_baseline = compare(deciding, table["baseline"], table["tuned"], seed, alpha) if "baseline" in table else None
    fixed, broken = fixed_and_broken(table["base"], table["tuned"])
    entry: dict[str, Any] = {
        "name": benchmark.name,
        "metric": title,
        "unit": deciding.unit,
        "n": len(answers["base"]),
        "clusters": len(set(table["base"].groups)),
        "majority": _plain_value(deciding, always),
        "baseline": asdict(over_baseline.before) if over_baseline else None,
        "baseline_name": baseline_name if over_baseline else None,
        "base": asdict(paired.before),
        "tuned": asdict(paired.after),
        "gain": asdict(paired.gain),
        "test": paired.test,
        "p": paired.p,
        "p_holm": paired.p,
        "minimum_detectable_effect": paired.minimum_detectable_effect,
        "fixed": fixed,
        "broken": broken,
        "gain_over_baseline": {**asdict(over_baseline.gain), "p": over_baseline.p} if over_baseline else None,
        "unscored": {who: int((~given.judged).sum()) for who, given in table.items()},
    }
    if deciding.share_of_right:
        entry |= _other_tests(table["base"], table["tuned"], seed)
    entry["slices"] = slices(deciding, answers, labels, seed)
    entry["metrics"] = [
        {**_row(name, metric, table, seed, alpha), "majority": _plain_value(metric, always)}
        for name, metric in metrics.items()
    ]
    return entry


def _other_tests(base: Predictions, tuned: Predictions, seed: int) -> dict[str, float]:
    """Two more tests of a gain in accuracy, told beside the one that decides."""
    changes = tuned.right.astype(float) - base.right
    return {
        "p_mcnemar": stats.mcnemar_mid_p(*fixed_and_broken(base, tuned)),
        "p_sign_flip": stats.sign_flip_p(changes, base.groups, seed),
    }


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
    benchmark: Any,
    margin: float | None,
    before: Sequence[Prediction],
    after: Sequence[Prediction],
    labels: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """One entry of verdict.json's `retention`: a change above zero is a loss, in the unit of the benchmark's metric."""
    _, metric = next(iter(benchmark.build_metrics().items()))
    tables = as_predictions(before, labels), as_predictions(after, labels)
    paired = compare(metric, *tables, seed, 0.05)
    gain = not_too_sure(metric, paired.gain, [tables])
    return retention_entry(benchmark, margin, paired.before.value, paired.after.value, gain, tables[0].groups)


def decide(
    benchmarks: list[dict[str, Any]],
    retention: list[dict[str, Any]],
    min_gain: float,
    alpha: float,
    quick: bool,
    trainings: int = 1,
) -> tuple[str, list[str]]:
    """The decision and its reasons, in sentences. Fills in `p_holm`, `p_ship` and `state` (gain | none | worse).

    SHIP: at least one benchmark gains (interval above zero, at least `min_gain`) and beats the baseline, none
    gets worse, and everything with a margin is kept. A gain counts only where both comparisons show it, so the larger
    of their two p's is the one to test (an intersection-union test, Berger 1982, Technometrics), adjusted over all
    benchmarks: `p_ship`. `trainings`: over how many the entries, or the weights behind them, are a mean.
    """
    both = [max(entry["p"], (entry["gain_over_baseline"] or entry)["p"]) for entry in benchmarks]
    ps = stats.holm([entry["p"] for entry in benchmarks]), stats.holm(both)
    for entry, gained, shipped in zip(benchmarks, *ps, strict=True):
        entry |= {"p_holm": gained, "p_ship": shipped}
    judged = [_judge(entry, min_gain, alpha) for entry in benchmarks]
    states = [state for state, _ in judged]
    for entry, state in zip(benchmarks, states, strict=True):
        entry["state"] = state
    reasons = [reason for _, reason in judged] + [sentence(entry) for entry in retention]
    if close := [entry["name"] for entry in benchmarks if _close(entry, alpha)]:
        what = (
            "more seeds, or more questions, would settle it."
            if trainings > 1
            else "another seed may end on the other side, and --seeds 3 tests the mean of three."
        )
        reasons.append(f"The test of {', '.join(close)} is close: {what}")
    good = "gain" in states and "worse" not in states and all(entry["state"] in HARMLESS for entry in retention)
    if quick:
        return "SMOKE", [
            "This was a smoke run on few rows and few questions: it shows that the path works, no more.",
            *reasons,
        ]
    return ("SHIP" if good else "HOLD"), reasons


def _judge(entry: dict[str, Any], min_gain: float, alpha: float) -> tuple[str, str]:
    """(gain | none | worse, sentence) of one benchmark."""
    gain, name, values = entry["gain"], entry["name"], entry.get("values")
    spread = f"{min(values):.3f} to {max(values):.3f} over {len(values)} seeds; " if values else ""
    seen = (
        f"On {name} {entry['metric']} went from {entry['base']['value']:.3f} to {entry['tuned']['value']:.3f} "
        f"({spread}gain {gain['value']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}, "
        f"{say_p(entry['p_holm'])})"
    )
    if entry["p"] < alpha and gain["value"] < 0:  # unadjusted: more benchmarks must not make a harm harder to see
        return "worse", f"{seen}: worse than before."
    if not entry["p_holm"] < alpha:
        visible = entry["minimum_detectable_effect"]
        could = f"the test could have shown {visible:.3f}" if visible else "no draw of questions tells the two apart"
        if entry["clusters"] < stats.FEWEST_CLUSTERS:
            could = f"{entry['clusters']} groups of questions are too few to test (fewer than {stats.FEWEST_CLUSTERS})"
        return "none", f"{seen}: no gain beyond chance; {could}."
    if not (gain["value"] >= min_gain and gain["low"] > 0):
        return "none", f"{seen}: less than the {min_gain:g} that the recipe asks for."
    baseline = entry["gain_over_baseline"]
    together = f"over all benchmarks {say_p(entry['p_ship'])}"
    if baseline is None and entry["p_ship"] < alpha:
        return "gain", f"{seen}. There is no baseline for it."
    if baseline is None:
        return "none", f"{seen}: among all comparisons made here no gain beyond chance, {together}."
    adjusted = f", {together}" if entry["p_ship"] > max(baseline["p"], 0.001) else ""
    against = (
        f"over {entry['baseline_name']} ({entry['baseline']['value']:.3f}) {baseline['value']:+.3f}, "
        f"95 % interval {baseline['low']:+.3f} to {baseline['high']:+.3f}, {say_p(baseline['p'])}{adjusted}"
    )
    if entry["p_ship"] < alpha and baseline["value"] > 0:
        return "gain", f"{seen}; {against}."
    better = baseline["p"] < alpha and baseline["value"] < 0
    rival = "the baseline is better" if better else "nothing shows that it beats the baseline"
    return "none", f"{seen}, but {rival}: {against}."


def _close(entry: dict[str, Any], alpha: float) -> bool:
    """Whether the p that decides is so near to alpha that luck in training may have decided, and the
    model ahead. Four trainings of the
    default, of other rows or another order of batches, had .037, .066, .075 and .135 over the baseline."""
    ahead = entry["gain"]["value"] > 0 and (entry["gain_over_baseline"] or entry["gain"])["value"] > 0
    return ahead and bool(alpha / 5 < entry["p_ship"] < 3 * alpha)


def _row(title: str, metric: MetricLike, table: dict[str, Predictions], seed: int, alpha: float) -> dict[str, Any]:
    """All models under one metric."""
    paired = compare(metric, table["base"], table["tuned"], seed, alpha)
    # Some baseline answers have no probabilities, which a metric may read.
    has_baseline = _plain_value(metric, table.get("baseline")) is not None
    baseline = compare(metric, table["baseline"], table["tuned"], seed, alpha).before if has_baseline else None
    return {
        "metric": title,
        "unit": metric.unit,
        "baseline": asdict(baseline) if baseline else None,
        **{key: asdict(getattr(paired, at)) for key, at in (("base", "before"), ("tuned", "after"), ("gain", "gain"))},
        "test": paired.test,
        "p": paired.p,
        "minimum_detectable_effect": paired.minimum_detectable_effect,
    }


def say_p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def confusion(answers: Sequence[Prediction], labels: Sequence[str]) -> np.ndarray:
    """(labels, labels) counts: rows are the right labels, columns the given ones."""
    table = as_predictions(answers, labels)
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    judged = table.predicted >= 0
    np.add.at(counts, (table.gold[judged], table.predicted[judged]), 1)
    return counts
