"""Intervals and tests: how certain a difference between two models on the same questions is."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions
from scipy.optimize import brentq

Floats = NDArray[np.float64]
DRAWS = 10_000
DRAWN_AT_ONCE = 1 << 16
"""Numbers, so that they and their counts stay in the processor's cache."""
POWER = 0.8
EXACT_CLUSTERS = 13
"""Up to so many clusters every way of flipping them is tried (8,192)."""
MOST_QUESTIONS = 10**8
"""More would decide nothing that somebody could ask."""
FEWEST_CLUSTERS = 10
"""Below so many clusters a bootstrap of clusters is far too sure of itself (Cameron et al. 2008, REStat 90)."""


@dataclass(frozen=True)
class Interval:
    """A figure and the range that holds the true one with the stated level (95 % unless said otherwise)."""

    value: float
    low: float
    high: float


def wilson(right: float, n: float, level: float = 0.95) -> Interval:
    """Wilson score interval of a share (Wilson 1927, JASA 22)."""
    if n == 0:
        raise ValueError("no questions, no share")
    z = distributions.norm.ppf((1 + level) / 2)
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def paired_share_interval(fixed: float, broken: float, n: float, level: float = 0.95) -> Interval:
    """Interval of a gain in accuracy, (fixed - broke) / n, from Wilson's intervals of the two shares (Newcombe 1998,
    Statistics in Medicine 17:2635). Unlike a bootstrap it has a width where no answer changed, or all one way."""
    up, down = wilson(fixed, n, level), wilson(broken, n, level)
    gain = up.value - down.value
    low = gain - np.hypot(up.value - up.low, down.high - down.value)
    high = gain + np.hypot(up.high - up.value, down.value - down.low)
    return Interval(gain, float(low), float(high))


def paired_share_p(fixed: float, broken: float, n: float, margin: float) -> float:
    """Two-sided p of a gain of -margin: one less the level of `paired_share_interval` whose lower end is there.

    1 where the gain itself is not above -margin.
    """
    if (fixed - broken) / n <= -margin:
        return 1.0

    def above(p: float) -> float:
        return paired_share_interval(fixed, broken, n, 1 - p).low + margin

    least = 1e-12
    return float(least if above(least) >= 0 else brentq(above, least, 1.0))


def mcnemar_mid_p(fixed: int, broken: int) -> float:
    """Two-sided mid-p McNemar test of two models on the same questions (Fagerland et al. 2013, BMC MRM 13:91).

    `fixed`: wrong before and right after; `broke`: right before and wrong after.
    """
    n = fixed + broken
    if n == 0:
        return 1.0
    fewer = min(fixed, broken)
    seen = distributions.binom.pmf(fewer, n, 0.5)
    if fixed == broken:  # both tails meet in the middle, which must not count twice
        return float(1 - seen / 2)
    return float(2 * distributions.binom.cdf(fewer, n, 0.5) - seen)


