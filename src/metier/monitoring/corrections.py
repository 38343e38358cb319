"""Right answers that people filled in: `to_label.csv` and files like it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.spreadsheets import without_quote
from metier.errors import UserError, shown
from metier.evaluation.scoring import plain
from metier.monitoring.traces import Trace, words_of

RANDOM = "random"
"""What `why` says of a row that was asked for by the random part of the queue."""


@dataclass(frozen=True)
class Correction:
    """What a person said about a row."""

    label: str
    why: str
    """Why the row was asked for; empty where the file does not say."""
    place: str
    """file:place."""


class Corrections:
    """By id, and by the answer that was corrected where the file has it: two files may both count from 1."""

    def __init__(self, path: str | None) -> None:
        """Reads the columns `id`, `corrected`, `answer` and `why` alone: a spreadsheet rewrites times and numbers.

        Raises `UserError` where a column is missing, or two rows contradict each other.
        """
        self._given: dict[tuple[str, str | None], Correction] = {}
        self._fits: dict[tuple[str, str | None], int] = {}
        self.broken: list[str] = []
        for origin, piece in pieces(path) if path else ():
            if isinstance(piece, RejectedRow):
                self.broken.append(f"{origin} {piece.reason}")
                continue
            try:
                self._add(origin, piece)
            except ValueError as wrong:
                self.broken.append(f"{origin} {wrong}")

    def _add(self, origin: str, piece: Mapping[str, Any]) -> None:
        """Raises `ValueError` where a cell holds no text."""
        if missing := [name for name in ("id", "corrected") if name not in piece]:
            raise UserError(
                f"{origin} has no column `{missing[0]}`. Give to_label.csv filled in: `id`, `answer` and `corrected`."
            )
        cells = {name: without_quote(piece.get(name)) for name in ("id", "corrected", "answer", "why")}
        if (label := words_of(cells, "corrected")) is None:
            return
        if (id_ := words_of(cells, "id")) is None:
            raise UserError(f"{origin} is corrected to {shown(label)} and has no `id`. Give the id of its row.")
        answer = words_of(cells, "answer")
        key = id_, None if answer is None else plain(answer)
        before = self._given.get(key)
        if before and plain(before.label) != plain(label):
            raise UserError(
                f"{origin} corrects {shown(id_)} to {shown(label)}, and {before.place} to {shown(before.label)}. "
                "Leave one of them; rows of different files need ids of their own."
            )
        if not before or before.why != RANDOM:
            self._given[key] = Correction(label, words_of(cells, "why") or "", origin)

    def _key(self, trace: Trace) -> tuple[str, str | None]:
        exact = trace.id, plain(str(trace.answer))
        return exact if exact in self._given else (trace.id, None)

    def of(self, trace: Trace) -> Correction | None:
        """What was said about this row; else what its trace says itself; None: nobody looked."""
        if found := self._given.get(self._key(trace)):
            return found
        return Correction(trace.corrected, "", trace.origin) if trace.corrected is not None else None

    def apply(self, trace: Trace) -> tuple[Trace, bool]:
        """(the row with its right answer, whether it was asked for at random); counts which corrections fit."""
        key = self._key(trace)
        if key in self._given:
            self._fits[key] = self._fits.get(key, 0) + 1
        said = self.of(trace)
        return (replace(trace, corrected=said.label), said.why == RANDOM) if said else (trace, False)

    @property
    def unused(self) -> list[str]:
        """Where corrections stand that fit no row."""
        return [one.place for key, one in self._given.items() if key not in self._fits]

    @property
    def ambiguous(self) -> list[str]:
        """Where those stand that fit more than one row."""
        return [self._given[key].place for key, rows in self._fits.items() if rows > 1]
