"""How much of the work could be answered without a person, how well, and whether the model is as right as it is sure.

Certainty is what `metier predict` means by it: the highest probability at the temperature of the held-out rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metier.evaluation import risk
from metier.evaluation.certainty import FEWEST, Temperature, certainties, equal_mass, fit_temperature, options
from metier.evaluation.predictions import Floats, Predictions
from metier.evaluation.stats import Interval, effective_clusters, wilson

MAX_ERROR, REVIEW = 0.05, 0.2
"""What the cut-off keeps where held-out rows can promise it: this share of unreviewed answers wrong at most. Where they
cannot, this share of rows goes to review, and nothing is promised."""
BINS = 10
"""Groups of about as many answers, as in the metric `ece`."""
NOT_ASKED = (
    "No held-out rows were answered, so there is no cut-off: it must not be chosen on the test. Hold rows out with the "
    "step `split`, and call `metier evaluate` and `metier report`."
)


@dataclass(frozen=True)
class CutOffOnTest:
    """A cut-off that held-out rows chose, and what it does on the test, which did not choose it."""

    cut_off: risk.CutOff
    wish: str
    """The option of `metier predict` that asks for it."""
    coverage: float
    """Share of test questions answered without a person."""
    accuracy: Interval | None
    """Share right of those; None where there are none."""
    note: str = ""
    """Why it promises no error, where it does not."""


@dataclass(frozen=True)
class Bin:
    """Answers of similar certainty."""

    n: int
    low: float
    high: float
    certainty: float
    """The mean."""
    right: Interval
    """Share right."""


@dataclass(frozen=True)
class Automation:
    """Both pictures of one benchmark."""

    coverage: Floats
    """(k,) share of questions answered without a person, from the fewest on; equal certainties go together."""
    accuracy: Floats
    """(k,) accuracy of those answers."""
    cut: CutOffOnTest | None
    why: str
    """Why there is no cut-off; empty where there is one."""
    temperature: Temperature
    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error of these certainties."""
    error_as_said: float
    """The same before the temperature: the metric `ece`."""


def automation(tuned: Predictions, held_out: Predictions | None) -> Automation | None:
    """None where answers have no probabilities, or are neither right nor wrong."""
    given, _ = options(tuned)
    if not any(map(len, given)) or tuned.are_losses:
        return None
    temperature = Temperature(1.0, 0) if held_out is None else fit_temperature(*options(held_out))
    sure, as_said = certainties(given, temperature.value), certainties(given)
    coverage, accuracy = curve(sure, tuned.right)
    cut, why = (None, NOT_ASKED) if held_out is None else _cut_off(held_out, temperature.value, tuned, sure)
    bins = reliability(sure, tuned.right, tuned.groups)
    error = calibration_error(sure, tuned.right)
    return Automation(coverage, accuracy, cut, why, temperature, bins, error, calibration_error(as_said, tuned.right))


def curve(certainty: Floats, right: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(share answered, accuracy of those) at each cut-off there is, the strictest first. Answers without a certainty
    always go to a person."""
    known = np.flatnonzero(~np.isnan(certainty))
    order = known[np.argsort(-certainty[known], kind="stable")]
    ranked = certainty[order]
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True)) + 1
    hits = np.cumsum(right[order])[ends - 1]
    return ends / len(certainty), hits / ends


def reliability(
    certainty: Floats, right: NDArray[np.bool_], groups: Sequence[str], most: int = BINS
) -> tuple[Bin, ...]:
    """Answers in groups of similar certainty, the least sure first."""
    sure, bins = _bins(certainty, most)
    found = []
    for number in np.unique(bins):
        mine = bins == number
        own = sure[mine]
        found.append(
            Bin(int(mine.sum()), float(own.min()), float(own.max()), float(own.mean()), _share(right, mine, groups))
        )
    return tuple(found)


def calibration_error(certainty: Floats, right: NDArray[np.bool_], most: int = BINS) -> float:
    """How far certainty and accuracy are apart, on average over the answers (Naeini et al. 2015, AAAI)."""
    sure, bins = _bins(certainty, most)
    gaps = np.bincount(bins, weights=sure - right)
    return float(np.abs(gaps).sum() / len(sure))


def _bins(certainty: Floats, most: int) -> tuple[Floats, NDArray[np.int64]]:
    """As the metric `ece` has them: an answer without a certainty counts as one in full certainty."""
    sure = np.nan_to_num(certainty, nan=1.0)
    return sure, equal_mass(sure, most)


def _cut_off(
    held_out: Predictions, temperature: float, tuned: Predictions, sure: Floats
) -> tuple[CutOffOnTest | None, str]:
    rows = len(held_out.answers)
    if rows < FEWEST:
        return None, f"{rows} held-out rows are too few to choose a cut-off on: it takes {FEWEST}."
    certainty = certainties(options(held_out)[0], temperature)
    wish, note = f"--max-error {MAX_ERROR:g}", ""
    found = risk.cut_off_for_error(certainty, held_out.right, MAX_ERROR, held_out.groups)
    if isinstance(found, risk.Unmet):
        wish, note = f"--review {REVIEW:g}", found.why
        found = risk.cut_off_for_review(certainty, held_out.right, REVIEW, held_out.groups)
    answered = ~found.to_review(sure)
    accuracy = _share(tuned.right, answered, tuned.groups) if answered.any() else None
    return CutOffOnTest(found, wish, float(answered.mean()), accuracy, note), ""


def _share(right: NDArray[np.bool_], mine: NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    """Share right of some answers; its interval counts answers of one group as they tell (effective clusters)."""
    told = effective_clusters(np.unique(np.asarray(groups)[mine], return_inverse=True)[1])
    return wilson(float(right[mine].mean()) * told, told)
