"""What was overlooked, type by type."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from metier import costs
from metier.highlights import NO_LABELS, Asked, Highlight
from metier.scorers import Answer

PRECISION = 0.9
MOST, FEW = 5, 2
"""So many types are shown; those without a miss only where there are few at all."""
CONTRACTS = ("contract", "agreement", "document", "service")
"""Slices that say where a text is from, not of which type it is."""
WHAT = f"Missed at {100 * PRECISION:.0f} % precision"
# A threshold that is chosen on the test promises what the next contract does not keep.
NO_THRESHOLD = (
    "No threshold: answers to held-out rows are not kept, and the test must not choose one. Below, the model's own "
    "decision."
)


def rows(asked: Asked) -> list[Highlight]:
    """The labels with the most misses, and of a single label its types (slices), at the model's own decision."""
    if not asked.labels:
        return [Highlight(WHAT, None, NO_LABELS)]
    wanted = positives(asked)
    by_label = {label: [p for p, a in enumerate(asked.tuned.answers) if a.gold == label] for label in wanted}
    found = [Highlight(WHAT, None, NO_THRESHOLD)]
    found += _worst(asked, {label: own for label, own in by_label.items() if own}, _precision(asked, wanted))
    return found + (_worst(asked, _types(asked, by_label[wanted[0]]), {}) if len(wanted) == 1 else [])


def positives(asked: Asked) -> list[str]:
    """The labels whose miss costs most of all, as the pack prices them; every label where it prices none."""
    dearest = costs.matrix(asked.labels, asked.priced).max(1)
    return [label for label, cost in zip(asked.labels, dearest, strict=True) if cost > 1] or list(asked.labels)


def contract(answer: Answer) -> str | None:
    """The contract, service or document of an answer: its group, or a slice of such a name."""
    return answer.group or next((v for key, v in (answer.slices or {}).items() if key in CONTRACTS), None)


def _worst(asked: Asked, types: Mapping[str, list[int]], precision: Mapping[str, str]) -> list[Highlight]:
    right = asked.tuned.right
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


def _precision(asked: Asked, wanted: list[str]) -> dict[str, str]:
    said, found = asked.tuned.predicted, {}
    for label in wanted:
        marked = said == asked.labels.index(label)
        share = f"{100 * asked.tuned.right[marked].mean():.0f} %" if marked.any() else ""
        found[label] = (
            f"; of {np.count_nonzero(marked):,} that it marks so {share} are right" if share else "; never said"
        )
    return found


def _types(asked: Asked, positions: list[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        for column, value in (asked.tuned.answers[position].slices or {}).items():
            if column not in CONTRACTS:
                found[f"{value} ({column})"].append(position)
    return found
