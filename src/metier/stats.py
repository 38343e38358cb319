"""Intervals and tests: what a difference between two models on the same questions is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

Floats = NDArray[np.float64]
DRAWS = 10_000
POWER = 0.8
FEWEST_CLUSTERS = 10
"""Below so many clusters a bootstrap of clusters is far too sure of itself (Cameron et al. 2008, REStat 90)."""


@dataclass(frozen=True)
class Interval:
    """A figure and the range that holds the true one with the stated level (95 % unless said otherwise)."""

    value: float
    low: float
    high: float


def wilson(right: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a share (Wilson 1927, JASA 22)."""
    if n == 0:
        raise ValueError("no questions, no share")
    z = distributions.norm.ppf((1 + level) / 2)
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def mcnemar_mid_p(fixed: int, broke: int) -> float:
    """Two-sided mid-p McNemar test of two models on the same questions (Fagerland et al. 2013, BMC MRM 13:91).

    `fixed`: wrong before and right after; `broke`: right before and wrong after.
    """
    n = fixed + broke
    if n == 0:
        return 1.0
    fewer = min(fixed, broke)
    seen = distributions.binom.pmf(fewer, n, 0.5)
    if fixed == broke:  # both tails meet in the middle, which must not count twice
        return float(1 - seen / 2)
    return float(2 * distributions.binom.cdf(fewer, n, 0.5) - seen)


def bootstrap_weights(groups: Sequence[str], seed: int, draws: int = DRAWS) -> tuple[NDArray[np.int64], Floats]:
    """Cluster of each answer (n,), and how often each cluster is drawn (draws, clusters). Whole clusters are drawn."""
    _, cluster = np.unique(np.asarray(groups), return_inverse=True)
    size = int(cluster.max()) + 1
    generator = np.random.default_rng(seed)
    weights = np.empty((draws, size), dtype=np.float32)
    for draw in range(draws):
        weights[draw] = np.bincount(generator.integers(size, size=size), minlength=size)
    return cluster, weights  # type: ignore[return-value]


def resampled(statistics: Floats, cluster: NDArray[np.int64], weights: Floats, value: Callable) -> Floats:
    """(draws,) values of a metric under the bootstrap weightings; `statistics` is (n, k), see `metrics`."""
    sums = np.zeros((weights.shape[1], statistics.shape[1]), dtype=np.float64)
    np.add.at(sums, cluster, statistics)
    result: Floats = value((weights @ sums.astype(np.float32)).astype(np.float64))
    return result


def percentile_interval(value: float, draws: Floats, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13)."""
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def bootstrap_p(difference: float, draws: Floats) -> float:
    """Two-sided p of no difference: how often the draws, centred on zero, lie as far out as what was seen."""
    beyond = np.count_nonzero(np.abs(draws - difference) >= abs(difference))
    return float((1 + beyond) / (1 + len(draws)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979, Scand. J. Statist. 6): all benchmarks may be judged at one alpha."""
    m, adjusted, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, position in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (m - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted


def smallest_visible_share(n: int, discordant: float, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest true gain in accuracy that McNemar's test on n questions shows with this power.

    `discordant` is the share of questions on which the two models differ (Connor 1987, Biometrics 43).
    """
    z_alpha, z_power = distributions.norm.ppf(1 - alpha / 2), distributions.norm.ppf(power)
    gain = 0.0
    for _ in range(100):  # the variance depends on the gain: a contraction, done in far fewer rounds
        spread = np.sqrt(max(discordant - gain * gain, 0.0))
        gain = (z_alpha * np.sqrt(discordant) + z_power * spread) / np.sqrt(n)
    return float(min(gain, 1.0))


def smallest_visible(standard_error: float, alpha: float = 0.05, power: float = POWER) -> float:
    """The same for any metric, from the standard error of the paired difference."""
    return float((distributions.norm.ppf(1 - alpha / 2) + distributions.norm.ppf(power)) * standard_error)


def non_inferiority(worsening: Interval, margin: float) -> str:
    """kept: surely within the margin; lost: surely beyond it; inconclusive: the interval holds the margin."""
    if worsening.high < margin:
        return "kept"
    return "lost" if worsening.low > margin else "inconclusive"
