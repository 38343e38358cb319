"""The miss rate (false-negative rate) at a fixed precision, and by label or type."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metier.evaluation import costs
from metier.evaluation.insight import NO_LABELS, Insight, InsightContext
from metier.evaluation.predictions import Predictions
from metier.evaluation.scoring import Prediction

PRECISION = 0.9
FEWEST_MARKS = 20
"""Held-out rows that a threshold must mark, or its precision is luck."""
MOST, FEW = 5, 2
"""So many types are shown; those without a miss only where there are few at all."""
CONTRACTS = ("contract", "agreement", "document", "service")
"""Slices that say where a text is from, not of which type it is."""
WHAT = f"Miss rate at {100 * PRECISION:.0f} % precision"
OWN = "The rows below use the model's own decision."


@dataclass(frozen=True)
class _Threshold:
    """From which probability on some labels are marked, and how many held-out rows that marked, how many rightly."""

    labels: tuple[str, ...]
    name: str
    """The label, or `the others`; nothing where all share one threshold."""
    probability: float
    marked: int
    right: int

    def __str__(self) -> str:
        rightly = f"{100 * self.right / self.marked:.0f} % of them right"
        of = f"{self.name} " if self.name else ""
        return f"{of}at a probability of {self.probability:.3f} or more ({self.marked:,} held-out rows, {rightly})"


def rows(context: InsightContext) -> list[Insight]:
    """The share of what matters that is missed at a fixed precision, then the labels with the most misses, and of a
    single label its types (slices). Each label has its own threshold where held-out training rows suffice for one; the
    others share one. The test chooses none."""
    if not context.labels:
        return [Insight(WHAT, None, NO_LABELS)]
    wanted = positives(context)
    predicted, thresholds, why = marked(context, wanted)
    by_label = {label: [p for p, a in enumerate(context.tuned.answers) if a.gold == label] for label in wanted}
    by_label = {label: own for label, own in by_label.items() if own}
    insights = [
        _overall(context, predicted, by_label, thresholds) if thresholds else Insight(WHAT, None, f"{why} {OWN}")
    ]
    insights += _worst(context, predicted, by_label, _precision(context, predicted, wanted, thresholds))
    if len(wanted) == 1 and by_label:
        insights += _worst(context, predicted, _types(context, by_label[wanted[0]]), {})
    return insights


def marked(context: InsightContext, wanted: list[str]) -> tuple[NDArray[np.int64], list[_Threshold], str]:
    """For each answer the label that it is marked with, -1 for none; the thresholds that decided that, and why where
    there are none."""
    thresholds, why = _thresholds(context.held_out, wanted)
    return _decided(context.tuned, wanted, thresholds), thresholds, why


def positives(context: InsightContext) -> list[str]:
    """The labels whose miss costs most of all, as the pack prices them; every label where it prices none. A price on
    false alarms (`false_LABEL`) says nothing of what must not be missed."""
    missed = {mistake: price for mistake, price in context.priced.items() if not mistake.startswith(costs.FALSE)}
    dearest = costs.matrix(context.labels, missed).max(1)
    return [label for label, cost in zip(context.labels, dearest, strict=True) if cost > 1] or list(context.labels)


def contract(answer: Prediction) -> str | None:
    """The contract, service or document of an answer: its group, or a slice of such a name."""
    return answer.group or next((v for key, v in (answer.slices or {}).items() if key in CONTRACTS), None)


def _marks(table: Predictions, wanted: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each answer the likeliest of the wanted labels, and its probability (0 where none was given)."""
    at = np.array([table.labels.index(label) for label in wanted])
    given = np.array([a.probabilities or (0.0,) * len(table.labels) for a in table.answers])[:, at]
    return at[given.argmax(1)], given.max(1)


def _thresholds(held_out: Predictions | None, wanted: list[str]) -> tuple[list[_Threshold], str]:
    """The thresholds, and why there is none where there is none.

    A label of 20 held-out marks or more has its own, or none where none is so precise; those of fewer take the one that
    all marks together have.
    """
    if held_out is None or not any(answer.probabilities for answer in held_out.answers):
        return [], "No threshold: there are no held-out rows with probabilities, and it must not be chosen on the test."
    label, _ = _marks(held_out, wanted)
    often = [name for name in wanted if (label == held_out.labels.index(name)).sum() >= FEWEST_MARKS]
    rare = tuple(name for name in wanted if name not in often)
    own = [_lowest(held_out, wanted, (name,), name if len(wanted) > 1 else "") for name in often]
    shared = _lowest(held_out, wanted, tuple(wanted), "the others" if often else "") if rare else None
    thresholds = [one for one in own if one]
    if shared:
        thresholds.append(replace(shared, labels=rare))
    why = f"No threshold: on {len(held_out.gold):,} held-out rows none marks {FEWEST_MARKS} rows at that precision."
    return thresholds, "" if thresholds else why


