"""The schema of right answers, learned from them."""

import json

from metier.serving.schema import schema_of


def test_fields_kinds_and_what_is_required():
    answers = [{"b": "x", "n": 1, "deep": {"a": True}}, {"b": None, "n": 1.5, "list": [1, 2]}, {"b": "z", "n": 2}]
    found = schema_of([json.dumps(one) for one in answers] + ["no JSON", "[1]", "[" * 100_000])
    assert found == {
        "type": "object",
        "properties": {
            "b": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "n": {"type": "number"},
            "deep": {
                "type": "object",
                "properties": {"a": {"type": "boolean"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            "list": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["b", "n"],
        "additionalProperties": False,
    }
    assert list(found["properties"]) == ["b", "n", "deep", "list"], "in the order in which the model learned them"


def test_an_empty_list_holds_texts_and_no_object_gives_no_schema():
    assert schema_of(['{"a": []}'])["properties"]["a"] == {"type": "array", "items": {"type": "string"}}
    assert schema_of(["plain", "3"]) is None and schema_of([]) is None
