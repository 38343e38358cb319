"""Nested subsets of training rows: each label keeps its share, and a group is in or out as a whole."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from metier.data.records import Question

FEWEST_ROWS = 16


def nested_order(rows: Sequence[Question], seed: str) -> list[list[int]]:
    """The groups of rows (their positions) in an order whose every beginning is a subset: a larger one holds the
    smaller ones. A group counts for its most common label."""
    groups: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        groups[f"g:{row.group}" if row.group is not None else f"r:{position}"].append(position)
    by_label: dict[str, list[list[int]]] = defaultdict(list)
    for positions in groups.values():
        counts = Counter(rows[position].answer for position in positions)
        by_label[min(counts, key=lambda label: (-counts[label], label))].append(positions)
    generator, placed = random.Random(f"metier:{seed}"), []
    for label in sorted(by_label):
        members = by_label[label]
        generator.shuffle(members)
        # Each label's groups stand at even distances from a random first place on, so that any beginning has its share.
        first = generator.random()
        placed += [((number + first) / len(members), label, one) for number, one in enumerate(members)]
    return [one for _, _, one in sorted(placed, key=lambda place: place[:2])]


def beginning(order: Sequence[Sequence[int]], size: int) -> list[int]:
    """The positions of the first groups that hold at least `size` rows."""
    taken: list[int] = []
    for positions in order:
        if len(taken) >= size:
            break
        taken += positions
    return sorted(taken)


def sizes(most: int, labels: int, count: int) -> list[int]:
    """Up to `count` numbers of rows in even steps of their logarithm, the largest `most`: from a few of each label on,
    or an eighth where that is less."""
    least = min(max(FEWEST_ROWS, 3 * labels), max(most // 8, 2))
    spaced = np.geomspace(least, most, count) if count > 1 else np.array([most])
    return sorted({round(float(one)) for one in spaced})
