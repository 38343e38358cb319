"""One pass over the traces, in memory that does not grow with them: counts by day, a sample, and the queue."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from metier.errors import UserError
from metier.evaluation.scoring import plain
from metier.monitoring.corrections import Corrections
from metier.monitoring.labeling import RANDOM, RANDOM_SHARE, UNSURE, Queue, content, place, short
from metier.monitoring.looks import Look, Looks
from metier.monitoring.reference import Reference
from metier.monitoring.results import Rejected
from metier.monitoring.traces import Trace

SAMPLE = 2000
"""Rows that stay in memory, drawn at random, for measures of drift."""
SAMPLE_CHARACTERS = 10_000
"""Of each text in the sample."""
SHOWN = 10


@dataclass(frozen=True)
class Sampled:
    """A row of the sample."""

    text: str
    answer: str
    certainty: float
    group: str


class Collection:
    """What one pass gathers."""

    def __init__(self, reference: Reference, corrections: Corrections) -> None:
        self.reference, self.corrections = reference, corrections
        self.seed = reference.run.recipe.seed
        self.days = Looks(reference)
        self.rows = self.answered = self.without_text = 0
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
        self.unsure = Queue(2 * UNSURE)
        self.random: dict[tuple[str, bool], Queue] = {}
        """By kind and whether people looked at the row, for another reason than that it was drawn."""
        self.known: set[bytes] = set()
        """Texts that people looked at: as many as their work, not as many as the rows."""
        self.drawn: set[bytes] = set()
        """Of them, those that were asked for at random."""
        self.label_shares: Counter[str] = Counter()
        self.ungrouped = False
        self._draw = random.Random(self.seed)
        self._offered = 0
        self._index = {label: number for number, label in enumerate(reference.labels)}
        self._loosely = {plain(label): label for label in reference.labels}

    @property
    def looks(self) -> list[Look]:
        return self.days.all

    def read(self, traces: Iterable[Trace | tuple[str, str]]) -> None:
        """Take in all rows. Raises `UserError` where none of them is of this run."""
        for trace in traces:
            if isinstance(trace, tuple):
                self._reject(*trace)
            elif self._of_this_run(trace):
                self._add(*self.corrections.apply(trace))
        self.days.end()
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

    def _add(self, trace: Trace, asked_at_random: bool) -> None:
        look = self.days.of(trace, self.rows)
        self.rows += 1
        look.rows += 1
        if trace.answer is None:
            return
        self.answered += 1
        kind = {True: "sent", False: "others", None: "all"}[trace.review]
        self.of_kind[kind] += 1
        self._count(look, trace)
        text = self.reference.text_of(trace)
        self.without_text += text is None
        group = self._group(trace)
        self.days.watch(trace, group)
        self._keep(trace, text or "", group)
        if trace.corrected is not None:
            self._reviewed(look, trace, kind, content(text, trace), asked_at_random)
        if not asked_at_random:
            self._offer(trace, text, kind)

    def _offer(self, trace: Trace, text: str | None, kind: str) -> None:
        """To the queue: some rows for the random sample alone, whether people looked at them or not; of the others the
        least certain ones."""
        if not short(list(trace.columns.values())):
            return
        looked_at, where = trace.corrected is not None, place(trace, self.seed)
        if where < RANDOM_SHARE:
            self.random.setdefault((kind, looked_at), Queue(2 * RANDOM)).add(where, trace, text)
        elif trace.certainty is not None and not looked_at:
            self.unsure.add(trace.certainty, trace, text)

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

    def _reviewed(self, look: Look, trace: Trace, kind: str, what: bytes, asked_at_random: bool) -> None:
        self.known.add(what)
        if asked_at_random:
            self.drawn.add(what)
        if (label := self.label_of(str(trace.corrected))) is None:
            self.strange_labels += 1
            if len(self.strange) < SHOWN:
                self.strange.append(Rejected(place=trace.origin, why=f"is corrected to {trace.corrected!r:.80}"))
            return
        right = plain(label) == plain(str(trace.answer))
        for name in (kind, *([f"{kind}, sampled"] if asked_at_random else [])):
            look.reviewed[name] += 1
            look.right[name] += right

    def label_of(self, corrected: str) -> str | None:
        """The right answer as the label set has it; None where it does not."""
        if not self._index or corrected in self._index:
            return corrected
        return self._loosely.get(plain(corrected))
