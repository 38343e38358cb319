"""What was seen day by day, in memory that does not grow with the rows of a day."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import xxhash
from numpy.typing import NDArray

from metier.evaluation.sequential import CELLS, Ranks, in_cells
from metier.monitoring.reference import Reference
from metier.monitoring.traces import Trace

BLOCK, PART = 500, 500
"""Rows of a look where they have no time: 500, or a 500th of the rows before it where that is more. So looks grow as
the logarithm of the rows, and an earlier look never changes, which an alarm that may be read at any time rests on."""
MOST_LABELS = 64
"""Labels whose shares are watched one by one; of more, neighbors are counted together."""
DIGITS = 4
"""Of certainty, as in files of answers; the test's and the traces' are rounded as well, so that ranks are alike."""
FINENESS, SUREST = 0.1, 6.9
"""Certainty is ranked by -log(1 - certainty), in steps, up to .999: above, four digits do not resolve them."""


@dataclass
class Look:
    """What was seen on one day, or in one block of rows."""

    name: str
    rows: int = 0
    certain: float = 0.0
    """Sum of certainties."""
    with_certainty: int = 0
    flagged: int = 0
    """Rows that say whether they go to review."""
    sent: int = 0
    reviewed: Counter[str] = field(default_factory=Counter)
    """Rows that people looked at, by kind: sent, others, sampled (of the others, those of the random sample), all."""
    right: Counter[str] = field(default_factory=Counter)
    label_cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CELLS, dtype=np.int64))
    certainty_cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CELLS, dtype=np.int64))


class Looks:
    """One look a day. Days follow each other: a row that is late counts on the day that is open."""

    def __init__(self, reference: Reference) -> None:
        self.reference, self.seed = reference, reference.run.recipe.seed
        self.all: list[Look] = []
        self.without_time = self.late = 0
        self._index = {label: number for number, label in enumerate(reference.labels)}
        self._first = _first_of_groups(reference)
        self._seen_groups: set[int] = set()
        self._label_ranks = self._ranks_of_labels()
        self._certainty_ranks = self._ranks_of_certainty()
        self._labels: list[int] = []
        self._certainties: list[int] = []

    def of(self, trace: Trace, rows: int) -> Look:
        """The look of a row that has so many rows before it."""
        self.without_time += trace.day is None
        open_look = self.all[-1] if self.all else None
        if trace.day is None:
            if open_look is None or (not _is_day(open_look) and open_look.rows >= max(BLOCK, rows // PART)):
                self._begin(f"from row {rows + 1}")
        elif open_look is None or not _is_day(open_look) or trace.day > open_look.name:
            self._begin(trace.day)
        else:
            self.late += trace.day < open_look.name
        return self.all[-1]

    def _begin(self, name: str) -> None:
        self.end()
        self.all.append(Look(name))

    def end(self) -> None:
        """Count what was watched since."""
        if self._labels and self._label_ranks:
            self.all[-1].label_cells += in_cells(self._label_ranks.of(self._labels))
        if self._certainties and self._certainty_ranks:
            self.all[-1].certainty_cells += in_cells(self._certainty_ranks.of(self._certainties))
        self._labels, self._certainties = [], []

    def watch(self, trace: Trace, group: str) -> None:
        """Take the row into the ranks; of a group only its first row, since the others are drawn with it."""
        if self.reference.clustered:
            digest = xxhash.xxh3_64_intdigest(group.encode("utf-8", "replace"))
            if digest in self._seen_groups:
                return
            if group != trace.id:
                self._seen_groups.add(digest)
        if self._label_ranks:
            self._labels.append(self._label_number(trace.answer))
        if self._certainty_ranks and trace.certainty is not None:
            self._certainties.append(_step(trace.certainty))
        if len(self._labels) + len(self._certainties) > 10_000:
            self.end()

    def _label_number(self, answer: str | None) -> int:
        size = len(self._index)
        at = self._index.get(str(answer), size)
        return at if size <= MOST_LABELS else at * MOST_LABELS // size

    def _ranks_of_labels(self) -> Ranks | None:
        if not self._index:
            return None
        answers = [self.reference.table.answers[at].answer for at in self._first]
        return Ranks(
            [self._label_number(answer) for answer in answers], min(len(self._index), MOST_LABELS) + 1, self.seed
        )

    def _ranks_of_certainty(self) -> Ranks | None:
        sure = self.reference.certainty[self._first]
        if self.reference.no_certainty:
            return None
        return Ranks([_step(one) for one in sure if np.isfinite(one)], int(SUREST / FINENESS) + 2, self.seed + 1)


def _is_day(look: Look) -> bool:
    return look.name[:1].isdigit()


def _step(certainty: float) -> int:
    return int(min(-np.log(max(1 - round(certainty, DIGITS), 1e-9)), SUREST) / FINENESS)


def _first_of_groups(reference: Reference) -> NDArray[np.int64]:
    """Positions of the test's answers, of each group one."""
    _, first = np.unique(np.asarray(reference.table.groups), return_index=True)
    return np.sort(first)
