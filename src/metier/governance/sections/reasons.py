"""Why rows were dropped, by kind. A reason in dropped.parquet may quote a row; a dossier holds no data."""

import re
from collections import Counter

import pyarrow as pa

KINDS = (
    (r"same text as ", "the same text as an earlier row"),
    (r"same text with [\d,]+ labels", "the same text with several labels"),
    (r"[\d.]+% of its word runs are those of ", "nearly the same text as another row"),
    (r"is a question of ", "is a test question"),
    (r"holds ", "holds a test question, or most of it"),
    (r"over the budget of ", "over the budget of rows"),
    (r"[\d,]+ words, ", "too short or too long"),
    (r"[\d.]+% of its (characters|lines) ", "broken or repetitive text"),
    (r"one pair of words ", "broken or repetitive text"),
    (r"its answer stands in its text", "the answer stands in the text"),
    (r"label '.*' looks wrong", "the label looks wrong"),
)
"""How the reasons of our own steps begin, and what kind of reason that is."""
OTHER = "the step's own reason"


def dropped_by_kind(dropped: pa.Table) -> list[tuple[str, str, int]]:
    """(step, kind of reason, rows), in the order of the steps, the most common first."""
    steps, reasons = (dropped[column].to_pylist() for column in ("step", "reason"))
    counts = Counter(zip(steps, map(kind_of, reasons), strict=True))
    order = list(dict.fromkeys(steps))
    return sorted(
        ((step, kind, rows) for (step, kind), rows in counts.items()), key=lambda row: (order.index(row[0]), -row[2])
    )


def kind_of(reason: str) -> str:
    """What kind of reason it is, without what it says of the row."""
    return next((kind for begin, kind in KINDS if re.match(begin, reason, flags=re.S)), OTHER)
