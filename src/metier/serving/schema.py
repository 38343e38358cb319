"""The JSON schema that right answers have: which fields, and what stands in them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow.compute as pc

from metier.evaluation.benchmark import Benchmark
from metier.runs.run import Run

KINDS: tuple[tuple[type, str], ...] = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"))
"""In this order, since Python's booleans are integers."""


def learned_schema(run: Run, benchmark: Benchmark) -> dict[str, Any] | None:
    """By the saved right answers of the benchmark's training rows, those of its questions where it has none; the same
    each time. None: no answer is a JSON object."""
    rows = run.table("curate", "train.parquet")
    own = rows.filter(pc.equal(rows["task"], benchmark.name))["label"].to_pylist()
    return schema_of(filter(None, own)) or schema_of(question.answer for question in benchmark.questions())


def schema_of(answers: Iterable[str]) -> dict[str, Any] | None:
    """Fields in the order in which they first come; required where all answers have them. Answers that are no JSON
    object say nothing."""
    objects = [one for one in map(_object, answers) if one is not None]
    if not objects:
        return None
    counts = Counter(name for one in objects for name in one)
    return {
        "type": "object",
        "properties": {name: _any_of([one[name] for one in objects if name in one]) for name in counts},
        "required": [name for name, count in counts.items() if count == len(objects)],
        "additionalProperties": False,
    }


def _object(answer: str) -> dict[str, Any] | None:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _any_of(values: list[Any]) -> dict[str, Any]:
    """The schema of all these values."""
    kinds = {_kind(value) for value in values}
    if "number" in kinds:
        kinds.discard("integer")
    schemas = [_of_kind(kind, values) for kind in sorted(kinds)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _of_kind(kind: str, values: list[Any]) -> dict[str, Any]:
    if kind == "array":
        items = [item for value in values if isinstance(value, list) for item in value]
        return {"type": "array", "items": _any_of(items) if items else {"type": "string"}}
    if kind == "object":
        inner = schema_of(json.dumps(value) for value in values if isinstance(value, Mapping))
        assert inner is not None
        return inner
    return {"type": kind}


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "array"
    if isinstance(value, Mapping):
        return "object"
    return next((name for kind, name in KINDS if isinstance(value, kind)), "null")
