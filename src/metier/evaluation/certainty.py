"""How sure a model is of its answers, and one number that makes it as sure as it is right: the temperature."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from metier.evaluation.predictions import Floats, Predictions
from metier.evaluation.scoring import Prediction

LEAST = 5e-7
"""Saved probabilities have six digits: one that reads 0 was at most this."""
FEWEST = 50
"""Held-out rows that a temperature takes. In a simulation 50 rows found it within 20 %, 20 rows within 39 % (one
standard error), which made good probabilities worse by 0.013 and 0.055 nats."""
LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures that are searched."""
AS_SAVED = 5e-5
"""Probabilities this close are the same: likelihoods are saved with five digits, probabilities with six."""


@dataclass(frozen=True)
class Temperature:
    """What log-probabilities are divided by: above 1 the model was too sure, below 1 not sure enough."""

    value: float
    rows: int
    """Held-out rows that it was fitted on."""
    why: str = ""
    """Why it is 1, where nothing could be fitted."""


def log_probabilities(answer: Prediction) -> Floats:
    """(k,) one an option; empty where the answer has no probabilities.

    Taken from the likelihoods where those give the saved probabilities, since they have more digits. They do not where
    a scorer adjusts them for the length of the options.
    """
    if answer.probabilities is None:
        return np.empty(0)
    saved = np.array(answer.probabilities)
    if answer.log_likelihoods is not None and len(answer.log_likelihoods) == len(saved):
        exact: Floats = log_softmax(answer.log_likelihoods)
        if np.abs(np.exp(exact) - saved).max() < AS_SAVED:
            return exact
    return logs(saved)


def logs(probabilities: Sequence[float] | Floats) -> Floats:
    """Log-probabilities of saved probabilities; a 0 is taken for half a unit in the last digit."""
    result: Floats = log_softmax(np.log(np.maximum(probabilities, LEAST)))
    return result


def options(table: Predictions) -> tuple[list[Floats], NDArray[np.int64]]:
    """The log-probabilities of each answer, and (n,) the position of the right option, -1 where it has none."""
    found, gold = [log_probabilities(answer) for answer in table.answers], np.full(len(table.answers), -1)
    for position, (own, answer) in enumerate(zip(found, table.answers, strict=True)):
        offered = answer.options or table.labels
        if len(own) == len(offered) and answer.gold in offered:
            gold[position] = offered.index(answer.gold)
    return found, gold


def fit_temperature(options: Sequence[Floats], gold: Sequence[int] | NDArray[np.int64]) -> Temperature:
    """The temperature with the highest likelihood of the right options (Guo et al. 2017, ICML).

    `options`: log-probabilities of each row, as many as it has options; `gold`: the position of the right one, -1 for
    rows that are left out. The loss is convex in 1 / temperature, so that a bounded search finds its only minimum.
    """
    kept = [(own, at) for own, at in zip(options, gold, strict=True) if at >= 0 and len(own) > 1]
    n = len(kept)
    if n < FEWEST:
        return Temperature(1.0, n, f"{n} held-out rows have probabilities, and a temperature takes {FEWEST}.")
    table, right = _padded([own for own, _ in kept]), np.array([at for _, at in kept])
    hits = int((table.argmax(1) == right).sum())
    if hits in (0, n):
        which = "right" if hits else "wrong"
        return Temperature(1.0, n, f"All {n} held-out rows are {which}, so they do not show how sure to be.")

    def loss(log_temperature: float) -> float:
        scaled = table / np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[np.arange(n), right]).mean())

    edges = np.log([LOWEST, HIGHEST])
    found = float(minimize_scalar(loss, bounds=tuple(edges), method="bounded", options={"xatol": 1e-5}).x)
    if np.abs(edges - found).min() < 1e-3:
        return Temperature(1.0, n, f"No temperature from {LOWEST} to {HIGHEST} fits the {n} held-out rows.")
    return Temperature(float(np.exp(found)), n)


def calibrated(log_probabilities: Floats, temperature: float) -> Floats:
    """(..., k) probabilities at a temperature."""
    result: Floats = np.exp(log_softmax(np.asarray(log_probabilities) / temperature, axis=-1))
    return result


def certainties(options: Sequence[Floats], temperature: float = 1.0) -> Floats:
    """(n,) the highest probability of each row at a temperature; NaN where it has no options."""
    return np.array([calibrated(own, temperature).max() if len(own) else np.nan for own in options])


def equal_mass(confidence: Floats, most: int) -> NDArray[np.int64]:
    """(n,) the bin of each answer, 0 the least sure; at most `most` bins of about as many answers each.

    Equal confidences share a bin. The bins are fixed here, by the sample, so that a bootstrap draw only weighs them.
    """
    edges = np.unique(np.quantile(confidence, np.arange(1, most) / most, method="inverted_cdf"))
    return np.searchsorted(edges, confidence, side="left")


def _padded(options: Sequence[Floats]) -> Floats:
    """(n, most options), with the log-probability of the impossible behind a row's own."""
    table = np.full((len(options), max(map(len, options))), -np.inf)
    for row, own in zip(table, options, strict=True):
        row[: len(own)] = own
    return table
