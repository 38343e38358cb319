"""Which answers go to human review: a cut-off in certainty, chosen on held-out rows, and what it promises.

`max_error` means the share that is wrong *among the answers that nobody reviews* (`of="answered"`). That is what a
reader of "at most 5 % errors" expects. This share can rise and fall with the cut-off, so conformal risk control does
not hold for it. It is tested instead, cut-off by cut-off (Learn then Test, Angelopoulos et al. 2022; the guarantee of
Geifman & El-Yaniv 2017, NeurIPS), and holds with a stated confidence.

The confidence counts draws of held-out rows in which no promise is given as kept ones: where held-out rows only just
allow a promise, it is broken more often than that.

`of="all"` means the share of *all* rows that is answered without review and wrong. It only falls as the cut-off rises,
so conformal risk control holds (Angelopoulos et al. 2024, ICLR), on average over draws of held-out rows. It takes fewer
rows, but a model that sends 90 % to review keeps a promise of 5 % with half of its remaining answers wrong.

Both need held-out rows and new rows that are drawn alike. The first is exact where the error among answered rows only
falls as the cut-off rises; in simulations it held for other shapes too. A certainty fitted on the same held-out rows (a
temperature) makes them a little dependent: one number for hundreds of rows, which `bench/review.py` includes.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from metier.evaluation.stats import Interval, wilson

Floats = NDArray[np.float64]
Of = Literal["answered", "all"]
CONFIDENCE = 0.9
MOST_TIMES = 1000
"""Of the held-out rows: where even so many would not do, more rows do not help."""


@dataclass(frozen=True)
class CutOff:
    """Answers with a certainty below the threshold go to human review, and so do those without a certainty."""

    threshold: float
    """Lies just above the highest held-out certainty that goes to review. Rounding it may change who goes there."""
    review: Interval
    """Share of rows that goes to review."""
    error: Interval
    """Share of the held-out answers above the threshold that is wrong; NaN where there are none."""
    max_error: float | None
    """What is promised; None: nothing is."""
    guarantee: str
    rows: int
    """Held-out rows that it was chosen on."""

    def to_review(self, certainty: ArrayLike) -> NDArray[np.bool_]:
        """(n,) whether an answer goes to review."""
        reviewed: NDArray[np.bool_] = ~(np.asarray(certainty, dtype=float) >= self.threshold)
        return reviewed


@dataclass(frozen=True)
class Unmet:
    """No cut-off keeps the promise."""

    max_error: float
    why: str
    lowest: float | None
    """The lowest error that these rows could promise; None: none."""
    rows_needed: int | None
    """About so many held-out rows would do in half of all cases; None: more rows do not help."""
    rows: int


def cut_off_for_error(
    certainty: ArrayLike,
    right: ArrayLike,
    max_error: float,
    clusters: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
    of: Of = "answered",
) -> CutOff | Unmet:
    """The lowest cut-off that keeps the error within `max_error`; the module says what `of` means.

    With `clusters` (texts from one document) rows count as their effective number of clusters for "answered", and the
    error is that of a new cluster's rows for "all".
    """
    if not (0 < max_error < 1 and 0 < confidence < 1):
        raise ValueError(f"max_error {max_error} and confidence {confidence} must lie between 0 and 1")
    held_out = _Ranked.of(certainty, right, clusters)
    answered = held_out.allowed(max_error, confidence, of)
    if not answered:
        return _unmet(held_out, max_error, confidence, of)
    most, rows = f"at most {_percent(max_error)} of", "all rows" if clusters is None else "the rows of a new group"
    promise = f"With {_percent(confidence)} confidence, {most} the answers that nobody reviews are wrong"
    if of == "all":
        promise = f"On average, {most} {rows} get a wrong answer that nobody reviews"
    assumption = f"as long as new rows are drawn like the {held_out.described}."
    return held_out.cut(answered, max_error, f"{promise}, {assumption}")


def cut_off_for_review(
    certainty: ArrayLike, right: ArrayLike, share: float, clusters: Sequence[str] | None = None
) -> CutOff:
    """The cut-off below which at most this share of held-out rows lies, fewer where equal certainties straddle it.

    Rows without a certainty go to review whatever the share.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must lie between 0 and 1")
    held_out = _Ranked.of(certainty, right, clusters)
    fewest, ends = (1 - share) * held_out.rows - 1e-9, np.append(0, held_out.ends)
    answered = int(ends[min(int(np.searchsorted(ends, fewest)), len(ends) - 1)])
    cut, found = held_out.cut(answered, None, ""), f"All {held_out.described} go to review."
    if answered:
        found = f"Of the {answered:,} of {held_out.described} that nobody would review, {_percent(cut.error.value)} "
        found += f"are wrong (95 % CI {_percent(cut.error.low)} to {_percent(cut.error.high)})."
    return replace(cut, guarantee=f"No error is promised. {found}")


