"""Whose rows they are: the user's own, general text, or those of a named dataset."""

from collections import Counter
from collections.abc import Iterable

GENERAL = ("general", "wikitext2")
"""Datasets of plain English, learned or asked so that it is not forgotten."""
YOURS = "of yours"


def whose(datasets: Iterable[str], own: Iterable[str]) -> dict[str, int]:
    """`of yours`, `of general text` or `of NAME` -> how many rows, given the dataset of each row and the names of those
    that the user brought; his own first."""
    mine = set(own)
    counts = Counter(
        YOURS if name in mine else "of general text" if name in GENERAL else f"of {name}" for name in datasets
    )
    return dict(sorted(counts.items(), key=lambda entry: (entry[0] != YOURS, -entry[1], entry[0])))


def in_words(counts: dict[str, int]) -> str:
    """`3,600 of yours, 72 of general text`."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items())
