"""Errors that the user can mend: what was asked, what is wrong, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A problem that the person at the keyboard can mend; printed without a traceback, exit code 3."""


class Problems(UserError):
    """Several problems found in one pass, so that a recipe is mended once and not once per message."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(problems[0] if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence that follows an unknown name: the nearest right one, and all there are."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"{guess} There are: {', '.join(known)}." if known else f"{guess} There are none."


def shown(value: object, most: int = 80) -> str:
    """A value as a message shows it: control characters escaped, long ones shortened."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in repr(value))
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"
