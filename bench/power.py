"""Does a verdict print the power that it has? Simulated against the test that decides, the whole rule included.

The tuned model is far better than the base model, so SHIP hinges on the baseline. Its true gain over the baseline is
made as large as the minimum detectable effect that the verdict prints; SHIP has to be found in 77 to 83 % of samples.
In the third setting two other benchmarks gain nothing, so that Holm's adjustment divides alpha by three.

Then the same before training, as `metier check` prints it: the baseline's answers to other rows of the same kind say
how large a gain will be found, and a true gain of that size has to be found as often. Both models share as many errors
as is assumed there; what they share is measured and stands beside.

--check exits with 1 where a figure is further away, beyond the simulation's own error (three standard errors).

Benchmarks and draws are those of bench/intervals.py.
"""

import argparse
import functools
import json
import sys
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from intervals import DRAWS, SHARES, Scenario
from scipy.optimize import brentq

from metier.evaluation import comparison, stats
from metier.evaluation.predictions import Predictions
from metier.evaluation.results import Figure, Gain, SeedsResult
from metier.evaluation.verdict import decide
from metier.experiments.power import SHARED, Design, Spread
from metier.recipes import plugins
from metier.runs import run as runs

ALPHA, STATED, APART = 0.05, 0.80, 0.03
GENERATOR_SEEDS = (3, 4, 5)
"""Of the samples that the printed effect comes from, of those that it is tested on, and of what both models share."""
LARGE = 200_000
"""Questions of the sample that tells what both models share."""
HELD_OUT = 400
"""Rows that the baseline is asked before training."""


@dataclass(frozen=True)
class Setting:
    """One benchmark, and how many others are judged with it."""

    scenario: Scenario
    metric: str
    others: int = 0

    @property
    def name(self) -> str:
        return f"{self.scenario.name}, {self.metric}" + (f", {self.others} other benchmarks" if self.others else "")


