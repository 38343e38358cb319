"""What a mistake costs, in the units of the business: `{"unfair -> fair": 10}`, or for short `{miss_unfair: 10}`."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metier.errors import UserError, nearest, shown

ARROW, MISS, FALSE = " -> ", "miss_", "false_"
DEAREST = 1_000_000_000_000


def matrix(labels: Sequence[str], costs: Mapping[str, float]) -> NDArray[np.float64]:
    """(labels, labels) the cost of saying the second where the first is right: 0 on the diagonal, 1 where nothing is
    said of a mistake.

    `right -> said` prices one kind of mistake, `miss_LABEL` all where LABEL is right, `false_LABEL` all where LABEL is
    said without being right; the more particular one counts. Raises `UserError` for a label that there is not, and for
    a cost below zero.
    """
    prices = np.ones((len(labels), len(labels)))
    for key in sorted(costs, key=lambda key: ARROW in key):  # the particular ones last
        right, predicted = _cells(key, labels)
        if not costs[key] >= 0:
            raise UserError(f"costs: '{key}' costs {costs[key]}. A mistake costs 0 or more.")
        prices[right, predicted] = costs[key]
    np.fill_diagonal(prices, 0.0)
    return prices


def _cells(key: str, labels: Sequence[str]) -> tuple[int | slice, int | slice]:
    if ARROW in key:
        right, predicted = key.split(ARROW, 1)
        return _index(right, key, labels), _index(predicted, key, labels)
    if key.startswith(MISS):
        return _index(key.removeprefix(MISS), key, labels), slice(None)
    if key.startswith(FALSE):
        return slice(None), _index(key.removeprefix(FALSE), key, labels)
    raise UserError(f"costs: '{key}' is no kind of mistake. Write `right -> said`, miss_LABEL or false_LABEL.")


def _index(name: str, key: str, labels: Sequence[str]) -> int:
    if name in labels:  # `age_limit` may stand beside `age limit`
        return list(labels).index(name)
    places = [number for number, label in enumerate(labels) if name == label.replace(" ", "_")]
    if not places:
        raise UserError(f"costs: '{key}' names the label '{name}', which there is not.{nearest(name, labels)}")
    return places[0]


def cost_problems(costs: Mapping[str, float]) -> list[str]:
    """What is wrong with prices of mistakes, whatever the labels are."""
    problems = [
        f"costs: {shown(key)} costs {shown(cost)}. A mistake costs from 0 to {DEAREST:,}."
        for key, cost in costs.items()
        if not 0 <= cost <= DEAREST
    ]
    wanted = "Write `right -> said`, miss_LABEL or false_LABEL."
    return problems + [f"costs: {shown(key)} is no kind of mistake. {wanted}" for key in costs if not is_mistake(key)]


def is_mistake(key: str) -> bool:
    """Whether a key is of one of the three forms."""
    return ARROW in key or key.startswith((MISS, FALSE))


def names(mistake: str) -> list[str]:
    """The labels that a kind of mistake names."""
    if ARROW in mistake:
        return mistake.split(ARROW, 1)
    return [mistake.removeprefix(MISS if mistake.startswith(MISS) else FALSE)]


def fits(mistake: str, labels: Sequence[str]) -> bool:
    """Whether a kind of mistake is one between these labels."""
    return set(names(mistake)) <= {*labels, *(label.replace(" ", "_") for label in labels)}


def decide(probabilities: NDArray[np.float64], prices: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n, labels) probabilities -> (n,) the label of least expected cost (the Bayes decision)."""
    chosen: NDArray[np.int64] = (probabilities @ prices).argmin(1)
    return chosen


def best_threshold(probability: NDArray[np.float64], positive: NDArray[np.bool_], miss: float, false: float) -> float:
    """From which probability of the positive label on to say it, so that these answers cost least.

    `probability` and `positive` (n,): of dev rows, never of the test. In the middle between two answers; of equally
    good thresholds the one nearest to a half.
    """
    order = np.argsort(probability)
    ranked, is_positive = probability[order], positive[order]
    missed = np.concatenate([[0], np.cumsum(is_positive)])
    alarms = (~is_positive).sum() - np.concatenate([[0], np.cumsum(~is_positive)])
    cost = (miss * missed + false * alarms).astype(float)
    edges = np.concatenate([[ranked[0] - 1e-9], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1e-9]])
    # Between equal probabilities no threshold can stand.
    cost[1:-1][ranked[1:] == ranked[:-1]] = np.inf
    best = np.flatnonzero(cost == cost.min())
    return float(edges[best[np.abs(edges[best] - 0.5).argmin()]])
