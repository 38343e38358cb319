"""Several trainings of one recipe: what is reported of them."""

import json

import pytest

from metier import plugins
from metier import recipe as recipes
from metier.errors import UserError
from metier.metrics import outcomes
from metier.scorers import Answer
from metier.stages.seeds import paired, seeds


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
    assert entry["tuned"]["value"] == pytest.approx(sum(entry["values"]) / 2)
    assert entry["gain"]["value"] == pytest.approx(entry["tuned"]["value"] - alone[0]["base"]["value"])
    assert entry["gain"]["low"] <= entry["gain"]["value"] <= entry["gain"]["high"] and 0 < entry["p"] <= 1
    assert alone[0]["base"] == alone[1]["base"] and verdicts[1]["seeds"] == [1]
    assert json.loads((tmp_path / "out" / "seeds.json").read_text()) == found
    # The second call finds everything done.
    assert seeds(recipe, tmp_path / "out", 2) == found


def test_what_must_not_be_forgotten_is_judged_in_the_mean_over_the_seeds(recipe, tmp_path):
    found = seeds(recipe.model_copy(update={"keep": {"general": 0.02}}), tmp_path / "out", 2)
    (row,) = found["keep"]
    verdicts = [json.loads((tmp_path / "out" / f"seed-{n}" / "verdict.json").read_text()) for n in (0, 1)]
    alone = [verdict["keep"][0] for verdict in verdicts]
    changes = [one["change"]["value"] for one in alone]
    assert row["change"]["value"] == pytest.approx(sum(changes) / 2) and changes[0] != changes[1]
    assert row["change"]["low"] < min(changes) and row["change"]["high"] > max(changes), "seeds are drawn as well"
    assert row["base"] == alone[0]["base"] and row["n"] == alone[0]["n"] and row["margin"] == 0.02
    if row["state"] != "kept":
        assert found["decision"] == "HOLD"


def test_the_page_of_all_seeds_has_the_decision_and_escapes_names(recipe, tmp_path):
    out = tmp_path / "<b>out"
    found = seeds(recipe, out, 2)
    page = (out / "report.html").read_text()
    assert f"<strong>{found['decision']}</strong>" in page and "&lt;b&gt;out" in page and "<b>out" not in page
    assert 'href="seed-0/report.html"' in page and "tuned, seed 1" in page and "over 2 seeds" in found["reasons"][0]
    assert (out / "seed-1" / "report.html").is_file()


def test_a_handful_of_groups_proves_nothing_over_seeds_either():
    metric = plugins.build("metrics", "accuracy", {})
    for groups, proves in ((9, False), (60, True)):
        before, after = (
            [
                outcomes(
                    [Answer(str(n), "", "", said, "a", float(said == "a"), group=str(n % groups)) for n in range(120)],
                    ["a", "b"],
                )
            ]
            * 2
            for said in ("b", "a")
        )
        found = paired(metric, before, after, 0)
        assert found["gain"]["value"] == 1.0 and (found["p"] < 0.05) == proves


def test_one_seed_has_no_spread(recipe, tmp_path):
    with pytest.raises(UserError, match="no spread"):
        seeds(recipe, tmp_path / "out", 1)


def test_a_method_cannot_change_the_adapter_that_it_goes_on_with(recipe):
    chained = recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, {"min_risk": {"r": 4}}]})
    assert any("goes on with the adapter of 'sft'" in problem for problem in recipes.check(chained))
    assert not recipes.check(recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, "min_risk"]}))
    # An adapter's settings would ruin weights that the first method trained whole.
    whole = recipe.model_copy(update={"methods": [{"sft": {"tune": "full"}}, "min_risk"]})
    assert any("tune: 'lora' (there 'full')" in problem for problem in recipes.check(whole))
