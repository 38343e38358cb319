"""Errors that the user can fix: what was asked, what is wrong, what to do. And how they show a value of others."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

# What a terminal obeys instead of showing (C0, DEL, C1), what turns the order of letters around (bidirectional
# controls), and halves of characters, which no encoding can write. Line ends and tabs stay.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MOST_SHOWN = 80
"""Characters of a value that a message shows."""


class UserError(Exception):
    """A problem that the person at the keyboard can fix; printed without a traceback, exit code 3."""


class Problems(UserError):
    """Several problems found in one pass, so that a recipe is fixed once and not once per message."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(problems[0] if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence that follows an unknown name: the nearest right one, and all there are."""
    known = sorted(known)
    # The comparison takes the product of both lengths: a name of a megabyte is like none of ours.
    close = get_close_matches(word[:MOST_SHOWN], known, n=1, cutoff=0.5)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"{guess} There are: {', '.join(known)}." if known else f"{guess} There are none."


def shown(value: Any, most: int = MOST_SHOWN) -> str:
    """A value as a message shows it: quoted as in Python, on one line, no control characters, its middle left out."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    return shortened(printable(text).replace("\n", "\\n"), most)


def shortened(text: str, most: int, what: str = "more characters") -> str:
    """A long text by its two ends, with how much was left out of `what`."""
    if len(text) <= most:
        return text
    left_out, half = len(text) - most, most // 2
    return f"{text[:half]} [... {left_out:,} {what} ...] {text[-half:]}"


def printable(text: str) -> str:
    """The text with every control character written out (`\\x1b`), so that a terminal shows it and does not obey it."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
