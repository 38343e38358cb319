"""Every setting of every plug-in with values that nobody means."""

from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pytest

from metier.data.dataset import Dataset
from metier.data.reading import FileSource
from metier.data.records import rows_to_table
from metier.errors import Problems
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.costs import cost_problems
from metier.methods.sft import Method as Sft
from metier.recipes import plugins
from metier.recipes.schema import build_one

KINDS = ("datasets", "formats", "converters", "steps", "methods", "scorers", "metrics")
NEEDED: dict[str, dict[str, Any]] = {
    "metrics/f1": {"positive": ["a"]},
    "benchmark": {"name": "b", "path": "/absent.jsonl"},
    "file": {"path": "/absent.jsonl", "license": "MIT"},
}
"""Settings that a plug-in cannot be built without."""


def numeric(hint: Any) -> type | None:
    """int or float where the setting is one, alone or beside others."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((kind for kind in (float, int) if kind in kinds), None)


def settings() -> list[tuple[str, Any, str, Any]]:
    """(plug-in, itself, setting, type) of all; those that all published datasets share only once."""
    found: dict[tuple[Any, str], tuple[str, Any, str, Any]] = {}
    kinds = [(f"{kind}/{name}", plugins.find(kind, name)) for kind in KINDS for name in plugins.names(kind)]
    for name, plugin in [*kinds, ("benchmark", Benchmark), ("file", FileSource)]:
        of = plugin if isinstance(plugin, type) else type(plugin)
        hints = get_type_hints(of) if is_dataclass(of) else {}
        shared = Dataset if issubclass(of, Dataset) and of.problems is Dataset.problems else of
        for field in fields(of) if is_dataclass(of) else ():
            if field.init:
                found.setdefault((shared, field.name), (name, plugin, field.name, hints[field.name]))
    return list(found.values())


ALL = settings()
NUMBERS = [it for it in ALL if numeric(it[3])]
ONLY_SHOWN = {"majority"}
"""Figures in whatever unit, which decide nothing."""


def build(name: str, of: Any, key: str, value: Any) -> None:
    plugins.construct(of, name, {**NEEDED.get(name, {}), key: value})


def test_there_are_numbers_to_try():
    kinds = {name.split("/")[0] for name, *_ in NUMBERS}
    assert len(NUMBERS) > 80 and kinds == {*KINDS, "benchmark", "file"} - {"converters"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), True, "5", 10**30, -(10**30)])
def test_what_is_no_number_or_beyond_all_is_refused_for_every_number(value):
    for name, of, key, _ in NUMBERS:
        with pytest.raises(Problems, match=key):
            build(name, of, key, value)


def test_a_number_below_zero_or_far_too_large_is_refused_for_every_number():
    for name, of, key, hint in [it for it in NUMBERS if it[2] not in ONLY_SHOWN]:
        for value in (-5, 1e30 if numeric(hint) is float else 10**15):
            with pytest.raises(Problems, match=key):
                build(name, of, key, value)


@pytest.mark.parametrize("value", [True, 5, 0.5, "\ud800", "a\0b"])
def test_what_is_no_text_is_refused_for_every_text(value):
    for name, of, key, hint in ALL:
        if hint is str:
            with pytest.raises(Problems, match=key):
                build(name, of, key, value)


def test_a_truth_is_no_number_and_no_text():
    for name, of, key, hint in ALL:
        if hint is bool:
            for value in (1, 0, "yes", "true"):
                with pytest.raises(Problems, match=key):
                    build(name, of, key, value)


def test_a_long_value_or_key_is_told_in_a_few_words():
    for settings in ({"lr_scheduler": ["x" * 10**6]}, {"x" * 10**6: 1}, {"epochs": "9" * 10**6}, {"tune": "x" * 10**6}):
        with pytest.raises(Problems) as caught:
            build_one("methods", {"sft": settings})
        assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize(
    ("kind", "use", "said"),
    [
        ("scorers", {"generate": {"stop": [""]}}, "every answer would end before its first letter"),
        ("scorers", {"numeric": {"marker": ""}}, "marker: an empty text"),
        ("scorers", {"choice": {"length": "pmi", "unconditional": " "}}, "it is empty"),
        ("metrics", {"f1": {"positive": ["a", "a"]}}, "'a' is listed twice"),
        ("metrics", {"f1": {"positive": [True]}}, "Write True in quotation marks"),
        ("metrics", {"expected_cost": {"costs": {"a -> b": -1}}}, "A mistake costs from 0"),
        ("metrics", {"expected_cost": {"costs": {"a -> b": float("inf")}}}, "no number to go by"),
        ("metrics", {"expected_cost": {"costs": {"dear": 1}}}, "is no kind of mistake"),
        ("methods", {"min_risk": {"costs": {"miss_a": -1}}}, "A mistake costs from 0"),
        ("methods", {"sft": {"upsample": {"a": 10**9}}}, "'upsample.a': Input should be less than or equal to 1000"),
        ("methods", {"sft": {"upsample": {"a": True}}}, "'upsample.a': Input should be a valid integer"),
        ("methods", {"sft": {True: 1}}, "has no setting True"),
        ("methods", {"grpo": {"weights": [float("nan")]}}, "no number to go by"),
    ],
)
def test_settings_that_would_change_a_result_in_silence_are_refused(kind, use, said):
    with pytest.raises(Problems, match=said):
        build_one(kind, use)


@pytest.mark.parametrize(
    ("labels", "said"),
    [(["a", "a"], "names the label 'a' twice"), ([" "], "is no word"), ([True], "Write True in quotation marks")],
)
def test_labels_that_stand_twice_or_are_no_words_are_refused(labels, said):
    with pytest.raises(Problems, match=said):
        build_one("benchmarks", {"name": "b", "path": "/absent.jsonl", "labels": labels})


def rows(count: int, label: str = "a", source: str = "s") -> pa.Table:
    blank = {"text": "t", "license": "", "origin": "", "task": "t"}
    return rows_to_table({"id": str(n), "label": label, "source": source, **blank} for n in range(count))


def test_rows_that_come_again_are_counted_before_they_are_made():
    mixed = pa.concat_tables([rows(6), rows(2, "b"), rows(3, source="other")])
    assert Sft().check_rows(mixed) == 11
    assert Sft(epochs=2, upsample={"s": 10}).check_rows(mixed) == 2 * (80 + 3)
    assert Sft(class_balance=1.0).check_rows(mixed) == 9 + 9
    with pytest.raises(Exception, match="make 1,000,000,000 rows to read of 1,000"):
        Sft(epochs=1_000, upsample={"s": 1_000}).check_rows(rows(1_000))


def test_prices_are_numbers_of_a_mistake():
    assert not cost_problems({"a -> b": 0, "miss_a": 2.5})


def test_a_choice_of_words_is_only_those():
    for name, of, key, hint in ALL:
        if get_origin(hint) is Literal:
            with pytest.raises(Problems, match=key):
                build(name, of, key, "nothing")
