"""JSON as its standard says (RFC 8259): a key that stands twice, NaN and Infinity are refused, which Python takes."""

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn

from metier.errors import shown


def loads(text: str | bytes, parse_float: Callable[[str], Any] | None = None) -> Any:
    """The value of a JSON text. Raises `ValueError`, with what is wrong as the end of a sentence."""
    return json.loads(text, parse_float=parse_float or _finite, parse_constant=_constant, object_pairs_hook=_object)


def dumps(value: Any, **settings: Any) -> str:
    """The value as JSON. Raises `ValueError` for NaN and Infinity, which no other reader of JSON would take."""
    return json.dumps(value, allow_nan=False, **settings)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(twice)} occurs twice")
    return keys


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON. Write null where there is no value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {shown(text)} is too large")
    return value
