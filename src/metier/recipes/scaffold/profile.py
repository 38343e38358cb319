"""A column of a team's table in figures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

DATES = "date day time year created updated timestamp received opened"
MOST_ANSWERS = 300
LONGEST_ANSWER = 60
"""Characters, on average: what is longer is a text and not the name of a class."""


@dataclass(frozen=True)
class Profile:
    """A column in figures."""

    name: str
    rows: int
    """Rows that have a value."""
    distinct: int
    length: float
    """Characters of a value, on average."""
    text: bool
    spaced: bool
    """Values of several words, as texts have and keys have not."""
    dated: bool
    values: frozenset[str]

    @property
    def repeats(self) -> bool:
        return 1 < self.distinct <= 0.7 * self.rows

    @property
    def classes(self) -> bool:
        """Few short values that come again."""
        few = self.repeats and self.distinct <= min(MOST_ANSWERS, self.rows / 3)
        return few and 0 < self.length <= LONGEST_ANSWER

    def called(self, words: str) -> bool:
        """Whether the name has one of these words, alone or in the plural: `Customer ID`, `patientId`, `labels`."""
        parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", self.name)
        return any(
            part.lower().removesuffix("s") in {word.removesuffix("s") for word in words.split()} for part in parts
        )

    @property
    def numbers(self) -> bool:
        return bool(self.values) and all(re.fullmatch(r"-?[\d.,]+", value) for value in self.values)


def absent(value: Any) -> bool:
    """Nothing, an empty or blank cell, or the NaN with which tables fill a gap."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def profile_of(name: str, rows: Sequence[dict[str, Any]]) -> Profile:
    """The figures of the column of that name."""
    values = [row[name] for row in rows if not absent(row.get(name))]
    flat = [value for value in values if not isinstance(value, list | dict)]
    texts = [str(value) for value in flat] if len(flat) == len(values) else []
    return Profile(
        name,
        len(texts),
        len(set(texts)),
        sum(map(len, texts)) / max(len(texts), 1),
        bool(texts) and all(isinstance(value, str) for value in flat),
        sum(" " in value.strip() for value in texts) > len(texts) / 2,
        bool(texts) and _dates(name, flat),
        frozenset(set(texts)) if len(set(texts)) <= MOST_ANSWERS else frozenset(),
    )


def _dates(name: str, values: list[Any]) -> bool:
    if all(isinstance(value, date | datetime) for value in values):
        return True
    named = Profile(name, 0, 0, 0.0, False, False, False, frozenset()).called(DATES)
    form = r"\d{4}-\d\d(-\d\d)?([T ].*)?|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d\d)" + (r"|(19|20)\d\d" if named else "")
    return all(re.fullmatch(form, str(value).strip()) for value in values)
