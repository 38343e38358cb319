"""Learning curves: a figure at several numbers of rows, and what it would be with more.

Three laws are fitted to the distance from the best possible figure, and averaged by how well each fits. None of them
lets a figure get worse with more rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]
TINY = 1e-6
LARGEST = 1e3
LEAST_ERROR = 0.002
"""Of a point of a curve, so that two subsets that happen to agree do not make a point certain."""


@dataclass(frozen=True)
class Law:
    """How the distance from the best figure falls; x is 1 at the most rows that were tried."""

    value: Callable[..., Floats]
    start: Callable[[float], tuple[float, ...]]
    """Where a fit begins, by the distance at x = 1."""
    highest: tuple[float, ...]
    """The largest value of each parameter; the smallest is 0."""

    @property
    def parameters(self) -> int:
        return len(self.highest)


def _power(x: Floats, limit: float, gap: float, rate: float) -> Floats:
    return limit + gap * x**-rate


def _rectified(x: Floats, limit: float, gap: float, rate: float, learned: float) -> Floats:
    return limit + gap * (1 + learned) / (learned + x**rate)


def _log_linear(x: Floats, at_most: float, slope: float) -> Floats:
    return at_most - slope * np.log(x)


LAWS = {
    "power": Law(_power, lambda y: (y / 2, y / 2, 0.4), (LARGEST, LARGEST, 3.0)),
    # Rows that pretraining was already worth (Lin et al. 2024, ICML): the curve is flat before it falls.
    "rectified": Law(_rectified, lambda y: (y / 2, y / 2, 0.6, 0.1), (LARGEST, LARGEST, 3.0, 10.0)),
    "log-linear": Law(_log_linear, lambda y: (y, y / 10), (LARGEST, LARGEST)),
}


@dataclass(frozen=True, eq=False)
class Curve:
    """A figure at several numbers of rows, on the same held-out rows."""

    sizes: Floats
    """(points,) rows, rising."""
    values: Floats
    """(points,) the figure, in the mean over subsets of that size."""
    draws: Floats
    """(draws, points) the same under draws of the held-out rows, which are the same at every size."""
    errors: Floats
    """(points,) standard error of `values` by chance in the subsets."""
    best: float
    """The best figure that there is: 1, or 0 where lower is better."""

    @property
    def distances(self) -> Floats:
        return np.abs(self.best - self.values)


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """Laws that were fitted to a curve, and again to each of its draws."""

    curve: Curve
    weights: dict[str, float]
    """Law -> its share in the average; they add up to 1."""
    parameters: dict[str, Floats]
    """Law -> (parameters,)."""
    drawn: dict[str, Floats]
    """Law -> (draws, parameters)."""
    subset_variance: float
    """Of a figure by chance in which rows were learned, with as many rows as `curve.sizes[-1]`."""

    def at(self, rows: Sequence[float]) -> Floats:
        """(sizes,) the expected figure."""
        x = self._scaled(rows)
        distances = sum(
            weight * np.maximum(LAWS[name].value(x, *self.parameters[name]), 0) for name, weight in self.weights.items()
        )
        return self._figures(np.asarray(distances))

    def draws_at(self, rows: Sequence[float], draws: int, generator: np.random.Generator) -> Floats:
        """(draws, sizes) the figure of a training on so many rows: of each draw a law is taken by its weight, and
        chance in the rows that are learned is added."""
        x, names = self._scaled(rows), list(self.weights)
        which = generator.choice(len(names), size=draws, p=[self.weights[name] for name in names])
        of_draw = np.arange(draws) % len(self.curve.draws)
        distances = np.empty((draws, len(x)))
        for number, name in enumerate(names):
            mine = np.flatnonzero(which == number)
            parameters = self.drawn[name][of_draw[mine]].T[:, :, None]
            distances[mine] = LAWS[name].value(x[None, :], *parameters)
        spread = np.sqrt(self.subset_variance / x)
        return self._figures(np.maximum(distances + spread * generator.standard_normal(distances.shape), 0))

    def _scaled(self, rows: Sequence[float]) -> Floats:
        scaled: Floats = np.asarray(rows, float) / self.curve.sizes[-1]
        return scaled

    def _figures(self, distances: Floats) -> Floats:
        figures: Floats = self.curve.best - distances if self.curve.best else distances
        return figures


def fit(curve: Curve, subset_variance: float, generator: np.random.Generator) -> FittedCurve:
    """Fit every law that has no more parameters than the curve has points. `subset_variance`: see `FittedCurve`."""
    x, errors = curve.sizes / curve.sizes[-1], np.maximum(curve.errors, LEAST_ERROR)
    parameters, misfits = {}, {}
    for name, law in LAWS.items():
        if law.parameters <= len(x):
            parameters[name] = _fitted(law, x, curve.distances, errors, law.start(float(curve.distances[-1])))
            residuals = (curve.distances - law.value(x, *parameters[name])) / errors
            misfits[name] = float((residuals**2).sum())
    # Chance in the subsets is added to chance in the held-out rows: the mean over subsets varies by both.
    drawn = curve.draws + curve.errors * generator.standard_normal(curve.draws.shape)
    again = {
        name: np.array(
            [_fitted(LAWS[name], x, np.abs(curve.best - draw), errors, tuple(found)) for draw in drawn], float
        )
        for name, found in parameters.items()
    }
    return FittedCurve(curve, _akaike(misfits, len(x)), parameters, again, subset_variance)


def _fitted(law: Law, x: Floats, distances: Floats, errors: Floats, start: Sequence[float]) -> Floats:
    """The parameters that fit best, weighted by the errors."""
    highest = np.array(law.highest)
    begin = np.clip(start, TINY, highest * (1 - TINY))

    def off(parameters: Floats) -> Floats:
        residuals: Floats = (law.value(x, *parameters) - distances) / errors
        return residuals

    # Of a flat curve any rate fits, so a search that does not settle is as good where it stopped.
    found = least_squares(off, begin, bounds=(0, highest), max_nfev=200, ftol=1e-6, xtol=1e-6)
    return np.asarray(found.x, float)


def _akaike(misfits: dict[str, float], points: int) -> dict[str, float]:
    """Weights by fit and number of parameters (Burnham & Anderson 2002, chapter 4). Where even the best law is further
    off than chance allows, misfits count less (their quasi-likelihood)."""
    free = [max(points - LAWS[name].parameters, 1) for name in misfits]
    scale = max(1.0, min(misfit / n for misfit, n in zip(misfits.values(), free, strict=True)))
    criteria = {name: misfit / scale + 2 * LAWS[name].parameters for name, misfit in misfits.items()}
    least = min(criteria.values())
    shares = {name: float(np.exp(-(one - least) / 2)) for name, one in criteria.items()}
    return {name: share / sum(shares.values()) for name, share in shares.items()}
