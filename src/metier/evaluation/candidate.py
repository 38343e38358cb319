"""What is judged: the tuned model alone, or its probabilities mixed with the baseline's. Held-out rows choose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from metier.errors import UserError
from metier.evaluation.certainty import log_probabilities, options
from metier.evaluation.comparison import compare
from metier.evaluation.predictions import Floats, MetricLike, as_predictions
from metier.evaluation.results import Candidate
from metier.evaluation.scoring import Prediction

VERSION = 3
Wish = Literal["auto", "model", "blend"]
FEWEST = 20
"""Held-out rows below which a comparison says nothing: the mixture is taken, with weights near the prior's."""
FOLDS = 5
HALF = 0.5
"""The power of each part's probabilities before any row is seen: the geometric mean."""
SPREAD = 0.5
"""Standard deviation of the normal prior around it, so that twenty rows move the weights little and 500 freely."""
MOST_POWER = 5.0
WORSE = 0.3
"""The p from which on a lower figure of the mixture on held-out rows is believed."""


@dataclass(frozen=True)
class Parts:
    """The same rows answered by both."""

    model: Sequence[Prediction]
    baseline: Sequence[Prediction]


def mixable(parts: Parts) -> bool:
    """Whether both give probabilities over the same labels in all their answers."""
    return bool(parts.model) and all(
        one.probabilities is not None
        and other.probabilities is not None
        # Labels are the same for all questions, so a list of options of one's own cannot be mixed.
        and len(one.probabilities) == len(other.probabilities)
        for one, other in zip(parts.model, parts.baseline, strict=True)
    )


def choose(parts: Parts, baseline: str, name: str, labels: Sequence[str], metric: MetricLike, wish: Wish) -> Candidate:
    """The candidate by held-out rows that neither part learned from.

    The two powers are fitted by likelihood (log-linear pooling, Genest and Zidek 1986). A mixture is compared by
    cross-fitting, so that the rows which fitted it do not judge it: with the model alone at its best temperature, by
    likelihood, which tells them apart with a fraction of the rows that a metric needs. A mixture that the metric makes
    look worse is not taken. `baseline`, `name`: what a recipe and a report call the baseline.
    """
    if wish == "model" or not mixable(parts):
        return Candidate()
    (model, other), gold = _tables(parts, labels)
    powers, folds = fit(model, other, gold), _folds(parts)
    found = Candidate(
        baseline=baseline, baseline_name=name, model_power=powers[0], baseline_power=powers[1], rows=len(gold)
    )
    by_fold = _powers(model, other, gold, folds, (HALF, HALF))
    mixed = _cross_fitted(parts, folds, by_fold, labels, metric)
    given = {"model": parts.model, "baseline": parts.baseline, "blend": mixed}
    figures = {who: _figure(answers, labels, metric) for who, answers in given.items()}
    found = found.model_copy(update={"held_out": figures})
    if not np.isfinite(list(figures.values())).all():  # no held-out row has a label that the metric counts
        return Candidate()
    if wish == "blend" or len(gold) < FEWEST:
        return found
    nothing = np.zeros_like(other)
    alone = _loss(model, nothing, gold, folds, _powers(model, nothing, gold, folds, (1, 0)))
    if _loss(model, other, gold, folds, by_fold) < alone and not _looks_worse(metric, parts.model, mixed, labels):
        return found
    return Candidate(rows=len(gold), held_out=figures)


def _looks_worse(
    metric: MetricLike, alone: Sequence[Prediction], mixed: Sequence[Prediction], labels: Sequence[str]
) -> bool:
    """Whether the metric falls by more than about one standard error (two-sided p of 0.3)."""
    paired = compare(metric, as_predictions(alone, labels), as_predictions(mixed, labels), seed=0, alpha=0.05)
    return paired.gain.value < 0 and paired.p < WORSE