def _lowest(held_out: Predictions, wanted: list[str], labels: tuple[str, ...], name: str) -> _Threshold | None:
    """The lowest probability from which on marks of these labels keep the precision on held-out rows."""
    label, probability = _marks(held_out, wanted)
    own = np.isin(label, [held_out.labels.index(name) for name in labels])
    right, probability = (label == held_out.gold)[own], probability[own]
    if not len(right):
        return None
    order = np.argsort(-probability, kind="stable")
    kept, n = right[order].cumsum(), np.arange(1, len(order) + 1)
    last_of_its_kind = np.append(np.diff(probability[order]) != 0, True)  # equal probabilities are marked together
    good = np.flatnonzero(last_of_its_kind & (kept >= PRECISION * n) & (n >= FEWEST_MARKS))
    if not len(good):
        return None
    best = good[-1]
    return _Threshold(labels, name, float(probability[order][best]), int(n[best]), int(kept[best]))


def _decided(table: Predictions, wanted: list[str], thresholds: list[_Threshold]) -> NDArray[np.int64]:
    """For each answer the label that it is marked with, -1 for none: the model's own decision where there is no
    threshold at all."""
    if not thresholds:
        return table.predicted
    label, probability = _marks(table, wanted)
    least = np.full(len(table.labels), np.inf)
    for one in thresholds:
        least[[table.labels.index(name) for name in one.labels]] = one.probability
    return np.where(probability >= least[label], label, -1)


def _overall(
    context: InsightContext,
    predicted: NDArray[np.int64],
    by_label: Mapping[str, list[int]],
    thresholds: list[_Threshold],
) -> Insight:
    marked = predicted >= 0
    matter = [position for own in by_label.values() for position in own]
    missed = predicted[matter] != context.tuned.gold[matter]
    kept = f"{100 * (predicted == context.tuned.gold)[marked].mean():.0f} %" if marked.any() else "none"
    how = "; ".join(map(str, thresholds))
    note = (
        f"{np.count_nonzero(missed):,} of {len(matter):,}. Marked {how}; "
        f"of the {np.count_nonzero(marked):,} marks in this test {kept} are right."
    )
    return Insight(WHAT, float(missed.mean()) if matter else None, note, "share")


def _worst(
    context: InsightContext, predicted: NDArray[np.int64], types: Mapping[str, list[int]], precision: Mapping[str, str]
) -> list[Insight]:
    right = predicted == context.tuned.gold
    missed = {name: int((~right[own]).sum()) for name, own in types.items()}
    worst = sorted(types, key=lambda name: (-missed[name], len(types[name]), name))[:MOST]
    worst = [name for name in worst if missed[name] or len(types) <= FEW]
    rest = f" These are the {MOST} of {len(types)} with the most misses." if len(types) > MOST else ""
    return [
        Insight(
            f"Miss rate: {name}",
            missed[name] / len(types[name]),
            f"{missed[name]:,} of {len(types[name]):,}{precision.get(name, '')}.{rest if name == worst[0] else ''}",
            "share",
        )
        for name in worst
    ]


def _precision(
    context: InsightContext, predicted: NDArray[np.int64], wanted: list[str], thresholds: list[_Threshold]
) -> dict[str, str]:
    notes = {}
    for label in wanted:
        marked = predicted == context.labels.index(label)
        share = f"{100 * (predicted == context.tuned.gold)[marked].mean():.0f} %" if marked.any() else ""
        notes[label] = (
            f"; of {np.count_nonzero(marked):,} marked with it {share} are right" if share else "; never marked"
        )
        if thresholds and not any(label in one.labels for one in thresholds):
            notes[label] += ", as no threshold was precise enough on held-out rows"
    return notes


def _types(context: InsightContext, positions: list[int]) -> dict[str, list[int]]:
    types: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        for column, value in (context.tuned.answers[position].slices or {}).items():
            if column not in CONTRACTS:
                types[f"{value} ({column})"].append(position)
    return types
