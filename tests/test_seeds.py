"""Several trainings of one recipe: what is reported of them."""

import json

import pytest

from metier import recipe as recipes
from metier.errors import UserError
from metier.stages.seeds import seeds


@pytest.fixture
def recipe(tmp_path):
    words = {"skin": "itch rash", "lung": "cough fever"}
    for name, numbers in (("train", range(40)), ("test", range(100, 120))):
        rows = [f"{words[label]} {n},{label}\n" for n in numbers for label in words]
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "".join(rows))
    (tmp_path / "recipe.yaml").write_text(
        "model: fake\n"
        "sources: [{path: train.csv, text: text, label: label, licence: proprietary}]\n"
        "steps: [normalise, split]\n"
        "methods: [{sft: {lr: 0.01}}]\n"
        'benchmarks: [{name: desk, path: test.csv, prompt: "{text}\\nDesk:"}]\n'
        "keep: {}\n"
    )
    return recipes.load(tmp_path / "recipe.yaml", None, [])


def test_two_seeds_have_a_spread_a_paired_interval_and_one_base_model(recipe, tmp_path):
    found = seeds(recipe, tmp_path / "out", 2)
    (entry,) = found["benchmarks"]
    verdicts = [json.loads((tmp_path / "out" / f"seed-{n}" / "verdict.json").read_text()) for n in (0, 1)]
    alone = [verdict["benchmarks"][0] for verdict in verdicts]
    assert entry["values"] == [one["tuned"]["value"] for one in alone]
    assert entry["mean"] == pytest.approx(sum(entry["values"]) / 2)
    assert entry["gain"]["value"] == pytest.approx(entry["mean"] - alone[0]["base"]["value"])
    assert entry["gain"]["low"] <= entry["gain"]["value"] <= entry["gain"]["high"] and 0 < entry["p"] <= 1
    assert alone[0]["base"] == alone[1]["base"] and verdicts[1]["seeds"] == [1]
    assert json.loads((tmp_path / "out" / "seeds.json").read_text())["sentences"] == found["sentences"]
    # The second call finds everything done.
    assert seeds(recipe, tmp_path / "out", 2) == found


def test_one_seed_has_no_spread(recipe, tmp_path):
    with pytest.raises(UserError, match="no spread"):
        seeds(recipe, tmp_path / "out", 1)


def test_a_method_cannot_change_the_adapter_that_it_goes_on_with(recipe):
    chained = recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, {"min_risk": {"r": 4}}]})
    assert any("goes on with the adapter of 'sft'" in problem for problem in recipes.check(chained))
    assert not recipes.check(recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, "min_risk"]}))
