"""Answers that a model gave at work: the traces of `metier serve`, or a file of answers of `metier predict`."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.spreadsheets import without_quote
from metier.errors import shown

OWN = ("id", "time", "answer", "certainty", "second", "second_certainty", "review", "reason", "corrected", "why")
"""Columns of a file of answers that are not the row's."""
YES_OR_NO = {"yes": True, "no": False, "true": True, "false": False}


@dataclass(frozen=True)
class Trace:
    """One row that was asked, and its answer."""

    origin: str
    """file:place."""
    id: str
    """As the trace says; of a file of answers its place."""
    day: str | None
    """YYYY-MM-DD; None: it has no time."""
    columns: Mapping[str, Any]
    """The row."""
    answer: str | None
    """None: it got none."""
    certainty: float | None
    review: bool | None
    """Whether it was sent to review; None: nobody asked for review."""
    review_share: float | None
    """What share of the rows was to go to review, as it was promised."""
    corrected: str | None
    """The right answer, by a person; None: nobody looked."""
    model: str | None
    """SHA-256 of the model that answered; a file of answers does not say."""
    benchmark: str | None
    served: bool = False
    """Whether `metier serve` wrote it."""


def read_traces(path: str) -> Iterator[Trace | tuple[str, str]]:
    """Every row of the files in their order; one that cannot be used as (file:place, why). Reads row by row.

    Raises `UserError` where there is no file, or one cannot be read to its end.
    """
    for origin, piece in pieces(path):
        if isinstance(piece, RejectedRow):
            yield origin, piece.reason
            continue
        try:
            yield _trace(origin, piece)
        except ValueError as wrong:
            yield origin, str(wrong)


def _trace(origin: str, piece: Mapping[str, Any]) -> Trace:
    """Raises `ValueError` where a value is not what it should be."""
    served = isinstance(piece.get("row"), dict)
    if "answer" not in piece:
        raise ValueError("has no `answer`. Give traces of `metier serve`, or answers of `metier predict`.")
    cells = piece if served else {key: without_quote(value) for key, value in piece.items()}
    columns = piece["row"] if served else {key: value for key, value in cells.items() if key not in OWN}
    return Trace(
        origin,
        words_of(cells, "id") or origin,
        _day(cells),
        columns,
        words_of(cells, "answer"),
        _share(cells, "certainty"),
        _yes_or_no(cells),
        _share(cells, "review_share"),
        words_of(cells, "corrected"),
        words_of(cells, "model_sha256") if served else None,
        words_of(cells, "benchmark") if served else None,
        served,
    )


def words_of(cells: Mapping[str, Any], name: str) -> str | None:
    value = cells.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dict | list | bool):
        raise ValueError(f"has {shown(value)} in '{name}'. Give one text.")
    return str(value).strip() or None


def _share(cells: Mapping[str, Any], name: str) -> float | None:
    if (words := words_of(cells, name)) is None:
        return None
    try:
        share = float(words)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"has {shown(words)} in '{name}'. Give a number from 0 to 1.")
    return share


def _yes_or_no(cells: Mapping[str, Any]) -> bool | None:
    value = cells.get("review")
    if isinstance(value, bool) or value is None:
        return value
    words = words_of(cells, "review")
    if words is None:
        return None
    if words.lower() not in YES_OR_NO:
        raise ValueError(f"has {shown(words)} in 'review'. Give yes or no.")
    return YES_OR_NO[words.lower()]


def _day(cells: Mapping[str, Any]) -> str | None:
    if (words := words_of(cells, "time")) is None:
        return None
    try:
        return datetime.fromisoformat(words).date().isoformat()
    except ValueError:
        raise ValueError(f"has the time {shown(words)}. Give it as 2026-12-01T07:00:00Z.") from None
