"""Alarms that may be looked at every day: tests that stay valid whenever one looks, and whenever one stops.

Each rests on an e-process: a bet against "nothing changed" whose stake is 1 and whose worth is 1 or less on average as
long as nothing changes. It then exceeds 1/alpha at any time with a probability of at most alpha (Ville 1939; Shafer
2021, JRSS-A 184; Waudby-Smith & Ramdas 2024, JRSS-B 86). One over the worth is a p-value at every look.

Nobody knows when a change begins nor how large it is, so the stake is divided over first days and sizes of a change.
A mixture of bets is a bet. `python bench/drift.py` measured the median days from a fall of 5 points (50 rows a day,
accuracy before it known, alpha .015) to the alarm, for a fall on the first day and one after 100 days: ours 12 and 24;
all sizes from the first day 11 and 52; an adaptive bet on all earlier days 13 and 42, on the last ten days 13 and 20.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import beta

from metier.evaluation.stats import Floats

DROPS = (0.2, 0.4, 0.7, 1.1)
"""Sizes of a fall of accuracy that are bet on, in logits: from .85 to .82, .79, .74 and .65."""
LEVELS = np.geomspace(1e-4, 1.0, 25)
"""Tail probabilities at which the accuracy behind the test is tried."""
CELLS = 20
"""Equal parts of [0, 1] in which ranks are counted."""
SHIFTS = (1.5, 2.5)
"""By how much the odds of a part of the ranks may have changed: the sizes that are bet on."""
MOST = 1e100
"""E-values are capped here."""
BATCH = 1024
"""Ranks that are worked out together."""


@dataclass(frozen=True)
class Alarm:
    """What an alarm shows at each look."""

    p_values: tuple[float, ...]
    """One a look; valid at every one of them."""
    alpha: float
    latched: bool
    """Whether an alarm stays on once it rang. One does not where late corrections change earlier looks."""

    @property
    def p(self) -> float:
        """The p-value now; 1 before the first look."""
        if not self.p_values:
            return 1.0
        return min(self.p_values) if self.latched else self.p_values[-1]

    @property
    def on(self) -> bool:
        return self.p <= self.alpha

    @property
    def first(self) -> int | None:
        """The look since which it is on; None: it is not on."""
        if not self.on:
            return None
        below = [p <= self.alpha for p in self.p_values]
        return below.index(True) if self.latched else len(below) - (below[::-1] + [False]).index(False)


def start_weights(looks: int) -> tuple[Floats, Floats]:
    """(the stake on a change that begins at each look, the stake that is left behind each look).

    Falls as 1 / (look * log(look)²): a change on the first day has .41 of the stake, one on day 100 about 1/3,100.
    """
    left = 1 / (1 + np.log(np.arange(1, looks + 2)))
    return left[:-1] - left[1:], left[1:]


def e_values(log_factors: Floats) -> Floats:
    """(looks, ...) a mixture's worth after each look, from (looks, bets, ...) logs of each bet's factor.

    A bet is placed again at each look, with its part of the stake; all of them then go on side by side.
    """
    begins, left = start_weights(len(log_factors))
    factors = np.exp(np.minimum(log_factors, 600))
    running = np.zeros(log_factors.shape[1:])
    found = np.empty((len(log_factors), *log_factors.shape[2:]))
    for look, factor in enumerate(factors):
        running = np.minimum((running + begins[look]) * factor, MOST)  # a bet that is so far ahead has won
        found[look] = running.mean(axis=0) + left[look]
    return found


def _p_values(log_factors: Floats) -> Floats:
    return 1 / np.maximum(e_values(log_factors), 1)


def fall_of_accuracy(
    right: ArrayLike, answers: ArrayLike, test_right: ArrayLike, test_answers: float, latched: bool = False
) -> Floats:
    """(..., looks) p-values of "the accuracy is at least what it was on the test", for (..., looks) counts.

    The test has finitely many questions, so its accuracy is not known exactly. Taken for exact, a model that was lucky
    in the test would ring in time without any change. So each true accuracy is tried: how likely a test as good as
    this one is with it, times the p-value of the e-process against it, is combined by Fisher's method (1932); the
    largest result counts. Between two tried accuracies both are bounded by those at the ends: they rise with it.
    With 1,000 questions a fall of 5 points on the first day rings after 41 days in half of cases; with a lower bound of
    the test's accuracy at half of alpha instead, after 96 (`bench/drift.py`).

    `test_right` of `test_answers` may be effective numbers of a clustered test. `latched`: an alarm stays on, as
    long as all answers of a look are there at that look.
    """
    s, n = (np.moveaxis(np.asarray(counts, dtype=float), -1, 0) for counts in (right, answers))
    passed = np.maximum(np.asarray(test_right, dtype=float), 1e-9)  # none right: no lower accuracy is possible
    if not len(s):
        return np.ones(np.shape(right))
    # The least accuracy that gives so many right ones with each probability (Clopper & Pearson 1934).
    levels = LEVELS[:-1].reshape(-1, *(1,) * passed.ndim)
    tried = np.maximum(beta.ppf(levels, passed, np.maximum(test_answers - passed, 0) + 1), 1e-9)
    largest = np.full(s.shape, LEVELS[0])  # below the least that is tried
    for accuracy, level_above in zip(tried, LEVELS[1:], strict=True):
        p = _p_values(log_factors(s, n, accuracy))
        largest = np.maximum(largest, level_above * (np.minimum.accumulate(p, axis=0) if latched else p))
    combined: Floats = np.moveaxis(largest * (1 - np.log(largest)), 0, -1)
    return combined


def log_factors(right: Floats, answers: Floats, accuracy: Floats) -> Floats:
    """(looks, drops, ...) log likelihood ratios of a lower accuracy over this one."""
    drops = np.reshape(DROPS, (len(DROPS),) + (1,) * (right.ndim - 1))
    lower = expit(logit(accuracy) - drops)
    wrong = answers - right
    factors: Floats = right[:, None] * np.log(lower / accuracy) + wrong[:, None] * np.log((1 - lower) / (1 - accuracy))
    return factors


class Ranks:
    """Each new value's rank among the test's values and all new ones before it, between 0 and 1.

    As long as new values are drawn like the test's, ranks are independent and uniform, whatever the distribution and
    however few test values there are; ties are drawn (Vovk et al. 2003, ICML: testing exchangeability on-line).
    """

    def __init__(self, test: Sequence[int] | NDArray[np.int64], kinds: int, seed: int) -> None:
        self.counts = np.bincount(np.asarray(test, dtype=np.int64), minlength=kinds).astype(np.int64)
        self.generator = np.random.default_rng([seed, 11])

    def of(self, values: Sequence[int] | NDArray[np.int64]) -> Floats:
        """(n,) the ranks of values that are kinds 0, 1, ..., in their order."""
        new = np.asarray(values, dtype=np.int64)
        parts = [self._some(new[begin : begin + BATCH]) for begin in range(0, len(new), BATCH)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _some(self, new: NDArray[np.int64]) -> Floats:
        seen = np.zeros((len(new), len(self.counts)), dtype=np.int64)
        seen[np.arange(len(new)), new] = 1
        seen = self.counts + np.cumsum(seen, axis=0)  # each row counts itself too
        self.counts = seen[-1]
        equal = seen[np.arange(len(new)), new]
        below = np.cumsum(seen, axis=1)[np.arange(len(new)), new] - equal
        ranks: Floats = (below + equal * self.generator.random(len(new))) / seen.sum(1)
        return ranks


def in_cells(ranks: Floats) -> NDArray[np.int64]:
    """(cells,) how many of the ranks lie in each of the equal parts of [0, 1]."""
    return np.bincount(np.minimum((ranks * CELLS).astype(np.int64), CELLS - 1), minlength=CELLS)


def drift(cells: ArrayLike) -> Floats:
    """(..., looks) p-values of "drawn like the test", from (..., looks, cells) counts of ranks (`in_cells`).

    Bet on are a tenth of the ranks, the lower or upper quarter, or the lower half, with higher or lower odds. None of
    it may be learned from the test: ranks are uniform on average over tests, not given one.
    """
    counts = np.moveaxis(np.asarray(cells, dtype=float), -2, 0)
    if not len(counts):
        return np.ones(counts.shape[:-1])
    p = _p_values(np.moveaxis(counts @ _log_densities().T, -1, 1))
    found: Floats = np.moveaxis(np.minimum.accumulate(p, axis=0), 0, -1)
    return found


def _log_densities() -> Floats:
    """(bets, cells) log of the density that each bet gives to the ranks of a cell."""
    tenths = [(begin, begin + CELLS // 10) for begin in range(0, CELLS, CELLS // 10)]
    parts = [*tenths, (0, CELLS // 4), (CELLS - CELLS // 4, CELLS), (0, CELLS // 2)]
    bets = []
    for begin, end in parts:
        share = (end - begin) / CELLS
        for shift in (*SHIFTS, *(1 / shift for shift in SHIFTS)):
            told = expit(logit(share) + np.log(shift))
            density = np.full(CELLS, (1 - told) / (1 - share))
            density[begin:end] = told / share
            bets.append(np.log(density))
    return np.array(bets)