SETTINGS = [
    Setting(Scenario(1000, SHARES[4]), "accuracy"),
    Setting(Scenario(1000, SHARES[4], clusters=250), "macro_f1"),
    Setting(Scenario(1000, SHARES[5]), "mcc", others=2),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 samples")
    parser.add_argument("--check", action="store_true", help="exit 1 where the stated power is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--samples", type=int, default=2000)
    arguments = parser.parse_args()
    samples, started = 40 if arguments.quick else arguments.samples, time.perf_counter()
    fresh = stats.bootstrap_weights
    stats.bootstrap_weights = functools.lru_cache(maxsize=8)(functools.partial(fresh, draws=DRAWS))  # type: ignore
    try:
        rows = [measure(setting, samples) for setting in SETTINGS]
        before = [before_training(setting, samples) for setting in SETTINGS]
    finally:
        stats.bootstrap_weights = fresh
    slack = APART + 3 * np.sqrt(STATED * (1 - STATED) / samples)
    missed = [row["setting"] for row in [*rows, *before] if abs(row["found"] - STATED) > slack]
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    figures = {"rows": rows, "before_training": before, "missed": missed, "samples": samples}
    figures["seconds"] = time.perf_counter() - started
    print(json.dumps({**figures, **made_with}) if arguments.json else text(figures))
    if arguments.check and missed:
        sys.exit(1)


def measure(setting: Setting, samples: int) -> dict[str, Any]:
    """The effect that a verdict prints at a true gain of that size, and how often the gain is found."""
    metric = plugins.build("metrics", setting.metric, {})
    few, at = max(30, samples // 4), setting
    for _ in range(4):  # what is printed depends a little on the gain: go there in steps
        printed = [one.deciding.minimum_detectable_effect for one in judged(at, metric, few, GENERATOR_SEEDS[0])]
        scenario, stated = at.scenario, float(np.median(printed))
        true = scenario.truth(metric, 1) - scenario.truth(metric, 0)
        at = replace(at, scenario=replace(scenario, gain=scenario.gain * stated / true))
    found = judged(at, metric, samples, GENERATOR_SEEDS[1])
    return {
        "setting": setting.name,
        "alpha": found[0].deciding.alpha,
        "printed": float(np.median([one.deciding.minimum_detectable_effect for one in found])),
        "gain": at.scenario.truth(metric, 1) - at.scenario.truth(metric, 0),
        "found": float(np.mean([one.state == "gain" for one in found])),
    }


def before_training(setting: Setting, samples: int) -> dict[str, Any]:
    """The effect that `metier check` prints, and how often a true gain of that size is found."""
    metric, few = plugins.build("metrics", setting.metric, {}), max(30, samples // 4)
    at = replace(setting, scenario=replace(setting.scenario, noise=sharing(setting, metric)))
    alpha = ALPHA / (setting.others + 1)
    generator, design = np.random.default_rng(GENERATOR_SEEDS[0]), Design.of(groups_of(at.scenario), alpha)
    other = replace(at.scenario, n=HELD_OUT, clusters=at.scenario.clusters * HELD_OUT // at.scenario.n)
    looks = [Spread.of(metric, other.sample(generator)[0], seed=0).effect(design, SHARED) for _ in range(few)]
    effects = [effect for effect in looks if effect is not None]
    printed = float(np.median(effects))
    for _ in range(4):
        true = at.scenario.truth(metric, 1) - at.scenario.truth(metric, 0)
        at = replace(at, scenario=replace(at.scenario, gain=at.scenario.gain * printed / true))
    found = judged(at, metric, samples, GENERATOR_SEEDS[1])
    return {
        "setting": setting.name,
        "alpha": alpha,
        "printed": printed,
        "printed_from": float(np.quantile(effects, 0.1)),
        "printed_to": float(np.quantile(effects, 0.9)),
        "shared": shared(at, metric),
        "found": float(np.mean([one.state == "gain" for one in found])),
    }


def groups_of(scenario: Scenario) -> list[str]:
    return [str(number) for number in scenario.membership]


def sharing(setting: Setting, metric: Any) -> float:
    """The noise at which both models share as many errors as `metier check` assumes."""

    def beyond(noise: float) -> float:
        return shared(replace(setting, scenario=replace(setting.scenario, noise=noise)), metric) - SHARED

    return float(brentq(beyond, 0.2, 2.0, xtol=0.005))


def shared(setting: Setting, metric: Any) -> float:
    """Correlation of both models' figures, from what each cluster adds to them in one large sample."""
    times = LARGE // setting.scenario.n
    large = replace(setting.scenario, n=LARGE, clusters=setting.scenario.clusters * times)
    pair = large.sample(np.random.default_rng(GENERATOR_SEEDS[2]))
    added = [np.bincount(large.membership, weights=influence(metric, table)) for table in pair]
    return float(np.corrcoef(np.array(added))[0, 1])


def influence(metric: Any, table: Predictions) -> np.ndarray:
    """(n,) by how much each answer moves the figure (the first term of its expansion)."""
    statistics = metric.statistics(table)
    mean, step = statistics.mean(0), 1e-6
    steps = step * np.eye(len(mean))
    slope = (metric.value(mean + steps) - metric.value(mean - steps)) / (2 * step)
    moved: np.ndarray = (statistics - mean) @ slope
    return moved


def judged(setting: Setting, metric: Any, samples: int, seed: int) -> list[Any]:
    """The benchmark's entries of so many verdicts."""
    generator, found = np.random.default_rng(seed), []
    for _ in range(samples):
        entries = [entry(setting, metric, generator)]
        entries += [nothing(entries[0]) for _ in range(setting.others)]
        found.append(decide(entries, [], 0.0, ALPHA, False)[2][0])
    return found


def entry(setting: Setting, metric: Any, generator: np.random.Generator) -> SeedsResult:
    """A benchmark on which the tuned model is far ahead of the base model, and may be ahead of the baseline."""
    baseline, tuned = setting.scenario.sample(generator)
    over = comparison.compare(metric, baseline, tuned, seed=0, alpha=ALPHA)
    return SeedsResult(
        name="simulated",
        metric=setting.metric,
        unit="share",
        n=len(tuned.gold),
        clusters=len(set(tuned.groups)),
        base=Figure(value=0.1),
        tuned=Figure.of(over.after),
        gain=stats.Interval(0.5, 0.45, 0.55),
        p=1e-6,
        minimum_detectable_effect_over_base=0.1,
        variation_over_base=over.variation,
        variation_over_baseline=over.variation,
        baseline=Figure.of(over.before),
        baseline_name="the baseline",
        gain_over_baseline=Gain(value=over.gain.value, low=over.gain.low, high=over.gain.high, p=over.p),
        values=(),
        spread=None,
    )


def nothing(like: SeedsResult) -> SeedsResult:
    """Another benchmark, on which nothing is gained over the baseline."""
    return like.model_copy(update={"gain_over_baseline": Gain(value=0.0, low=-0.1, high=0.1, p=1.0)})


def text(figures: dict[str, Any]) -> str:
    """A table in Markdown, as it stands in docs/statistics.md."""
    lines = ["| setting | alpha | printed | true gain | found, % |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['setting']} | {row['alpha']:.3f} | {row['printed']:.3f} | {row['gain']:.3f} "
        f"| {100 * row['found']:.1f} |"
        for row in figures["rows"]
    ]
    lines += [
        "",
        "| before training | alpha | printed (10 to 90 % of the looks) | errors shared | found, % |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['setting']} | {row['alpha']:.3f} | {row['printed']:.3f} ({row['printed_from']:.3f} to "
        f"{row['printed_to']:.3f}) | {row['shared']:.2f} | {100 * row['found']:.1f} |"
        for row in figures["before_training"]
    ]
    return "\n".join([*lines, "", f"{figures['samples']} samples, {figures['seconds']:.0f} s"])


if __name__ == "__main__":
    main()
