"""What a setting may be: values that all readers take for the same, and numbers within a range."""

import math
from typing import Any

from metier.errors import shown

LARGEST = 2**53
"""Whole numbers up to here are exact in JSON and as floats."""
MOST = 1_000_000_000
"""Rows, tokens or characters that a setting may ask for; more is a slip of the hand."""
SCALARS = (bool, int, float, str)
NO_SETTING = {"setting": False}
"""Metadata of a field that only code can fill in, such as a function."""
QUOTE, NO_QUOTE = "Write it in quotation marks", "Write it without quotation marks"


def unusable(value: Any) -> str | None:
    """Why no setting can have a value, whatever it is for; None where one can. Looks into lists and mappings."""
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, float) and not math.isfinite(at):
            return f"{at} is no number to go by"
        if isinstance(at, str) and any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in at):
            return f"{shown(at)} holds half of a character pair or a NUL, which is no character of a text"
        if isinstance(at, dict):
            todo += [*at.keys(), *at.values()]
        elif isinstance(at, list | tuple | set):
            todo += at
    return None


def too_large(value: Any) -> str | None:
    """Why a whole number cannot be a setting, alone or in a list or mapping."""
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, int) and abs(at) > LARGEST:
            return f"A number of {at.bit_length()} bits is more than any setting takes"
        todo += [*at.keys(), *at.values()] if isinstance(at, dict) else at if isinstance(at, list | tuple) else []
    return None


def misread(given: Any, taken: Any) -> str | None:
    """Why a value is not what it was taken for: pydantic makes 1 of true and 5 of "5", which nobody meant."""
    if isinstance(given, list | tuple) and isinstance(taken, list | tuple):
        return next(filter(None, map(misread, given, taken)), None)
    if isinstance(given, dict) and isinstance(taken, dict):
        return misread([*given.keys(), *given.values()], [*taken.keys(), *taken.values()])
    if not isinstance(given, SCALARS) or type(taken) not in SCALARS or type(given) is type(taken):
        return None
    if isinstance(taken, str):
        return f"{shown(given)} is no text. {QUOTE}"
    if isinstance(given, str):
        return f"{shown(given)} is a text. {NO_QUOTE}"
    if isinstance(given, bool) or isinstance(taken, bool):
        return f"{shown(given)} is no {'truth (true or false)' if isinstance(taken, bool) else 'number'}"
    return None  # 2.0 for 2, or 2 for 2.0


def outside(plugin: Any, **ranges: tuple[float, float]) -> list[str]:
    """What is wrong with settings of a plug-in that are below the least or above the largest value they may have."""
    found = []
    for name, (least, largest) in ranges.items():
        value = getattr(plugin, name)
        if not least <= value <= largest:
            found.append(f"{name}: use a number from {least:,} to {largest:,}, not {shown(value)}.")
    return found
