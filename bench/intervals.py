"""Do the intervals hold what they promise? Simulated benchmarks with a known truth, through the verdict's own code.

(a) 95 % intervals of a figure and of a gain hold the true one in 93.5 to 96.5 % of samples, clustered and not;
(b) two equal models end in a "gain" in at most 5 % of suites of three benchmarks;
(c) a true gain as large as the stated smallest visible one is found in 75 to 85 %.
Four harder shapes (a dozen clusters, many rare labels) are measured too, with a quarter of the samples and no bounds.
--check exits with 1 where one of these is missed by more than the simulation's own error (three standard errors).

The bootstrap draws 2,000 times here and 10,000 times in a verdict; draws are the same for all samples of one shape, as
they are in a verdict with one seed. An answer is right where ability + cluster + question + noise is above zero (a
probit model), so the true figures are exact.
"""

import argparse
import functools
import json
import platform
import string
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy.stats import norm

from metier.evaluation import comparison, stats
from metier.evaluation.predictions import Predictions
from metier.recipes import plugins

DRAWS = 2000
METRICS = ("accuracy", "macro_f1", "mcc")
COVERAGE, FALSE_GAINS, POWER = (0.935, 0.965), 0.05, (0.75, 0.85)
QUESTION, NOISE = 1.0, 1.0  # spreads of what is hard for both models, and of each model's own luck


@dataclass(frozen=True)
class Scenario:
    """Two models on one benchmark."""

    n: int
    shares: tuple[float, ...]
    """How often each label is the right one."""
    before: float = 0.62
    """Accuracy of the first model on the first label; each of the next four is a little harder."""
    gain: float = 0.08
    """How much more the second model gets right, on every label."""
    clusters: int = 0
    """0: every question stands alone."""
    spread: float = 0.6
    """Of the clusters' difficulty, on the scale of the probit model; and half of it, how it differs by model."""
    noise: float = NOISE
    """Spread of each model's own luck: the less, the more errors both share."""

    @property
    def name(self) -> str:
        grouped = f"{self.clusters} clusters" if self.clusters else "no clusters"
        return f"n={self.n}, {len(self.shares)} labels, {grouped}"

    def accuracy(self, model: int) -> np.ndarray:
        """(labels,) share of each label that a model gets right."""
        return self.before - 0.05 * np.minimum(np.arange(len(self.shares)), 4) + model * self.gain

    def confusion(self, model: int) -> np.ndarray:
        """(labels, labels) the true share of each pair of right and given label."""
        shares, right = np.array(self.shares), self.accuracy(model)
        wrong = np.tile(shares, (len(shares), 1)) * (1 - np.eye(len(shares)))
        wrong *= ((1 - right) / wrong.sum(1))[:, None]
        return shares[:, None] * (wrong + np.diag(right))

    def truth(self, metric: Any, model: int) -> float:
        """The metric of a million questions in exactly the true shares."""
        counts = np.rint(self.confusion(model) * 1_000_000).astype(int)
        gold, predicted = np.nonzero(counts)
        statistics = metric.statistics(self._outcomes(gold, predicted, np.arange(len(gold))))
        return float(metric.value(counts[gold, predicted] @ statistics))

    def sample(self, generator: np.random.Generator) -> tuple[Predictions, Predictions]:
        """Both models' answers to freshly drawn questions of the same clusters."""
        shares, cluster, spread = np.array(self.shares), self.membership, self.spread if self.clusters else 0.0
        size = cluster.max() + 1
        # A cluster has its own mix of labels (a customer asks about one thing) and its own difficulty.
        mix = generator.dirichlet(6 * shares, size=size) if self.clusters else np.tile(shares, (size, 1))
        gold = (generator.random((self.n, 1)) > np.cumsum(mix, 1)[cluster][:, :-1]).sum(1)
        hard = spread * generator.normal(size=size)[cluster] + QUESTION * generator.normal(size=self.n)
        total = np.sqrt(spread**2 + (spread / 2) ** 2 + QUESTION**2 + self.noise**2)
        found = []
        for model in (0, 1):
            ability = norm.ppf(self.accuracy(model))[gold] * total
            own = spread / 2 * generator.normal(size=size)[cluster] + self.noise * generator.normal(size=self.n)
            other = self._others(gold, generator.random(self.n))
            found.append(self._outcomes(gold, np.where(ability + hard + own > 0, gold, other), cluster))
        return found[0], found[1]

    def _others(self, gold: np.ndarray, dice: np.ndarray) -> np.ndarray:
        wrong = np.tile(self.shares, (len(self.shares), 1)) * (1 - np.eye(len(self.shares)))
        edges = np.cumsum(wrong / wrong.sum(1, keepdims=True), 1)
        others: np.ndarray = (dice[:, None] > edges[gold][:, :-1]).sum(1)
        return others

    @functools.cached_property
    def membership(self) -> np.ndarray:
        """(n,) the cluster of each question; sizes differ widely (lognormal), and are the same in every sample."""
        if not self.clusters:
            return np.arange(self.n)
        sizes = np.exp(np.random.default_rng(self.clusters).normal(0, 0.7, size=self.clusters))
        places = (np.arange(self.n - self.clusters) + 0.5) / (self.n - self.clusters)
        extra = np.searchsorted(np.cumsum(sizes) / sizes.sum(), places)
        return np.sort(np.concatenate([np.arange(self.clusters), extra]))

    def _outcomes(self, gold: np.ndarray, predicted: np.ndarray, cluster: np.ndarray) -> Predictions:
        return Predictions(
            gold=gold,
            predicted=predicted,
            value=(gold == predicted).astype(float),
            weight=np.ones(len(gold)),
            labels=tuple(string.ascii_lowercase[: len(self.shares)]),
            groups=_names(cluster.tobytes()),
            answers=(),
        )


