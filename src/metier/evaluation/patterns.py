"""Regular expressions of recipes and rows: a few of them take longer than the universe is old, so each has its time."""

from typing import Any

import regex

from metier.errors import shown

TIMEOUT_S = 0.5
"""Seconds of processor time. What is meant to find an answer takes less than a thousandth of it."""
LONGEST = 2_000
"""Characters of an expression."""


class TooSlow(ValueError):
    """The expression did not come to an end on a text."""


def compiled(pattern: str, flags: int = 0) -> Any:
    """The expression, read as Python's `re` reads it. Raises `ValueError` where it is none."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a regular expression of {len(pattern):,} characters, of {LONGEST:,} that are read")
    try:
        return regex.compile(pattern, regex.VERSION0 | flags)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"{shown(pattern)} is no regular expression: {error}") from error


def matches_whole(pattern: str, text: str, dot_all: bool = False) -> bool:
    """Whether the whole text fits the expression. Raises `ValueError`, and `TooSlow` where it takes too long."""
    expression = compiled(pattern, regex.DOTALL if dot_all else 0)
    try:
        return expression.fullmatch(text, timeout=TIMEOUT_S) is not None
    except TimeoutError as error:
        raise _too_slow(pattern, text) from error


def last_group(pattern: str, text: str) -> str | None:
    """The first group of the last match that has one. Raises as `matches_whole` does."""
    try:
        groups = [match[1] for match in compiled(pattern).finditer(text, timeout=TIMEOUT_S) if match[1]]
    except TimeoutError as error:
        raise _too_slow(pattern, text) from error
    return groups[-1] if groups else None


def _too_slow(pattern: str, text: str) -> TooSlow:
    return TooSlow(
        f"the regular expression {shown(pattern)} takes more than {TIMEOUT_S} s on {shown(text)}; write it without a "
        "repetition inside a repetition"
    )