def fit(
    model: Floats, baseline: Floats, gold: NDArray[np.int64], start: tuple[float, float] = (HALF, HALF)
) -> tuple[float, float]:
    """The powers of both parts' probabilities with the highest posterior of the right labels.

    `model`, `baseline`: (n, labels) log-probabilities; `gold`: (n,); `start`: the middle of the prior. The loss is
    convex: one minimum.
    """
    rows = np.arange(len(gold))
    of_gold = np.array([model[rows, gold], baseline[rows, gold]])

    def loss(powers: Floats) -> tuple[float, Floats]:
        shares = log_softmax(powers[0] * model + powers[1] * baseline, axis=1)
        expected = np.array([(np.exp(shares) * part).sum(1) for part in (model, baseline)])
        off = (powers - np.array(start)) / SPREAD
        slope = (expected - of_gold).sum(1) + off / SPREAD
        return float(-shares[rows, gold].sum() + 0.5 * (off**2).sum()), slope

    bounds = [(0.0, MOST_POWER)] * 2
    found = minimize(loss, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds).x
    return round(float(found[0]), 4), round(float(found[1]), 4)


def blended(candidate: Candidate, parts: Parts, labels: Sequence[str], metric: MetricLike) -> list[Prediction]:
    """The answers of a mixture, made of the answers of its parts: the label that the metric would say."""
    if not parts.model:
        return []
    mixed = _mix((candidate.model_power, candidate.baseline_power), parts)
    shares = np.exp(log_softmax(mixed, axis=1))
    chosen = metric.decide(shares, labels) if metric.prices_mistakes else shares.argmax(1)
    return [
        replace(
            one,
            answer=labels[at],
            value=float(labels[at] == one.gold) if one.gold else None,
            probabilities=tuple(round(float(share), 6) for share in row),
            log_likelihoods=None,
        )
        for one, at, row in zip(parts.model, chosen, shares, strict=True)
    ]


def _mix(powers: tuple[float, float], parts: Parts) -> Floats:
    model, baseline = (np.array([log_probabilities(one) for one in given]) for given in (parts.model, parts.baseline))
    mixed: Floats = powers[0] * model + powers[1] * baseline
    return mixed


def _tables(parts: Parts, labels: Sequence[str]) -> tuple[tuple[Floats, Floats], NDArray[np.int64]]:
    """(n, labels) log-probabilities of both parts, and (n,) the right label of each row."""
    model, gold = options(as_predictions(parts.model, labels))
    baseline, _ = options(as_predictions(parts.baseline, labels))
    return (np.array(model), np.array(baseline)), gold


def _folds(parts: Parts) -> NDArray[np.int64]:
    """(n,) the fold of each row; rows of one group stay in one fold."""
    groups = {group: number for number, group in enumerate(sorted({one.group or one.id for one in parts.model}))}
    return np.array([groups[one.group or one.id] % FOLDS for one in parts.model])


def _powers(
    model: Floats, baseline: Floats, gold: NDArray[np.int64], folds: NDArray[np.int64], start: tuple[float, float]
) -> dict[int, tuple[float, float]]:
    """Fold -> the powers that the other folds give."""
    learned = {int(fold): folds != fold for fold in np.unique(folds)}
    return {fold: fit(model[rows], baseline[rows], gold[rows], start) for fold, rows in learned.items()}


def _cross_fitted(
    parts: Parts,
    folds: NDArray[np.int64],
    powers: dict[int, tuple[float, float]],
    labels: Sequence[str],
    metric: MetricLike,
) -> list[Prediction]:
    """Each row answered with the powers of its fold."""
    answers: dict[int, Prediction] = {}
    for fold, (model_power, baseline_power) in powers.items():
        asked = np.flatnonzero(folds == fold).tolist()
        own = Parts([parts.model[at] for at in asked], [parts.baseline[at] for at in asked])
        candidate = Candidate(model_power=model_power, baseline_power=baseline_power)
        answers |= dict(zip(asked, blended(candidate, own, labels, metric), strict=True))
    return [answers[at] for at in range(len(folds))]


def _loss(
    model: Floats,
    baseline: Floats,
    gold: NDArray[np.int64],
    folds: NDArray[np.int64],
    powers: dict[int, tuple[float, float]],
) -> float:
    """Nats a row, each with the powers of its fold. A baseline of zeros leaves the model alone."""
    of_row = np.array([powers[int(fold)] for fold in folds])
    shares = log_softmax(of_row[:, :1] * model + of_row[:, 1:] * baseline, axis=1)
    return float(-shares[np.arange(len(gold)), gold].mean())


def _figure(answers: Sequence[Prediction], labels: Sequence[str], metric: MetricLike) -> float:
    """NaN where no answer has a label that the metric counts."""
    try:
        return round(float(metric.value(metric.statistics(as_predictions(answers, labels)).sum(0))), 4)
    except UserError:
        return np.nan
