"""What was overlooked, type by type."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from metier import costs
from metier.highlights import NO_LABELS, Asked, Highlight
from metier.metrics import Outcomes
from metier.scorers import Answer

READS_HELD_OUT = True
PRECISION = 0.9
FEWEST_MARKS = 20
"""Held-out rows that a threshold must mark, or its precision is luck."""
MOST, FEW = 5, 2
"""So many types are shown; those without a miss only where there are few at all."""
CONTRACTS = ("contract", "agreement", "document", "service")
"""Slices that say where a text is from, not of which type it is."""
WHAT = f"Missed at {100 * PRECISION:.0f} % precision"
OWN = "Below, the model's own decision."


def rows(asked: Asked) -> list[Highlight]:
    """The share of what matters that is missed at a fixed precision, then the labels with the most misses, and of a
    single label its types (slices). The threshold is chosen on held-out training rows, never on the test."""
    if not asked.labels:
        return [Highlight(WHAT, None, NO_LABELS)]
    wanted = positives(asked)
    threshold, why = _threshold(asked.held_out, wanted)
    said = asked.tuned.predicted if threshold is None else _marks(asked.tuned, wanted)[0]
    if threshold is not None:
        said = np.where(_marks(asked.tuned, wanted)[1] >= threshold, said, -1)
    by_label = {label: [p for p, a in enumerate(asked.tuned.answers) if a.gold == label] for label in wanted}
    by_label = {label: own for label, own in by_label.items() if own}
    found = [_overall(asked, said, by_label, why) if threshold is not None else Highlight(WHAT, None, f"{why} {OWN}")]
    found += _worst(asked, said, by_label, _precision(asked, said, wanted))
    if len(wanted) == 1 and by_label:
        found += _worst(asked, said, _types(asked, by_label[wanted[0]]), {})
    return found


def positives(asked: Asked) -> list[str]:
    """The labels whose miss costs most of all, as the pack prices them; every label where it prices none."""
    dearest = costs.matrix(asked.labels, asked.priced).max(1)
    return [label for label, cost in zip(asked.labels, dearest, strict=True) if cost > 1] or list(asked.labels)


def contract(answer: Answer) -> str | None:
    """The contract, service or document of an answer: its group, or a slice of such a name."""
    return answer.group or next((v for key, v in (answer.slices or {}).items() if key in CONTRACTS), None)


def _marks(table: Outcomes, wanted: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each answer the likeliest of the wanted labels, and its probability (0 where none was given)."""
    at = np.array([table.labels.index(label) for label in wanted])
    given = np.array([a.probabilities or (0.0,) * len(table.labels) for a in table.answers])[:, at]
    return at[given.argmax(1)], given.max(1)


def _threshold(held_out: Outcomes | None, wanted: list[str]) -> tuple[float | None, str]:
    """(the lowest probability from which on marks of held-out rows keep the precision, how it was chosen), or (None,
    why there is none)."""
    if held_out is None or not any(answer.probabilities for answer in held_out.answers):
        return None, "No threshold: there are no held-out rows with probabilities, and the test must not choose one."
    label, probability = _marks(held_out, wanted)
    order = np.argsort(-probability, kind="stable")
    right = (label == held_out.gold)[order].cumsum()
    n = np.arange(1, len(order) + 1)
    last_of_its_kind = np.append(np.diff(probability[order]) != 0, True)  # equal probabilities are marked together
    good = np.flatnonzero(last_of_its_kind & (right >= PRECISION * n) & (n >= FEWEST_MARKS))
    if not len(good):
        return None, f"No threshold: on {len(order):,} held-out rows none marks {FEWEST_MARKS} rows so precisely."
    best = good[-1]
    return float(probability[order][best]), (
        f"Marked from a probability of {probability[order][best]:.3f} on, which marked {n[best]:,} of {len(order):,} "
        f"held-out rows, {100 * right[best] / n[best]:.0f} % of them rightly"
    )


def _overall(asked: Asked, said: NDArray[np.int64], by_label: Mapping[str, list[int]], why: str) -> Highlight:
    marked = said >= 0
    matter = [position for own in by_label.values() for position in own]
    missed = said[matter] != asked.tuned.gold[matter]
    kept = f"{100 * (said == asked.tuned.gold)[marked].mean():.0f} %" if marked.any() else "none"
    note = (
        f"{np.count_nonzero(missed):,} of {len(matter):,}. {why}; of the {np.count_nonzero(marked):,} marks here "
        f"{kept} are right."
    )
    return Highlight(WHAT, float(missed.mean()) if matter else None, note, "share")


def _worst(
    asked: Asked, said: NDArray[np.int64], types: Mapping[str, list[int]], precision: Mapping[str, str]
) -> list[Highlight]:
    right = said == asked.tuned.gold
    missed = {name: int((~right[own]).sum()) for name, own in types.items()}
    worst = sorted(types, key=lambda name: (-missed[name], len(types[name]), name))[:MOST]
    worst = [name for name in worst if missed[name] or len(types) <= FEW]
    rest = f" The {MOST} with the most of {len(types)}." if len(types) > MOST else ""
    return [
        Highlight(
            f"Missed: {name}",
            missed[name] / len(types[name]),
            f"{missed[name]:,} of {len(types[name]):,}{precision.get(name, '')}.{rest if name == worst[0] else ''}",
            "share",
        )
        for name in worst
    ]


def _precision(asked: Asked, said: NDArray[np.int64], wanted: list[str]) -> dict[str, str]:
    found = {}
    for label in wanted:
        marked = said == asked.labels.index(label)
        share = f"{100 * (said == asked.tuned.gold)[marked].mean():.0f} %" if marked.any() else ""
        found[label] = (
            f"; of {np.count_nonzero(marked):,} that it marks so {share} are right" if share else "; never marked"
        )
    return found


def _types(asked: Asked, positions: list[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        for column, value in (asked.tuned.answers[position].slices or {}).items():
            if column not in CONTRACTS:
                found[f"{value} ({column})"].append(position)
    return found
