"""The rows most worth labeling: the least certain ones, and a random share, so that accuracy can be estimated."""

import heapq
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xxhash

from metier.data.records import canonical
from metier.monitoring.traces import Trace, read_traces
from metier.serving.table import text, writer

RANDOM_SHARE = 0.05
"""Share of the rows that the random sample is drawn from; the least certain ones are taken from the others."""
UNSURE, RANDOM = 150, 50
"""Rows that are put into the queue of each kind: about an hour or two of work."""
LONGEST = 100_000
"""Characters of a row that is queued; nobody labels a longer one in a spreadsheet."""
NEW = ("corrected", "answer", "certainty", "why", "id", "time")


def place(trace: Trace, seed: int) -> float:
    """Where a row stands in the random order, between 0 and 1: by its id alone, so that it is the same in each call."""
    return xxhash.xxh3_64_intdigest(f"{seed}:{trace.id}".encode("utf-8", "replace")) / 2**64


def content(words: str | None, trace: Trace) -> bytes:
    """Equal for rows with the same text; of rows without one, for those that are the same in all columns."""
    words = "\0".join(map(text, trace.columns.values())) if words is None else words
    words = canonical(words)
    return xxhash.xxh3_128_digest(words.encode("utf-8", "replace"))


class Queue:
    """The first few rows of an order, each text once; those that people looked at are left out."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._heap: list[tuple[float, int, bytes, Trace]] = []
        self._there: set[bytes] = set()
        self._number = 0

    def add(self, key: float, trace: Trace, words: str | None) -> None:
        """Offer a row and its text; the lowest keys stay."""
        if len(self._heap) == self.most and key >= -self._heap[0][0]:
            return
        if (what := content(words, trace)) in self._there:
            return
        self._number += 1
        self._there.add(what)
        entry = (-key, -self._number, what, trace)
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        else:
            self._there.discard(heapq.heappushpop(self._heap, entry)[2])

    def rows(self, known: set[bytes]) -> list[tuple[float, bytes, Trace]]:
        """(key, content, row) in order, without those whose text is known."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return [(-key, what, trace) for key, _, what, trace in ordered if what not in known]


def write_queue(path: Path, unsure: Queue, random: Sequence[Queue], known: set[bytes], drawn_before: set[bytes]) -> int:
    """Write the rows to label, with an empty column `corrected`; returns how many there are.

    Left out are texts that people know; of the random rows only those that were drawn at random before, since a sample
    without the rows that somebody picked would be none.
    """
    ordered = sorted((row for queue in random for row in queue.rows(drawn_before)), key=lambda row: row[0])
    once: dict[bytes, Trace] = {}
    for _, what, trace in ordered:
        once.setdefault(what, trace)
    drawn = list(once.items())[:RANDOM]
    taken = known | {what for what, _ in drawn}
    least_sure = unsure.rows(taken)[:UNSURE]
    rows = [_cells(trace, "least certain") for _, _, trace in least_sure] + [_cells(t, "random") for _, t in drawn]
    columns = list(dict.fromkeys(column for row in rows for column in row if column not in NEW))
    _keep_filled_in(path)
    scratch = path.with_name(f".{path.stem}.part.csv")
    with writer(scratch, dict.fromkeys([*NEW, *columns], str)) as table:
        table.write(rows)
    scratch.replace(path)
    return len(rows)


def _keep_filled_in(path: Path) -> None:
    """People's work is never written over: a queue in which somebody filled something in gets another name."""
    if not path.is_file():
        return
    found = read_traces(str(path))
    if any(isinstance(row, tuple) or row.corrected is not None for row in found):
        number = next(number for number in itertools.count(1) if not _kept_as(path, number).exists())
        path.rename(_kept_as(path, number))


def _kept_as(path: Path, number: int) -> Path:
    return path.with_name(f"labeled-{number}.csv")


def _cells(trace: Trace, why: str) -> dict[str, Any]:
    own = {"corrected": "", "answer": trace.answer, "certainty": trace.certainty, "why": why, "id": trace.id}
    return {**trace.columns, **own, "time": trace.day}


def short(columns: Sequence[Any]) -> bool:
    """Whether a row is short enough for the queue."""
    return sum(len(value) for value in columns if isinstance(value, str)) <= LONGEST