def bootstrap_weights(groups: Sequence[str], seed: int, draws: int = DRAWS) -> tuple[NDArray[np.int64], Floats]:
    """Cluster of each answer (n,), and how often each cluster is drawn (draws, clusters). Whole clusters are drawn."""
    _, cluster = np.unique(np.asarray(groups), return_inverse=True)
    size = int(cluster.max()) + 1
    generator = np.random.default_rng(seed)
    weights = np.empty((draws, size), dtype=np.float32)
    # Many draws at once, of the same numbers as one by one: 10,000 of 100 clusters take 0.01 s instead of 0.12 s.
    # 32-bit numbers take 0.2 s for 3,000 clusters, 64-bit ones 0.4 s, `multinomial` 1.25 s.
    at_once = max(1, DRAWN_AT_ONCE // size)
    for begin in range(0, draws, at_once):
        rows = min(at_once, draws - begin)
        drawn = generator.integers(size, size=(rows, size), dtype=np.int32) + size * np.arange(rows)[:, None]
        weights[begin : begin + rows] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
    return cluster, weights  # type: ignore[return-value]


def effective_clusters(cluster: NDArray[np.int64]) -> float:
    """How many clusters of one size would tell as much as these of unequal sizes (Kish 1965, Survey Sampling).

    n where every answer stands alone.
    """
    sizes = np.bincount(cluster)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def resampled(
    statistics: Floats, cluster: NDArray[np.int64], weights: Floats, value: Callable[[Floats], Floats]
) -> Floats:
    """(draws,) values of a metric under the bootstrap weightings; `statistics` is (n, k), see `metrics`."""
    sums = np.zeros((weights.shape[1], statistics.shape[1]), dtype=np.float64)
    np.add.at(sums, cluster, statistics)
    result: Floats = value((weights @ sums.astype(np.float32)).astype(np.float64))
    return result


def percentile_interval(value: float, draws: Floats, level: float = 0.95, clusters: float | None = None) -> Interval:
    """Percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13), NaN where no draw has a value.

    With `clusters` (see `effective_clusters`) the expanded one of Hesterberg 2015, The American Statistician 69: G
    drawn clusters vary by (G - 1) / G of what they should, and t has wider tails than the normal distribution. Without
    it 95 % intervals of 60 unequal clusters held the true gain in 93 % of samples (docs/statistics.md).
    """
    return _interval(value, draws, level, clusters, shift=0.0)


def figure_interval(
    value: float, draws: Floats, level: float = 0.95, clusters: float | None = None, share_of_right: bool = False
) -> Interval:
    """The same for the figure of one model, corrected for bias (Efron 1987, JASA 82).

    Draws lack some of the rare labels, so that macro-F1 comes out too low in the sample and lower still in its draws:
    with 22 labels and 500 questions plain percentiles held the truth in 81 % of samples. In a gain that cancels out,
    and the correction would only add noise. Where all answers are right, or all wrong, draws of them never differ, as
    if one were sure: for a `share_of_right` each cluster then counts as one answer, by `wilson`.
    """
    if share_of_right and clusters and value in (0.0, 1.0):
        return wilson(value * clusters, clusters, level)
    drawn = draws[np.isfinite(draws)]
    below = (drawn < value).sum() + (drawn == value).sum() / 2
    return _interval(value, draws, level, clusters, shift=2 * distributions.norm.ppf((below + 0.5) / (len(drawn) + 1)))


def _interval(value: float, draws: Floats, level: float, clusters: float | None, shift: float) -> Interval:
    draws = draws[np.isfinite(draws)]
    if not len(draws) or not np.isfinite(value):
        return Interval(value, np.nan, np.nan)
    reach = distributions.norm.ppf((1 + level) / 2)
    if clusters is not None:
        clusters = max(clusters, 2.0)
        reach = distributions.t.ppf((1 + level) / 2, clusters - 1) * _too_narrow(clusters)
    low, high = np.quantile(draws, distributions.norm.cdf([shift - reach, shift + reach]))
    return Interval(value, float(low), float(high))


def _too_narrow(clusters: float) -> float:
    """By how much draws of so many clusters spread too little."""
    return float(np.sqrt(clusters / (clusters - 1)))


def bootstrap_p(difference: float, draws: Floats, clusters: float | None = None) -> float:
    """Two-sided p of no difference: how often the draws, centered on zero, lie as far out as what was seen.

    With `clusters` corrected as `percentile_interval` is. 1 where the difference could not be worked out.
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws) or not np.isfinite(difference):
        return 1.0
    slack = 1e-9 * max(1.0, abs(difference))  # draws of clusters of one size tie, but for their last bits
    beyond = np.count_nonzero(np.abs(draws - difference) >= abs(difference) - slack)
    p = float((1 + beyond) / (1 + len(draws)))
    if clusters is None:
        return p
    clusters = max(clusters, 2.0)
    return float(2 * distributions.t.sf(distributions.norm.isf(p / 2) / _too_narrow(clusters), clusters - 1))


def over_trainings(gains: Floats, draws: Floats, clusters: float) -> tuple[Interval, float]:
    """95 % interval and two-sided p of the mean over several trainings.

    `gains`: (trainings,), at least two; `draws`: (draws,) of their mean, over drawn clusters of questions. Chance in
    the questions and chance in the trainings are added, and Student's t is the mean of the two parts' own, weighted by
    variance (Cochran & Cox 1950, Experimental Designs): two or three trainings say little about theirs.
    Drawing trainings with replacement instead called equal models different in up to 40 % of samples, and the degrees
    of freedom of Satterthwaite (1946) in up to 12 % (docs/statistics.md).
    """
    gain, clusters = float(gains.mean()), max(clusters, 2.0)
    sampled = (standard_error(draws) * _too_narrow(clusters)) ** 2
    trained = float(gains.var(ddof=1)) / len(gains)
    if not np.isfinite([gain, sampled]).all():
        return Interval(gain, np.nan, np.nan), 1.0
    error, least = float(np.sqrt(sampled + trained)), 1 / (1 + len(draws))  # no smaller p than the draws can tell
    if error == 0:
        return Interval(gain, gain, gain), 1.0 if gain == 0 else least

    def reach(tail: float) -> float:
        """Half of the interval that leaves so much out at either end."""
        of_each = distributions.t.isf(tail, [clusters - 1, len(gains) - 1])
        return float((sampled * of_each[0] + trained * of_each[1]) / (sampled + trained) * error)

    half = reach(0.025)
    # p is where the interval would touch zero.
    touches = brentq(lambda tail: reach(tail) - abs(gain), least / 4, 0.5) if reach(least / 4) > abs(gain) else 0.0
    return Interval(gain, gain - half, gain + half), max(least, float(2 * touches))


def standard_error(draws: Floats) -> float:
    """Of a figure, from its draws; those without a value (a rare label was not drawn) are left out."""
    draws = draws[np.isfinite(draws)]
    return float(draws.std()) if len(draws) else np.nan


def sign_flip_p(differences: Floats, groups: Sequence[str], seed: int, draws: int = DRAWS) -> float:
    """Two-sided p of no mean difference, by exchanging before and after in whole clusters at random.

    A paired permutation test (Good 2005, Permutation, Parametric and Bootstrap Tests, chapter 3), for figures that are
    means over answers. `differences`: (n,) after minus before. Exact where at most 13 clusters differ at all.
    """
    _, cluster = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(cluster, weights=differences)
    sums = sums[sums != 0]  # exchanging what is equal changes nothing
    seen, slack = abs(sums.sum()), 1e-9 * np.abs(sums).sum()  # sums in another order differ in their last bits
    if len(sums) <= EXACT_CLUSTERS:
        flipped = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs(sums.sum() - 2 * flipped @ sums) >= seen - slack))
    generator, beyond = np.random.default_rng(seed), 0
    for start in range(0, draws, 1000):  # in blocks, so that many clusters do not fill the memory
        flipped = generator.integers(2, size=(min(1000, draws - start), len(sums)), dtype=np.int8)
        beyond += int(np.count_nonzero(np.abs(sums.sum() - 2 * flipped @ sums) >= seen - slack))
    # What was seen is itself one of the flips (Phipson & Smyth 2010, SAGMB 9).
    return float((1 + beyond) / (1 + draws))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979, Scand. J. Statist. 6): all benchmarks may be judged at one alpha."""
    m, adjusted, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, position in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (m - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted


def minimum_detectable_share(n: int, discordant: float, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest true gain in accuracy that McNemar's test on n questions shows with this power.

    `discordant` is the share of questions on which the two models differ (Connor 1987, Biometrics 43).
    """
    z_alpha, z_power = distributions.norm.ppf(1 - alpha / 2), distributions.norm.ppf(power)
    gain = 0.0
    for _ in range(100):  # the variance depends on the gain: a contraction, done in far fewer rounds
        spread = np.sqrt(max(discordant - gain * gain, 0.0))
        gain = (z_alpha * np.sqrt(discordant) + z_power * spread) / np.sqrt(n)
    return float(min(gain, 1.0))


def minimum_detectable_effect(
    standard_error: float, alpha: float = 0.05, power: float = POWER, clusters: float | None = None
) -> float:
    """The same for any metric, from the standard error of the paired difference.

    With `clusters` for the corrected test of `bootstrap_p`.
    """
    if clusters is None:
        return float((distributions.norm.ppf(1 - alpha / 2) + distributions.norm.ppf(power)) * standard_error)
    clusters = max(clusters, 2.0)
    quantiles = distributions.t.ppf([1 - alpha / 2, power], clusters - 1)
    return float(quantiles.sum() * standard_error * _too_narrow(clusters))


@dataclass(frozen=True)
class Variation:
    """How much the gain of a paired test varies by chance: all that its power depends on."""

    n: int
    """Questions."""
    clusters: float
    """See `effective_clusters`."""
    standard_error: float
    """Of the gain, from draws of the questions."""
    discordant: float | None = None
    """Where McNemar's test decides: the share of questions on which the two models differ."""
    trainings: int = 1
    trained: float = 0.0
    """Variance of the mean gain by chance in the trainings, where there are several."""


def detectable(variation: Variation, alpha: float, n: int | None = None) -> float:
    """The smallest true gain that the test shows with 80 % power at this alpha; `n`: with so many such questions."""
    more = (n or variation.n) / variation.n
    if variation.discordant is not None:
        return minimum_detectable_share(n or variation.n, variation.discordant, alpha)
    error, clusters = variation.standard_error / np.sqrt(more), max(variation.clusters * more, 2.0)
    if variation.trainings == 1:
        return minimum_detectable_effect(error, alpha, clusters=clusters)
    sampled = (error * _too_narrow(clusters)) ** 2
    both = sampled + variation.trained
    if both == 0:
        return 0.0
    # As in `over_trainings`: Student's t is the mean of both parts' own, weighted by variance.
    tails = np.array([alpha / 2, 1 - POWER])
    of_questions, of_trainings = (distributions.t.isf(tails, one - 1).sum() for one in (clusters, variation.trainings))
    return float((sampled * of_questions + variation.trained * of_trainings) / np.sqrt(both))


def n_to_detect(variation: Variation, gain: float, alpha: float) -> int | None:
    """How many questions show a true gain of this size with 80 % power. None where no number does: the gain is none, or
    chance in the trainings alone is too large."""
    enough = variation.n
    while gain > 0 and detectable(variation, alpha, enough) > gain and enough < MOST_QUESTIONS:
        enough *= 2
    if not (gain > 0 and detectable(variation, alpha, enough) <= gain):
        return None
    return bisect_left(range(enough), True, lo=1, key=lambda n: detectable(variation, alpha, n) <= gain)


def non_inferiority(worsening: Interval, margin: float) -> Literal["kept", "lost", "inconclusive"]:
    """kept: surely within the margin; lost: surely beyond it; inconclusive: the interval holds the margin."""
    if worsening.high < margin:
        return "kept"
    return "lost" if worsening.low > margin else "inconclusive"


def n_required(worsening: Interval, margin: float, n: int) -> int | None:
    """How many items would have ended in `kept` at the change and spread that were seen; at most n where n did.

    The part of the interval above the change shrinks with the square root of the number of items; the answer is the
    first number at which it stays below the margin. None where the change itself is not below the margin: then more
    items cannot show that it is. The change will come out somewhat different in other items, so this many decide in
    about half of all cases: ask for more.
    """
    room, half = margin - worsening.value, worsening.high - worsening.value
    if not (room > 0 and np.isfinite(half)):
        return None
    return int(np.floor(n * (half / room) ** 2)) + 1
