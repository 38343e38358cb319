"""One pass over the traces, in memory that does not grow with them: counts by day, a sample, and the queue."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from metier.errors import UserError
from metier.evaluation.scoring import plain
from metier.evaluation.sequential import CELLS, Ranks, in_cells
from metier.monitoring.labeling import RANDOM, RANDOM_SHARE, UNSURE, Queue, content, place, short
from metier.monitoring.reference import Reference
from metier.monitoring.results import Rejected
from metier.monitoring.traces import Trace

BLOCK = 500
"""Rows of a look where they have no time."""
SAMPLE = 2000
"""Rows that stay in memory, drawn at random, for measures of drift."""
SAMPLE_CHARACTERS = 10_000
"""Of each text in the sample."""
SHOWN = 10
MOST_LABELS = 64
"""Labels whose shares are watched one by one; of more, neighbors are counted together."""
FINENESS, SUREST = 0.1, 9.2
"""Certainty is ranked by -log(1 - certainty), in steps, up to .9999."""


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


@dataclass(frozen=True)
class Sampled:
    """A row of the sample."""

    text: str
    answer: str
    certainty: float
    group: str


class Collection:
    """What one pass gathers."""

    def __init__(self, reference: Reference, corrections: Mapping[str, str]) -> None:
        self.reference, self.corrections = reference, corrections
        self.seed = reference.run.recipe.seed
        self.looks: list[Look] = []
        self.rows = self.answered = self.without_time = self.late = self.without_text = 0
        self.other_models: Counter[str] = Counter()
        self.other_benchmarks = 0
        self.rejected = 0
        self.rejected_examples: list[Rejected] = []
        self.strange: list[Rejected] = []
        self.strange_labels = 0
        self.of_kind: Counter[str] = Counter()
        """Answered rows: sent, others, all (those that do not say)."""
        self.promises: Counter[float] = Counter()
        self.highest_sent, self.lowest_kept = -np.inf, np.inf
        self.sample: list[Sampled] = []
        self.unsure, self.random = Queue(2 * UNSURE), Queue(2 * RANDOM)
        self.known: set[bytes] = set()
        """Texts that people looked at: as many as their work, not as many as the rows."""
        self.label_shares: Counter[str] = Counter()
        self.ungrouped = False
        self._draw = random.Random(self.seed)
        self._offered = 0
        self._index = {label: number for number, label in enumerate(reference.labels)}
        self._loosely = {plain(label): label for label in reference.labels}
        self._first = _first_of_groups(reference)
        self._seen_groups: set[bytes] = set()
        self._label_ranks = self._ranks_of_labels()
        self._certainty_ranks = self._ranks_of_certainty()
        self._labels: list[int] = []
        self._certainties: list[int] = []

    def read(self, traces: Iterable[Trace | tuple[str, str]]) -> None:
        """Take in all rows. Raises `UserError` where none of them is of this run."""
        for trace in traces:
            if isinstance(trace, tuple):
                self._reject(*trace)
            elif self._of_this_run(trace):
                correction = self.corrections.get(trace.id)
                self._add(replace(trace, corrected=correction) if correction else trace)
        self._end_look()
        if not self.rows:
            raise UserError(self._why_none())

    def _why_none(self) -> str:
        where = f"the {self.reference.who} model of {self.reference.run.folder}"
        if self.other_models:
            other = self.other_models.most_common(1)[0][0]
            return f"No row was answered by {where} ({self.reference.model[:12]}), but by {other[:12]}. Name its run."
        if self.other_benchmarks:
            return f"No row is of the benchmark '{self.reference.benchmark.name}'. Name theirs with --benchmark."
        if self.rejected:
            first = self.rejected_examples[0]
            return f"No row can be used. {first.place} {first.why}"
        return "The traces are empty. Give a file with at least one row."

    def _reject(self, origin: str, why: str) -> None:
        self.rejected += 1
        if len(self.rejected_examples) < SHOWN:
            self.rejected_examples.append(Rejected(place=origin, why=why))

    def _of_this_run(self, trace: Trace) -> bool:
        if trace.benchmark not in (None, self.reference.benchmark.name):
            self.other_benchmarks += 1
            return False
        if trace.model not in (None, self.reference.model):
            if len(self.other_models) < SHOWN or trace.model in self.other_models:
                self.other_models[trace.model] += 1
            else:
                self.other_models["others"] += 1
            return False
        return True

    def _add(self, trace: Trace) -> None:
        look = self._look(trace)
        self.rows += 1
        look.rows += 1
        if trace.answer is None:
            return
        self.answered += 1
        kind = {True: "sent", False: "others", None: "all"}[trace.review]
        self.of_kind[kind] += 1
        self._count(look, trace)
        text = trace.columns.get("text", trace.columns.get(self.reference.column))
        if not isinstance(text, str):
            self.without_text += 1
        group = self._group(trace)
        self._watch(trace, group)
        self._keep(trace, text if isinstance(text, str) else "", group)
        if trace.corrected is not None:
            self._reviewed(look, trace, kind)
        elif short(list(trace.columns.values())):
            where = place(trace, self.seed)
            if trace.certainty is not None:
                self.unsure.add(trace.certainty, trace)
            if kind != "sent" and where < RANDOM_SHARE:
                self.random.add(where, trace)

    def _look(self, trace: Trace) -> Look:
        """Days follow each other: a row that is late counts on the day that is open."""
        self.without_time += trace.day is None
        open_look = self.looks[-1] if self.looks else None
        if trace.day is None:
            if open_look is None or (not _is_day(open_look) and open_look.rows >= BLOCK):
                self._begin(f"from row {self.rows + 1}")
        elif open_look is None or not _is_day(open_look) or trace.day > open_look.name:
            self._begin(trace.day)
        else:
            self.late += trace.day < open_look.name
        return self.looks[-1]

    def _begin(self, name: str) -> None:
        self._end_look()
        self.looks.append(Look(name))

    def _end_look(self) -> None:
        if self._labels and self._label_ranks:
            self.looks[-1].label_cells += in_cells(self._label_ranks.of(self._labels))
        if self._certainties and self._certainty_ranks:
            self.looks[-1].certainty_cells += in_cells(self._certainty_ranks.of(self._certainties))
        self._labels, self._certainties = [], []

    def _count(self, look: Look, trace: Trace) -> None:
        if trace.certainty is not None:
            look.certain += trace.certainty
            look.with_certainty += 1
        if trace.review is not None:
            look.flagged += 1
            look.sent += trace.review
            if trace.certainty is not None and trace.review:
                self.highest_sent = max(self.highest_sent, trace.certainty)
            elif trace.certainty is not None:
                self.lowest_kept = min(self.lowest_kept, trace.certainty)
        if trace.review_share is not None and len(self.promises) < 1000:
            self.promises[trace.review_share] += 1

    def _group(self, trace: Trace) -> str:
        """What the row belongs to, where the test has groups too; else its own id."""
        column = self.reference.benchmark.cluster
        if not self.reference.clustered or not column or trace.columns.get(column) is None:
            self.ungrouped |= self.reference.clustered
            return trace.id
        return f"{column}:{trace.columns[column]}"

    def _watch(self, trace: Trace, group: str) -> None:
        """Take the row into the ranks; of a group only its first row, since the others are drawn with it."""
        if self.reference.clustered:
            digest = group.encode("utf-8", "replace")[:200]
            if digest in self._seen_groups:
                return
            if group != trace.id:
                self._seen_groups.add(digest)
        if self._label_ranks:
            self._labels.append(self._kind_of(trace.answer))
        if self._certainty_ranks and trace.certainty is not None:
            self._certainties.append(_step(trace.certainty))
        if len(self._labels) + len(self._certainties) > 10_000:
            self._end_look()

    def _keep(self, trace: Trace, text: str, group: str) -> None:
        """A sample of all rows, each as likely as any other (Vitter 1985, algorithm R)."""
        answer = str(trace.answer)
        if answer in self._index or len(self.label_shares) < 10_000:
            self.label_shares[answer] += 1
        self._offered += 1
        at = self._offered - 1 if self._offered <= SAMPLE else self._draw.randrange(self._offered)
        if at >= SAMPLE:
            return
        sure = np.nan if trace.certainty is None else trace.certainty
        row = Sampled(text[:SAMPLE_CHARACTERS], answer, sure, group)
        self.sample[at : at + 1] = [row]

    def _reviewed(self, look: Look, trace: Trace, kind: str) -> None:
        self.known.add(content(trace))
        if (label := self.label_of(trace)) is None:
            self.strange_labels += 1
            if len(self.strange) < SHOWN:
                self.strange.append(Rejected(place=trace.origin, why=f"is corrected to {trace.corrected!r:.80}"))
            return
        right = plain(label) == plain(str(trace.answer))
        sampled = kind != "sent" and place(trace, self.seed) < RANDOM_SHARE
        for name in (kind, *([f"{kind}, sampled"] if sampled else [])):
            look.reviewed[name] += 1
            look.right[name] += right

    def label_of(self, trace: Trace) -> str | None:
        """The right answer as the label set has it; None where it does not."""
        corrected = str(trace.corrected)
        if not self._index or corrected in self._index:
            return corrected
        return self._loosely.get(plain(corrected))

    def _kind_of(self, answer: str | None) -> int:
        size = len(self._index)
        at = self._index.get(str(answer), size)
        return at if size <= MOST_LABELS else at * MOST_LABELS // size

    def _ranks_of_labels(self) -> Ranks | None:
        if not self._index:
            return None
        answers = [self.reference.table.answers[at].answer for at in self._first]
        return Ranks([self._kind_of(answer) for answer in answers], min(len(self._index), MOST_LABELS) + 1, self.seed)

    def _ranks_of_certainty(self) -> Ranks | None:
        sure = self.reference.certainty[self._first]
        if self.reference.no_certainty:
            return None
        return Ranks([_step(one) for one in sure if np.isfinite(one)], int(SUREST / FINENESS) + 2, self.seed + 1)


def _is_day(look: Look) -> bool:
    return look.name[:1].isdigit()


def _step(certainty: float) -> int:
    return int(min(-np.log(max(1 - certainty, 1e-9)), SUREST) / FINENESS)


def _first_of_groups(reference: Reference) -> NDArray[np.int64]:
    """Positions of the test's answers, of each group one."""
    _, first = np.unique(np.asarray(reference.table.groups), return_index=True)
    return np.sort(first)
