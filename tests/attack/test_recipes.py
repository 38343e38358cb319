"""Recipes that would change a result in silence, fill the memory or end in a traceback."""

import math
import time

import pytest

from metier.engine.models import weights
from metier.errors import Problems, UserError
from metier.recipes import strict_yaml
from metier.recipes.checks import check
from metier.recipes.schema import Recipe, load


def refused(tmp_path, text: str, changes: tuple[str, ...] = ()) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(path, changes=changes)
    assert len(str(caught.value)) < 2_000
    return str(caught.value)


def bomb(levels: int = 9) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: true", "`seed` cannot be True. Input should be a valid integer"),
        ("seed: 1:30", "`seed` cannot be '1:30'"),
        ("seed: 010", "line 1: '010' is one number to some readers"),
        ("seed: -1", "greater than or equal to 0"),
        (f"seed: {2**32}", "less than or equal to 4294967295"),
        (f"seed: {2**70}", "less than or equal to 4294967295"),
        ("seed: " + "9" * 5000, "a number of 5,000 digits"),
        ("seed: 0x" + "f" * 5000, "a number of 5,002 digits"),
        ("quick: 1", "`quick` cannot be 1"),
        ("retention: {general: .inf}", "'.inf' is no finite number"),
        ("retention: {general: .nan}", "'.nan' is no finite number"),
        ("retention: {general: 1e999}", "'1e999' is no finite number"),
        ("retention: {general: -0.1}", "greater than or equal to 0"),
        ("retention: {general: 1e30}", "less than or equal to 1000"),
        ("retention: {no: 0.1}", "`retention.0.[key]` cannot be False"),
        ("ship: {min_gain: true}", "cannot be True"),
        ("ship: {alpha: '0.05'}", "cannot be '0.05'"),
        ("seed: 1\nmodel: fake\nseed: 2", "line 3: the key 'seed' is already in line 1"),
        ("ship: {alpha: 0.01, alpha: 0.4}", "the key 'alpha' is already in line 1"),
        ("model: on", "`model` cannot be True. Input should be a valid string. Write True in quotation marks"),
        ("model: 'a\\0'\n" + 'embedding: "a\\ud800"', "which is no character of a text"),
        ("model: \x1b[2J", "is no valid YAML"),
        ("model: !!python/object:os.system x", "is no valid YAML"),
        ("steps: &s [*s]", "holds itself"),
        (bomb(), "more than 100,000 values"),
        ("[" * 600, "more than 50 deep"),
        ("\n".join(" " * n + "- " for n in range(300)), "more than 50 deep"),
        ("a: " + "x" * (1 << 19), "YAML is read up to"),
        ("5: x", "has no key 5"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(tmp_path, text, said):
    began = time.monotonic()
    assert said in refused(tmp_path, text)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("change", ["seed=true", "seed=010", "retention.general=.nan", "seed=2", "model=\ud800"])
def test_a_change_is_read_as_strictly_as_the_file(tmp_path, change):
    if change == "seed=2":  # and so is one that is right
        assert load(None, changes=[change]).seed == 2
        return
    assert refused(tmp_path, "model: fake", (change,))


@pytest.mark.parametrize(
    "change",
    [
        ".".join(["a"] * 600) + "=1",
        "model=" + "[" * 600,
        "steps=" + "x" * 10**6,
        "x" * 10**6 + "=1",
        "=" * 10_000,
    ],
)
def test_a_change_that_is_deep_or_long_is_told_in_a_few_words(tmp_path, change):
    assert refused(tmp_path, "model: fake", (change,))


def test_a_recipe_from_python_holds_no_infinity_either():
    for settings in (
        {"retention": {"general": math.inf}},
        {"steps": [{"dedup": {"threshold": math.nan}}]},
        {"model": "\ud800"},
    ):
        with pytest.raises(ValueError, match="no number to go by|half of a character pair"):
            Recipe(**settings)


@pytest.mark.parametrize(
    "word", ["1e-3", "010", "1:30", "2024-05-31", "yes", "=", "1_0", ".inf", "089", "~", "<<", "-"]
)
def test_a_text_that_looks_like_a_number_is_written_so_that_it_is_read_again(word):
    assert strict_yaml.load(strict_yaml.dump({"a": [word]}), "x") == {"a": [word]}


def test_numbers_are_read_as_people_write_them():
    found = strict_yaml.load("[1e-3, 1.5e3, -.5, 17_000, 0x1F, 2024-05-31, a: b]", "x")
    assert found == [0.001, 1500.0, -0.5, 17000, 31, "2024-05-31", {"a": "b"}]
    merged = strict_yaml.load("base: &b {x: 1}\nc: {<<: *b, x: 2}", "x")
    assert merged == {"base": {"x": 1}, "c": {"x": 2}}


@pytest.mark.parametrize("model", ["-x/y", "a/-b", "a/b..c", "a--b/c", "x" * 5_000, "~nobody-here/x"])
def test_a_model_that_the_hub_would_refuse_is_refused_before_it_is_asked(model):
    [said] = weights.problems(model)
    assert "no folder" in said and len(said) < 400
    assert said in check(Recipe(model=model, datasets=["icd10cm"], methods=["sft"], benchmarks=["icd10cm_chapter"]))


def test_a_model_that_may_be_there_is_left_to_the_hub():
    assert not weights.problems("HuggingFaceTB/SmolLM2-135M") and not weights.problems("fake")


def test_all_that_is_wrong_is_told_at_once_with_the_industrys_blanks_filled_in():
    with pytest.raises(Problems) as caught:
        load(None, changes=["seed=-1", "quick=1", "retention.general=-1"])
    assert len(caught.value.problems) >= 3