@dataclass(frozen=True)
class _Ranked:
    """Held-out rows, the surest first; a certainty of -inf stands for none."""

    certainty: Floats
    wrong: NDArray[np.bool_]
    clusters: int
    """As many as rows where each row stands alone."""
    effective: Floats
    """(n,) by how many rows of their own the first rows count (Kish 1965): n²/(sum of squared cluster sizes)."""
    of_cluster: Floats
    """(n,) the share of its cluster that a row is."""
    ends: NDArray[np.int64]
    """How many rows may be answered: equal certainties are answered together, those without one never."""

    @classmethod
    def of(cls, certainty: ArrayLike, right: ArrayLike, clusters: Sequence[str] | None) -> "_Ranked":
        sure, right = np.asarray(certainty, dtype=float), np.asarray(right, dtype=bool)
        if not len(sure) or sure.shape != right.shape or (sure < 0).any():
            raise ValueError("certainties of 0 or more and as many right or wrong answers, at least one")
        sure = np.where(np.isnan(sure), -np.inf, sure)
        order = np.argsort(-sure, kind="stable")
        sure = sure[order]
        names = list(map(str, range(len(sure)))) if clusters is None else list(clusters)
        _, cluster, sizes = np.unique(np.asarray(names), return_inverse=True, return_counts=True)
        cluster = cluster[order]
        together = np.argsort(cluster, kind="stable")
        earlier = np.empty(len(sure))
        earlier[together] = np.arange(len(sure)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        counted = np.arange(1, len(sure) + 1)
        last_of_its_kind = np.append(sure[:-1] != sure[1:], True) & (sure > -np.inf)
        return cls(
            sure,
            ~right[order],
            len(sizes),
            counted**2 / np.cumsum(2 * earlier + 1),
            1 / sizes[cluster],
            np.flatnonzero(last_of_its_kind) + 1,
        )

    @property
    def rows(self) -> int:
        return len(self.certainty)

    @property
    def described(self) -> str:
        groups = f" in {self.clusters:,} groups" if self.clusters < self.rows else ""
        return f"{self.rows:,} held-out rows{groups}"

    def allowed(self, max_error: float, confidence: float, of: Of, times: float = 1.0) -> int:
        """How many rows may be answered, 0 for none; `times`: as if there were so many times as many rows like these.

        Cut-offs are tested from the strictest on, and the first that fails ends it, so that each may be tested at the
        full level. The first is fixed by the number of rows alone: see `_first`.
        """
        if not len(self.ends):
            return 0
        if of == "all":
            missed = times * np.cumsum(self.wrong * self.of_cluster)[self.ends - 1]
            passed, tested = missed + 1 <= max_error * (times * self.clusters + 1) + 1e-12, self.ends
        else:
            n = self.effective[self.ends - 1]
            wrong = np.cumsum(self.wrong)[self.ends - 1] * n / self.ends
            begin = times * n >= _first(times * self.effective[-1], max_error, confidence)
            first = int(begin.argmax()) if begin.any() else len(n)
            tested = self.ends[first:]
            passed = _tail(times * wrong[first:], times * n[first:], max_error) <= 1 - confidence
        run = int(np.cumprod(passed).sum())
        return int(tested[run - 1]) if run else 0

    def cut(self, answered: int, max_error: float | None, guarantee: str) -> CutOff:
        """The cut-off that leaves so many held-out rows unreviewed."""
        threshold = 0.0
        if answered < self.rows and self.certainty[answered] >= 0:
            threshold = float(np.nextafter(self.certainty[answered], np.inf))
        share, n = (self.rows - answered) / self.rows, float(self.effective[-1])
        error = Interval(np.nan, np.nan, np.nan)
        if answered:
            told = float(self.effective[answered - 1])
            error = wilson(float(self.wrong[:answered].mean()) * told, told)
        return CutOff(threshold, wilson(share * n, n), error, max_error, guarantee, self.rows)


def _tail(wrong: Floats, n: Floats, max_error: float) -> Floats:
    """P of so few wrong ones among n where the true error is `max_error`: the binomial's, between whole numbers too."""
    p: Floats = np.where(wrong < n, betainc(np.maximum(n - wrong, 1e-12), wrong + 1, 1 - max_error), 1.0)
    return p


def _first(n: float, max_error: float, confidence: float) -> float:
    """How many rows the first test has, of n.

    So many that it passes at half of `max_error`, and a fifth of all at least, so that one early mistake does not end
    it. Where that is more than half of all, so many that it passes without a mistake. In a simulation of 90 % accuracy
    and 5 % errors, 500 rows left 64 % unreviewed with the former and 49 % with the latter; 100 rows 12 % and 36 %.
    """
    enough = _passes_at_half(max_error, confidence)
    return max(enough, n / 5) if enough <= n / 2 else float(np.log(1 - confidence) / np.log(1 - max_error))


@functools.lru_cache(maxsize=1024)
def _passes_at_half(max_error: float, confidence: float) -> float:
    """The fewest rows that pass with half of `max_error` wrong, one at least."""
    sizes = np.arange(1.0, min(100 / max_error, 1e6))  # more rows than any run holds out
    half = np.floor(max_error * sizes / 2)
    enough = np.flatnonzero((half >= 1) & (_tail(half, sizes, max_error) <= 1 - confidence))
    return float(sizes[enough[0]]) if len(enough) else np.inf


def _unmet(held_out: _Ranked, max_error: float, confidence: float, of: Of) -> Unmet:
    others = np.arange(np.floor(max_error * 200) + 1, 200) / 200  # half a point apart
    lowest = next((float(error) for error in others if held_out.allowed(error, confidence, of)), None)
    times = (1.1**power for power in range(1, 200))
    enough = next((t for t in times if t <= MOST_TIMES and held_out.allowed(max_error, confidence, of, t)), None)
    needed = None if enough is None else int(np.ceil(held_out.rows * enough))
    what = "errors among the answers that nobody reviews" if of == "answered" else "unreviewed errors among all rows"
    return Unmet(
        max_error,
        f"At most {_percent(max_error)} {what} cannot be promised from the {held_out.described}. "
        + ("They can promise no share at all. " if lowest is None else f"{_percent(lowest)} can. ")
        + ("More rows would not help." if needed is None else f"It would take about {needed:,} held-out rows."),
        lowest,
        needed,
        held_out.rows,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
