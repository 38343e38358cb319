"""Drop rows that are too short, too long, repetitive or not text."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import canonical
from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.recipes.settings import Count, PositiveCount, Share

MEASURED_FROM_WORDS, MEASURED_FROM_LETTERS = 50, 50
"""Shares are only measured on longer texts: in "heart failure" the commonest word pair is the whole text. 50 words is
the shortest document that Gopher keeps."""
ANSWER_WORDS = 4
"""A shorter answer (yes, 12, left ventricle) stands in many texts by chance."""
LISTED = 200


@dataclass
class Step(StepLike):
    """Each drop says what was measured. Shares of repetition are those of Gopher (Rae et al. 2021, table A1)."""

    min_words: Count = 1
    """Rows with fewer words are dropped."""
    max_words: PositiveCount = 100_000
    """Rows with more words are dropped."""
    repeated_lines: Share = 0.3
    """Largest share of lines that repeat an earlier line, in texts of 50 words and more."""
    top_pair: Share = 0.2
    """Largest share of the letters that the commonest pair of words may take, in texts of 50 words and more."""
    broken: Share = 0.01
    """Largest share of characters that are no text: the replacement character, control characters, private use."""
    symbols: Share = 0.6
    """Largest share of characters that are neither letters, digits nor space, in texts of 50 characters and more."""
    answer_in_prompt: Literal["report", "drop"] = "report"
    """What happens where an answer of 4 words or more is part of its own text: `report` it in the notes, or `drop` it.
    Only in tasks whose answers are written freely: where labels recur, a label's word in the text is no leak."""

    version = 2
    because = {
        "words, fewer": "too short",
        "words, more": "too long",
        "are no text": "not text",
        "are symbols": "mostly symbols",
        "its answer stands": "with the answer in the text",
        "": "repeat themselves",
    }

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        reasons = self._measured(rows["text"])
        leaks = [] if not len(rows) else answers_in_prompts(rows)
        if self.answer_in_prompt == "drop":
            for i in leaks:
                reasons[i] = reasons[i] or "its answer stands in its text"
        notes: dict[str, Any] = {"answers_in_prompt": len(leaks), "answers_in_prompt_ids": _ids(rows, leaks[:LISTED])}
        return filter_rows(rows, reasons, **notes)

    def _measured(self, texts: pa.ChunkedArray) -> list[str | None]:
        words = _counted(texts, r"\S+")
        letters = pc.utf8_length(texts).to_numpy()
        # RE2 has no class for "unassigned"; control characters other than tab and line ends, private use, U+FFFD.
        broken = _counted(texts, r"[\x{FFFD}\p{Co}\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]") / np.maximum(letters, 1)
        signs = _counted(texts, r"[^\p{L}\p{M}\p{N}\s]") / np.maximum(letters, 1)
        long = np.flatnonzero((words >= MEASURED_FROM_WORDS) & (words <= self.max_words))
        repeated = dict(zip(long.tolist(), map(self._repetition, texts.take(pa.array(long)).to_pylist()), strict=True))
        reasons: list[str | None] = []
        for i, (n, bad, sign) in enumerate(zip(words, broken, signs, strict=True)):
            if n < self.min_words:
                reasons.append(f"{n:,} words, fewer than {self.min_words:,}")
            elif n > self.max_words:
                reasons.append(f"{n:,} words, more than {self.max_words:,}")
            elif bad > self.broken:
                reasons.append(f"{bad:.1%} of its characters are no text (at most {self.broken:.1%})")
            elif sign > self.symbols and letters[i] >= MEASURED_FROM_LETTERS:
                reasons.append(f"{sign:.0%} of its characters are symbols (at most {self.symbols:.0%})")
            else:
                reasons.append(repeated.get(i))
        return reasons

    def _repetition(self, text: str) -> str | None:
        lines, pair = repeated_lines(text), top_pair(text)
        if lines > self.repeated_lines:
            return f"{lines:.0%} of its lines repeat an earlier one (at most {self.repeated_lines:.0%})"
        if pair > self.top_pair:
            return f"one pair of words takes {pair:.0%} of its letters (at most {self.top_pair:.0%})"
        return None

    def problems(self) -> list[str]:
        return [] if self.min_words <= self.max_words else ["min_words is above max_words: every row would go."]


def repeated_lines(text: str) -> float:
    """Share of the lines with text that say the same as an earlier one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def top_pair(text: str) -> float:
    """Share of a text's letters that the commonest pair of neighboring words takes, all its places together.

    A pair that stands once takes nothing. Overlapping places count each: the share of "a a a a" is above 1, cut to 1.
    """
    words = re.findall(r"\S+", text)
    pairs = Counter(zip(words, words[1:], strict=False))
    if not pairs:
        return 0.0
    (one, other), count = max(pairs.items(), key=lambda item: item[1] * len("".join(item[0])) * (item[1] > 1))
    taken = count * len(one + other) if count > 1 else 0
    return min(taken / sum(map(len, words)), 1.0)


def answers_in_prompts(rows: pa.Table) -> list[int]:
    """Positions of the rows whose answer stands word for word in their text.

    Only in tasks of free answers, where more than half of the labels stand once. An answer that is one of the row's own
    options stands before the model anyway.
    """
    texts, labels, tasks, options = (rows[name].to_pylist() for name in ("text", "label", "task", "options"))
    kinds: dict[str | None, Counter[str]] = {}
    for task, label in zip(tasks, labels, strict=True):
        if label is not None:
            kinds.setdefault(task, Counter())[label] += 1
    free = {task for task, counts in kinds.items() if len(counts) > counts.total() / 2}
    positions = []
    for i, (text, label, task, given) in enumerate(zip(texts, labels, tasks, options, strict=True)):
        if label is None or given or task not in free or len(label.split()) < ANSWER_WORDS:
            continue
        if f" {canonical(label)} " in f" {canonical(text)} ":
            positions.append(i)
    return positions


def _counted(texts: pa.ChunkedArray, pattern: str) -> np.ndarray:
    counts: np.ndarray = pc.count_substring_regex(texts, pattern).to_numpy()
    return counts


def _ids(rows: pa.Table, positions: list[int]) -> list[str]:
    ids: list[str] = rows["id"].take(pa.array(positions, pa.int64())).to_pylist()
    return ids
