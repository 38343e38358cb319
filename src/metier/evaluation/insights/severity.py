"""What wrong answers cost where some right answers are graver than others, as diseases are."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.insight import Insight, InsightContext, measured, number, within
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions

ITEMS = 1000
COLUMN, LEVELS = "severity", ("1", "2", "3", "4", "5")
"""The slice that says how grave a question's right answer is: 1 is the gravest, as in DDXPlus (Fansi Tchango et al.
2022)."""
SEVERE = 2
"""Up to this level a case counts as severe."""
COST, MISSED = f"Severity-weighted cost of {ITEMS:,} answers", "Severe cases missed"


@dataclass
class SeverityCost(MetricLike):
    """Mean cost of an answer: 0 where it is right, 5 where the gravest level was missed, 1 where the mildest was."""

    higher_is_better = False
    unit = "cost an answer"

    def statistics(self, predictions: Predictions) -> Floats:
        cost = (len(LEVELS) + 1 - _levels(predictions)) * ~predictions.right
        return np.column_stack([cost, np.ones(len(cost))])

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]


@dataclass
class SevereMissed(MetricLike):
    """Share of severe questions that are answered wrong."""

    higher_is_better = False

    def statistics(self, predictions: Predictions) -> Floats:
        severe = _levels(predictions) <= SEVERE
        return np.column_stack([severe & ~predictions.right, severe]).astype(float)

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])  # a draw without a severe case says nothing


def rows(context: InsightContext) -> list[Insight]:
    """The cost of wrong answers by the severity of what was missed, and how many of the severe cases were missed."""
    said = [(answer.slices or {}).get(COLUMN) for answer in context.tuned.answers]
    if not all(level in LEVELS for level in said):
        why = f"No slice `{COLUMN}` from 1 (gravest) to {len(LEVELS)} says how grave the right answers are."
        return [Insight(COST, None, why)]
    tuned, base = (measured(SeverityCost(), table, context.seed) for table in (context.tuned, context.base))
    before = number(round(ITEMS * base.value, 1))
    weights = f"A wrong answer costs {len(LEVELS)} at severity 1 and one less a level, 1 at severity {len(LEVELS)}"
    note = f"{within(tuned, times=ITEMS)}; base model {before}. {weights}."
    return [Insight(COST, round(ITEMS * tuned.value, 1), note), _missed(context)]


def _missed(context: InsightContext) -> Insight:
    n = int((_levels(context.tuned) <= SEVERE).sum())
    if not n:
        return Insight(MISSED, None, f"No question has severity 1 or {SEVERE}.")
    tuned, base = (measured(SevereMissed(), table, context.seed) for table in (context.tuned, context.base))
    note = f"Of {n:,} with severity 1 or {SEVERE}, {within(tuned, 'share')}; base model {number(base.value, 'share')}."
    return Insight(MISSED, tuned.value, note, "share")


def _levels(predictions: Predictions) -> Floats:
    """(n,) the severity of each question's right answer."""
    return np.array([float((answer.slices or {})[COLUMN]) for answer in predictions.answers])
