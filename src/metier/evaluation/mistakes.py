"""Which labels a model gets wrong, and what it says instead."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.predictions import Predictions


@dataclass(frozen=True)
class ClassResult:
    """One label, as the tuned model and the baseline know it."""

    label: str
    n: int
    """Questions whose right answer it is."""
    precision: float | None
    """Share of the answers with it that are right; None where it was never given."""
    recall: float | None
    """Share of its questions that were answered right; None where there are none."""
    baseline_recall: float | None
    """The baseline's; None where there is no baseline, or no question."""


@dataclass(frozen=True)
class Confusion:
    """One kind of mistake."""

    right: str
    given: str | None
    """None: unscored."""
    count: int
    share: float
    """Of the questions with that right answer."""


def by_class(tuned: Predictions, baseline: Predictions | None) -> tuple[ClassResult, ...]:
    """Every label that is right or given somewhere, the lowest recall first; of equal ones, that of more questions."""
    if not tuned.labels:
        return ()
    size = len(tuned.labels)
    n, given = (np.bincount(found[found >= 0], minlength=size) for found in (tuned.gold, tuned.predicted))
    hits, of_baseline = _hits(tuned), None if baseline is None else _hits(baseline)
    rows = [
        ClassResult(
            label,
            int(n[at]),
            float(hits[at] / given[at]) if given[at] else None,
            float(hits[at] / n[at]) if n[at] else None,
            float(of_baseline[at] / n[at]) if of_baseline is not None and n[at] else None,
        )
        for at, label in enumerate(tuned.labels)
        if n[at] or given[at]
    ]
    return tuple(sorted(rows, key=lambda row: (2.0 if row.recall is None else row.recall, -row.n, row.label)))


def confusions(table: Predictions) -> tuple[Confusion, ...]:
    """Every kind of mistake, the most frequent first; an unscored answer is one too."""
    wrong = table.predicted != table.gold
    pairs, counts = np.unique(np.column_stack([table.gold[wrong], table.predicted[wrong]]), axis=0, return_counts=True)
    n = np.bincount(table.gold[table.gold >= 0], minlength=len(table.labels))
    found = [
        Confusion(table.labels[right], table.labels[given] if given >= 0 else None, int(count), float(count / n[right]))
        for (right, given), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, one.right, one.given or "")))


def _hits(table: Predictions) -> np.ndarray:
    right = (table.predicted == table.gold) & (table.gold >= 0)
    return np.bincount(table.gold[right], minlength=len(table.labels))
