"""What a setting may be: values that all readers take for the same, and ranges that a type declares."""

import math
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Interval

from metier.errors import nearest, shown

LARGEST = 2**53
"""Whole numbers up to here are exact in JSON and as floats."""
MOST = 1_000_000_000
"""Rows, tokens or characters that a setting may ask for; more is a slip of the hand."""
NO_SETTING = {"setting": False}
"""Metadata of a field that only code can fill in, such as a function."""

Share = Annotated[float, Interval(ge=0, le=1)]
PositiveShare = Annotated[float, Interval(gt=0, le=1)]
ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
Count = Annotated[int, Interval(ge=0, le=MOST)]
PositiveCount = Annotated[int, Interval(ge=1, le=MOST)]
AnswerTokens = Annotated[int, Interval(ge=1, le=100_000)]
TrainTokens = Annotated[int, Interval(ge=0, le=10_000_000_000)]
Weight = Annotated[float, Interval(ge=0, le=1_000)]
PositiveWeight = Annotated[float, Interval(gt=0, le=1_000)]

BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
"""How pydantic calls what is wrong with a number beyond a bound."""


def unusable(value: Any) -> str | None:
    """Why no setting can have a value, whatever it is for; None where one can. Looks into lists and mappings."""
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, float) and not math.isfinite(at):
            return f"{at} is no number to go by"
        if isinstance(at, str) and any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in at):
            return f"{shown(at)} holds half of a character pair or a NUL, which is no character of a text"
        todo += _parts(at)
    return None


def too_large(value: Any) -> str | None:
    """Why a whole number cannot be a setting, alone or in a list or mapping."""
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, int) and abs(at) > LARGEST:
            return f"A number of {at.bit_length()} bits is more than any setting takes"
        todo += _parts(at)
    return None


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set) else []


def usable(value: Any) -> Any:
    """The value itself, as a validator of pydantic. Raises `ValueError` where no setting can have it."""
    if reason := unusable(value) or too_large(value):
        raise ValueError(reason)
    return value


def whole(value: Any) -> Any:
    """The same for a whole number, which may be written as 1e6."""
    value = usable(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def range_of(kind: Any) -> str:
    """The range that a type declares, in words ("at least 0 and below 1"); empty where it declares none."""
    bounds = [
        f"{words} {bound:,}"
        for it in getattr(kind, "__metadata__", ())
        for name, words in BOUNDS.items()
        if (bound := getattr(it, name, None)) is not None
    ]
    return " and ".join(bounds)


def is_of_the_type(error: Any) -> bool:
    """Whether a value is only beyond a range, or a word that is no choice."""
    return error["type"] in OUT_OF_RANGE or (error["type"] == "literal_error" and isinstance(error["input"], str))


def why(error: Any, kind: Any = None) -> str:
    """What is wrong with a value and what to do, from an error of pydantic; `kind` is the value's type."""
    code, value, message = error["type"], error["input"], str(error["msg"]).removeprefix("Value error, ")
    if code in OUT_OF_RANGE and (allowed := range_of(kind)):
        return f"Use a number {allowed}"
    if code == "literal_error" and isinstance(value, str) and get_origin(kind) is Literal:
        return nearest(value, filter(None, get_args(kind))).strip().removesuffix(".")
    # YAML takes no, on and 12 for a truth and a number, where a name may be meant.
    if code in ("string_type", "literal_error") and isinstance(value, bool | int | float):
        return f"{message}. Write {shown(value)} in quotation marks"
    if code in ("int_type", "float_type", "bool_type") and isinstance(value, str):
        return f"{message}. Write it without quotation marks"
    return message
