"""Take out of the training rows what stands in a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Interval

from metier.data.kernels.folding import foldable
from metier.data.kernels.overlap import Runs, index, occurrences, run_hashes
from metier.data.kernels.words import sequence_hashes, word_hashes
from metier.data.records import Question, canonical
from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.data.steps._compared import compared, question_text
from metier.evaluation.benchmark import Benchmark
from metier.recipes.settings import MOST, PositiveShare

RUNS = ((26, 13), (8, 8), (5, 5), (3, 3))
"""(words of a question, words of the runs by which it is looked for): 13 as Brown et al. 2020, App. C. Questions of
fewer than 8 words are known by their first run, those of fewer than 3 only as a whole row."""
WHOLE_RUNS = 8
NONE = np.zeros(0, np.uint64)
COMMON, COMMON_SHARE = 3, 0.01
"""A run that stands in more than 3 items and 1 % of a benchmark is its template, and tells nothing."""
SHORT_ANSWER = 40
"""Bytes: no question of eight words hides in a label that is shorter."""
SHOWN = 20


@dataclass
class Step(StepLike):
    """Drop every row that holds a question of one of the recipe's benchmarks: as the row, re-wrapped, anywhere in it.

    Words are compared, so line breaks, case and punctuation do not count. A question counts as held where `coverage` of
    its words stand in runs that the row has too, or where a single shared run has `longest` words. A question of 3 to 7
    words must stand whole in the row and be followed by its answer or accompanied by all its options; by itself such a
    phrase is common English.
    """

    coverage: PositiveShare = 0.8
    """Share of a question's words found in the row, in runs of 13 (questions under 26 words: 8), from which it goes
    (Touvron et al. 2023, Llama 2, A.6). At 0.5 terms that share a formula ("as the cause of diseases classified
    elsewhere") went too: 272 of 18,117 rows of ICD-10-CM."""
    longest: Annotated[int, Interval(ge=RUNS[0][1] + 1, le=MOST)] = 50
    """Words of one shared run from which a row goes, however long the question is (Lee et al. 2022, ACL)."""

    rowwise = True
    uses_benchmarks = True
    version = 4
    because = {"": "repeat test questions"}

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        if "items" not in context.kept:
            context.kept["items"] = Items(context.benchmarks)
        items: Items = context.kept["items"]
        prompts_and_texts, answers = (
            compared(rows, context.benchmarks),
            pc.fill_null(rows["label"], "").combine_chunks(),
        )
        overlaps, partly = items.held_by(prompts_and_texts, self.coverage, self.longest)
        long = np.flatnonzero(pc.greater(pc.binary_length(answers), SHORT_ANSWER))
        if len(long):  # a short label may well be called as a short question reads
            in_answers, partly_there = items.held_by(answers.take(pa.array(long)), self.coverage, self.longest)
            overlaps = {**{int(long[at]): why for at, why in in_answers.items()}, **overlaps}
            partly += [(int(long[at]), entry) for at, entry in partly_there]
        if rows["chosen"].null_count < len(rows):
            # A prompt of the test is one, whatever two answers stand behind it.
            prompts = sequence_hashes(foldable(compared(rows, context.benchmarks, answers=False)))
            overlaps |= {position: f"is {title}" for position, title in items.equal(prompts).items()}
        reasons = [overlaps.get(position) for position in range(len(rows))]
        listed = [{"row": rows["id"][position].as_py(), **entry} for position, entry in partly[:SHOWN]]
        return filter_rows(rows, reasons, overlapping=len(overlaps), partly=listed)


def overlap(rows: pa.Table, benchmarks: Sequence[Benchmark]) -> dict[str, str]:
    """Row id -> which test question it repeats word for word: all that `curate` insists on without this step.

    Without the answers of a pair: a prompt of the test is one, whatever two answers stand behind it.
    """
    items = Items(benchmarks)
    hashes, ids = sequence_hashes(foldable(compared(rows, benchmarks, answers=False))), rows["id"].to_pylist()
    return {ids[position]: title for position, title in items.equal(hashes).items()}


class Items:
    """The test questions of all benchmarks, and their runs of words."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        pairs = [(benchmark, question) for benchmark in benchmarks for question in benchmark.all_questions()]
        self.questions = [(benchmark.name, question) for benchmark, question in pairs]
        question_texts = [question_text(benchmark, question) for benchmark, question in pairs]
        texts = foldable(pa.array(question_texts, pa.large_string()))
        self.whole: dict[np.uint64, str] = {}
        for number, whole in enumerate(sequence_hashes(texts)):
            self.whole.setdefault(whole, self.title(number))
        words, begins = word_hashes(texts)
        self.words = np.diff(begins)
        self.length = np.select([self.words >= words for words, _ in RUNS], [run for _, run in RUNS])
        self.runs = self._index(words, begins)
        self.short: dict[int, Short] = {}

    def title(self, number: int) -> str:
        name, question = self.questions[number]
        return f"a question of '{name}' ({question.id})"

    def _index(self, words: np.ndarray, begins: np.ndarray) -> Runs:
        """Index of all runs that tell something, and their postings: which item, at which of its words."""
        runs_of_items = [
            run_hashes(words[begins[i] : begins[i + 1]], int(n))[: None if n >= WHOLE_RUNS else 1] if n else NONE
            for i, n in enumerate(self.length)
        ]
        hashes = np.concatenate([NONE, *runs_of_items])
        item = np.repeat(np.arange(len(runs_of_items)), [len(runs) for runs in runs_of_items])
        at = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(runs)) for runs in runs_of_items)])
        # A short question is one run: where it is common, its answer or options tell.
        telling = ~self._common(hashes, item) | (self.words[item] < WHOLE_RUNS)
        hashes, item, at = hashes[telling], item[telling], at[telling]
        order = np.argsort(hashes, kind="stable")
        self.item, self.at = item[order], at[order]
        runs = index(hashes, sorted({int(n) for n in self.length if n}))
        self.postings = np.searchsorted(hashes[order], runs.hashes)
        self.postings = np.append(self.postings, len(hashes))
        self.countable = _covered(self.item, self.at, self.length[self.item], len(self.questions))
        return runs

    def _common(self, hashes: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Runs of a benchmark's template: in more than a few of its items."""
        names = sorted({name for name, _ in self.questions})
        of_item = np.array([names.index(name) for name, _ in self.questions], np.int64)
        sizes = np.bincount(of_item, minlength=len(names))
        pairs = np.unique(np.stack([hashes, item.astype(np.uint64)]), axis=1)
        _, place, counts = np.unique(pairs[0], return_index=True, return_counts=True)
        several = counts > COMMON
        home = of_item[pairs[1][place[several]].astype(np.int64)]
        common = pairs[0][place[several]][counts[several] > COMMON_SHARE * sizes[home]]
        return np.isin(hashes, common)

    def equal(self, hashes: np.ndarray) -> dict[int, str]:
        """Row position -> the question that has the same words."""
        positions = np.flatnonzero(np.isin(hashes, np.array(list(self.whole), np.uint64)))
        return {position: self.whole[hashes[position]] for position in positions.tolist()}

    def held_by(
        self, texts: pa.Array | pa.ChunkedArray, coverage: float, longest: int
    ) -> tuple[dict[int, str], list[tuple[int, dict[str, Any]]]]:
        """(position -> reason, position and what overlaps without being enough)."""
        folded = foldable(texts)
        hits, hashes = occurrences(folded, self.runs)
        row, item, at = self._expanded(hits)
        reasons = {position: f"is {title}" for position, title in self.equal(hashes).items()}
        partly: list[tuple[int, dict[str, Any]]] = []
        lowered: dict[int, str] = {}
        for first, last in _stretches(row, item):
            r, i = int(row[first]), int(item[first])
            if r in reasons:
                continue
            n = int(self.length[i])
            share, run = _shared(at[first:last], n, int(self.countable[i]))
            if n < WHOLE_RUNS:
                if r not in lowered:
                    lowered[r] = folded[r].as_py().lower()
                if i not in self.short:
                    self.short[i] = Short.of(self.questions[i][1])
                if self.short[i].stands_in(lowered[r]):
                    reasons[r] = f"holds {self.title(i)} with its answer or options"
            elif share >= coverage or run >= longest:
                reasons[r] = f"holds {share:.0%} of {self.title(i)}, {run} words in one run"
            elif share >= coverage / 2:
                partly.append((r, {"question": self.title(i), "share": round(share, 2)}))
        return reasons, partly

    def _expanded(self, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each hit for every item that has the run, sorted by row, item and place in the item, without repeats."""
        pairs = np.unique(hits[:, [0, 3]], axis=0) if len(hits) else np.zeros((0, 2), np.int64)
        begins, ends = self.postings[pairs[:, 1]], self.postings[pairs[:, 1] + 1]
        sizes = ends - begins
        places = np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        row, item, at = np.repeat(pairs[:, 0], sizes), self.item[places], self.at[places]
        order = np.lexsort((at, item, row))
        return row[order], item[order], at[order]


@dataclass(frozen=True)
class Short:
    """A question of a few words, as common English as any: only with what belongs to it does it tell."""

    asked: str
    answer: str
    options: tuple[str, ...]

    @classmethod
    def of(cls, question: Question) -> "Short":
        return cls(canonical(question.text), canonical(question.answer), tuple(map(canonical, question.options)))

    def stands_in(self, text: str) -> bool:
        """Whether a `foldable` text in lower case has the question, with its answer right behind it or all its options
        anywhere."""
        ways = [parts for parts in ((self.answer,), self.options) if all(parts) and parts]
        # Most texts lack one of the words: they need not be folded.
        if not any(all(word in text for part in (self.asked, *parts) for word in part.split()) for parts in ways):
            return False
        padded = f" {canonical(text)} "
        if self.options and f" {self.asked} " in padded and all(f" {option} " in padded for option in self.options):
            return True
        return bool(self.answer) and f" {self.asked} {self.answer} " in padded


def _stretches(row: np.ndarray, item: np.ndarray) -> list[tuple[int, int]]:
    """(begin, end) of the places where row and item stay the same."""
    if not len(row):
        return []
    edges = np.flatnonzero((np.diff(row) != 0) | (np.diff(item) != 0)) + 1
    bounds = [0, *edges.tolist(), len(row)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def _shared(at: np.ndarray, length: int, countable: int) -> tuple[float, int]:
    """(share of the item's countable words in runs that begin at `at`, words of the longest unbroken run)."""
    steps = np.diff(at)
    words = int(np.minimum(steps, length).sum()) + length
    breaks = np.flatnonzero(steps != 1)
    unbroken = np.diff(np.concatenate([[-1], breaks, [len(at) - 1]]))
    return words / max(countable, 1), int(unbroken.max()) - 1 + length


def _covered(item: np.ndarray, at: np.ndarray, length: np.ndarray, items: int) -> np.ndarray:
    """Words of each item that stand in at least one of its runs here."""
    order = np.lexsort((at, item))
    item, at, length = item[order], at[order], length[order]
    follows = np.append(np.diff(item) == 0, False)
    step = np.append(np.diff(at), 0)
    words = np.where(follows, np.minimum(step, length), length)
    return np.bincount(item, words, minlength=items).astype(np.int64)
