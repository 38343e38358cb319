"""The JSON of a request's body: strict, and no deeper than anything that is asked here."""

from typing import Any

from metier.recipes import strict_json
from metier.serving.server.errors import ApiError

DEEPEST = 64
"""Levels of lists and objects: a JSON schema, the deepest thing that is sent, has about twenty."""
MOST_KEYS = 10_000
"""Of one object: a row has a key for each column. Every wrong key costs an error message."""


def parse(body: bytes) -> Any:
    """The value. Raises `ApiError` 400 where the body is no JSON in UTF-8, is nested too deeply, has a key twice, a
    number that is none, or half of a character."""
    try:
        value = strict_json.loads(body.decode("utf-8"))
        _check(value)
    except UnicodeDecodeError as error:
        raise _refused(f"it is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise _refused(f"it is nested more than {DEEPEST} levels deep") from error
    except ValueError as error:
        raise _refused(str(error)) from error
    return value


def _refused(why: str) -> ApiError:
    return ApiError(400, f"The body is not valid JSON: {why}.", code="invalid_json")


def _check(value: Any) -> None:
    """Raises `ValueError` where it is nested too deeply or holds a lone surrogate. Without recursion."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if len(one) > MOST_KEYS:
                    raise ValueError(f"an object has more than {MOST_KEYS:,} keys")
                below += one.keys()
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str) and not one.isascii():
                try:
                    one.encode()
                except UnicodeEncodeError as error:
                    raise ValueError("it holds half of a character (a lone surrogate)") from error
        level = below