@functools.cache
def _names(cluster: bytes) -> tuple[str, ...]:
    return tuple(f"{number:06d}" for number in np.frombuffer(cluster, dtype=np.int64))


SHARES = {3: (0.5, 0.3, 0.2), 4: (0.4, 0.3, 0.2, 0.1), 5: (0.35, 0.25, 0.2, 0.12, 0.08)}
SCENARIOS = [
    Scenario(300, SHARES[3]),
    Scenario(300, SHARES[5]),
    Scenario(1000, SHARES[4]),
    Scenario(300, SHARES[3], clusters=60),
    Scenario(1000, SHARES[5], clusters=60),
    Scenario(1000, SHARES[4], clusters=250),
]
RARE = tuple(1 / rank / sum(1 / k for k in range(1, 23)) for rank in range(1, 23))
HARD = [
    Scenario(300, SHARES[3], clusters=12),
    Scenario(1000, SHARES[4], clusters=25),
    Scenario(500, RARE, clusters=125),
    Scenario(1000, RARE),
]
"""Harder than what the bounds are promised for: measured, and said."""
SUITES = [
    ("no clusters", SCENARIOS[:3]),
    ("clusters", SCENARIOS[3:]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="few samples: the same shape with more noise, in half a minute"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where a threshold is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--samples", type=int, default=2000, help="and half as many suites")
    arguments = parser.parse_args()
    samples = 40 if arguments.quick else arguments.samples
    figures = measure(samples, samples // 2)
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and figures["missed"]:
        sys.exit(1)


def measure(samples: int, suites: int) -> dict[str, Any]:
    """All three parts; `samples` for intervals and power, `suites` for false gains."""
    # One seed and one shape always give the same draws, so that making them once changes nothing.
    fresh = stats.bootstrap_weights
    stats.bootstrap_weights = functools.lru_cache(maxsize=8)(functools.partial(fresh, draws=DRAWS))  # type: ignore
    started = time.perf_counter()
    try:
        found: dict[str, Any] = {
            "coverage": {scenario.name: coverage(scenario, samples) for scenario in SCENARIOS},
            "harder": {scenario.name: coverage(scenario, samples // 4) for scenario in HARD},
            "false_gains": {name: false_gains(suite, suites) for name, suite in SUITES},
            "power": {scenario.name: power(scenario, samples) for scenario in SCENARIOS},
        }
    finally:
        stats.bootstrap_weights = fresh
    return {
        **found,
        "missed": missed(found, samples, suites),
        "samples": samples,
        "suites": suites,
        "draws": DRAWS,
        "seconds": time.perf_counter() - started,
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "machine": platform.processor() or platform.machine(),
    }


def metrics() -> dict[str, Any]:
    return {name: plugins.build("metrics", name, {}) for name in METRICS}


def coverage(scenario: Scenario, samples: int) -> dict[str, dict[str, float]]:
    """Metric -> how often the intervals of the first model's figure and of the gain hold the truth."""
    held = {name: np.zeros(2) for name in METRICS}
    generator = np.random.default_rng(1)
    truth = {name: [scenario.truth(metric, model) for model in (0, 1)] for name, metric in metrics().items()}
    for _ in range(samples):
        before, after = scenario.sample(generator)
        for name, metric in metrics().items():
            found = comparison.compare(metric, before, after, seed=0, alpha=0.05)
            first, gain = truth[name][0], truth[name][1] - truth[name][0]
            held[name] += holds(found.before, first), holds(found.gain, gain)
    return {
        name: dict(zip(("figure", "gain"), map(float, counts / samples), strict=True)) for name, counts in held.items()
    }


def holds(interval: stats.Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def false_gains(suite: list[Scenario], suites: int) -> dict[str, float]:
    """Metric -> share of suites of equal models with a gain, as a verdict judges: Holm, and an interval above 0."""
    found = {}
    for name, metric in metrics().items():
        generator, gains = np.random.default_rng(2), 0
        for _ in range(suites):
            pairs = [replace(scenario, gain=0.0).sample(generator) for scenario in suite]
            judged = [comparison.compare(metric, *pair, seed=0, alpha=0.05) for pair in pairs]
            adjusted = stats.holm([paired.p for paired in judged])
            gains += any(p < 0.05 and paired.gain.low > 0 for p, paired in zip(adjusted, judged, strict=True))
        found[name] = gains / suites
    return found


def power(scenario: Scenario, samples: int) -> dict[str, dict[str, float]]:
    """Metric -> the gain that equals the stated smallest visible one, and how often it is found at p < 0.05."""
    found = {}
    for name, metric in metrics().items():
        at = scenario
        for _ in range(4):  # what is stated depends a little on the gain: go there in steps
            stated = np.median(
                [paired.minimum_detectable_effect for paired in pairs(at, metric, max(30, samples // 10), 3)]
            )
            at = replace(at, gain=at.gain * float(stated) / (at.truth(metric, 1) - at.truth(metric, 0)))
        seen = np.mean([paired.p < 0.05 and paired.gain.value > 0 for paired in pairs(at, metric, samples, 4)])
        found[name] = {"gain": at.truth(metric, 1) - at.truth(metric, 0), "found": float(seen)}
    return found


def pairs(scenario: Scenario, metric: Any, samples: int, seed: int) -> Iterator[comparison.Paired]:
    generator = np.random.default_rng(seed)
    for _ in range(samples):
        yield comparison.compare(metric, *scenario.sample(generator), seed=0, alpha=0.05)


def missed(found: dict[str, Any], samples: int, suites: int) -> list[str]:
    """The figures outside their bounds by more than three standard errors of this simulation."""
    out = []
    for name, row in found["coverage"].items():
        slack = 3 * np.sqrt(0.05 * 0.95 / samples)
        for metric, figures in row.items():
            for what, share in figures.items():
                if not COVERAGE[0] - slack <= share <= COVERAGE[1] + slack:
                    out.append(f"coverage of the {what}, {metric}, {name}: {share:.3f}")
    for name, row in found["false_gains"].items():
        slack = 3 * np.sqrt(FALSE_GAINS * (1 - FALSE_GAINS) / suites)
        out += [
            f"false gains, {metric}, {name}: {share:.3f}"
            for metric, share in row.items()
            if share > FALSE_GAINS + slack
        ]
    for name, row in found["power"].items():
        slack = 3 * np.sqrt(0.16 / samples)
        for metric, figures in row.items():
            if not POWER[0] - slack <= figures["found"] <= POWER[1] + slack:
                out.append(f"power, {metric}, {name}: {figures['found']:.3f}")
    return out


def text(figures: dict[str, Any]) -> str:
    """Tables in Markdown, as they stand in docs/statistics.md."""
    titles = " | ".join(METRICS)
    lines = [f"| 95 % intervals hold the truth in % of samples: figure / gain | {titles} |", "|---" * 4 + "|"]
    for name, row in {**figures["coverage"], **figures["harder"]}.items():
        cells = [f"{100 * row[metric]['figure']:.1f} / {100 * row[metric]['gain']:.1f}" for metric in METRICS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| equal models: % of suites of three with a gain | {titles} |", "|---" * 4 + "|"]
    for name, row in figures["false_gains"].items():
        lines.append(f"| {name} | {' | '.join(f'{100 * row[metric]:.1f}' for metric in METRICS)} |")
    lines += ["", f"| smallest visible gain as stated: found in % of samples | {titles} |", "|---" * 4 + "|"]
    for name, row in figures["power"].items():
        cells = [f"{row[metric]['gain']:.3f}: {100 * row[metric]['found']:.1f}" for metric in METRICS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"missed: {'; '.join(figures['missed']) or 'nothing'}"]
    lines.append(
        f"{figures['samples']} samples, {figures['suites']} suites, {figures['draws']} draws; "
        f"{figures['seconds']:.0f} s; {figures['versions']}; {figures['machine']}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
