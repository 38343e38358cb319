"""`metier forecast`: figures and the chance of SHIP before anything is trained."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.experiments.known_gains import (
    GainOverBaseline,
    gain_over_baseline,
    gains_of,
    known_gains,
    of_other_data,
)
from metier.experiments.learning_curves import Curve, fit
from metier.experiments.power import Design, Spread
from metier.experiments.ship_chance import PlannedTest, Rule, outlook
from metier.recipes import plugins
from tests.cli.test_cli import inside
from tests.tiny import DEPARTMENTS, write_triage

RESULTS = Path(__file__).parent.parent.parent / "docs" / "results.json"
SIZES = np.geomspace(50, 800, 6)


def figures(limit):
    return 1 - (limit + 2 * SIZES**-0.4)


def fitted(limit=0.1):
    values = figures(limit)
    one = Curve(SIZES, values, values + np.zeros((3, 1)), np.full(6, 0.002), 1.0)
    return fit(one, 1e-5, np.random.default_rng(0))


def planned(n=1000, groups=None, rule=Rule(0.05, 0.0, None)):
    said = [Prediction(str(k), "", "", "ab"[k % 5 == 0], "a", float(k % 5 != 0)) for k in range(200)]
    spread = Spread.of(plugins.build("metrics", "accuracy", {}), as_predictions(said, ["a", "b"]), seed=0)
    names = [str(k if groups is None else k % groups) for k in range(n)]
    return PlannedTest(Design.of(names, rule.alpha), spread, rule)


def gain(mean, between=0.0):
    return GainOverBaseline(mean, between, 0.0, tuple("abcdefgh"))


def ahead(model, test, times=(1, 2, 4)):
    return outlook(times, 1000, fitted(), model, test, 0)


def test_without_a_gain_a_test_seldom_ends_in_ship_and_a_large_gain_nearly_always():
    [nothing], [much] = (ahead(gain(mean), planned(), (1,)) for mean in (0.0, 0.5))
    assert nothing.p_ship < 0.06 and nothing.questions is None
    assert much.p_ship > 0.95 and much.questions < 1000
    assert much.gain.value == pytest.approx(0.5 * (1 - much.baseline.value))
    assert much.gain.low < much.gain.value < much.gain.high


def test_the_gain_that_is_found_with_80_percent_power_ships_in_four_of_five_tests():
    test = planned()
    [one] = ahead(gain(0.2), test, (1,))
    [again] = ahead(gain(0.2), replace(test, design=Design.of([str(k) for k in range(one.questions)], 0.05)), (1,))
    assert again.p_ship == pytest.approx(0.8, abs=0.06)


def test_more_labels_raise_both_figures_and_the_model_of_its_own_curve_is_taken_as_measured():
    found = ahead(fitted(limit=0.05), planned())
    assert [one.rows for one in found] == [1000, 2000, 4000]
    assert found[0].baseline.value < found[1].baseline.value < found[2].baseline.value
    assert all(one.gain.value == pytest.approx(0.05, abs=0.02) for one in found)
    assert all(one.model.low < one.model.value < one.model.high for one in found)


def test_uncertain_gains_a_margin_and_few_groups_change_the_chance():
    [sure], [unsure] = (ahead(gain(0.3, between), planned(), (1,)) for between in (0.0, 0.3))
    assert unsure.gain.high - unsure.gain.low > 1.5 * (sure.gain.high - sure.gain.low) and unsure.p_ship < sure.p_ship
    [better] = ahead(gain(0.02), planned(), (1,))
    [not_worse] = ahead(gain(0.02), planned(rule=Rule(0.05, 0.0, 0.05)), (1,))
    assert not_worse.p_ship > better.p_ship + 0.3
    [few] = ahead(gain(0.5), planned(groups=5), (1,))
    assert few.p_ship == 0


def test_known_gains_are_those_of_the_results_page():
    found = known_gains()
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert gains_of(results, {one.benchmark: one.dataset for one in found}) == [vars(one) for one in found]


def test_gains_on_the_same_data_are_left_out():
    found = known_gains()
    others = of_other_data(found, "ddi2013_types", "ddi2013")
    assert {one.benchmark for one in found} - {one.benchmark for one in others} == {"ddi2013", "ddi2013_types"}
    assert of_other_data(found, "desk", "") == found
    spread = gain_over_baseline(found)
    assert 0 < spread.between < np.std([one.gain for one in found])
    drawn = spread.draw(2000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(spread.mean, abs=0.02) and drawn.std() > spread.between


@pytest.fixture
def desk(tmp_path):
    """A triage desk of which every fourth note has a word of the other department."""
    recipe, generator = write_triage(tmp_path), random.Random(0)
    for name, count in (("train", 160), ("test", 40)):
        rows = []
        for number in range(count):
            label = sorted(DEPARTMENTS)[number % 2]
            word = generator.choice(
                DEPARTMENTS[label if generator.random() > 0.25 else sorted(DEPARTMENTS)[1 - number % 2]]
            )
            note = f"{name} {generator.randint(0, 10**6)}: {word}"
            rows.append({"note": note, "department": label, "patient": f"{name}{number}"})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return recipe


def test_the_command_says_that_the_model_was_not_trained(monkeypatch, capsys, tmp_path, desk):
    code, out, _ = inside(monkeypatch, capsys, "forecast", desk, "--out", tmp_path / "ahead")
    assert code == 0 and "160 (now)" in out and "640 (4x)" in out
    assert "The model was NOT trained" in out and "The test was not asked" in out
    assert out.rstrip().splitlines()[-1] == f"Next: metier run {desk}"
    saved = json.loads((tmp_path / "ahead" / "forecast.json").read_text())
    [one] = saved["benchmarks"]
    assert one["gain_from"] == "other data" and len(one["gain_of"]) == len(known_gains())
    assert one["curve"][-1]["rows"] + one["held_out"] == 160 and 0 <= one["at"][0]["p_ship"] <= 1
    page = (tmp_path / "ahead" / "forecast.html").read_text()
    assert "default-src 'none'" in page and "<svg" in page and "labeled rows" in page


@pytest.mark.e2e
@pytest.mark.slow
def test_the_model_is_trained_on_subsets_and_asked_held_out_rows_only(monkeypatch, capsys, tmp_path, desk):
    words = ["forecast", desk, "--out", tmp_path / "ahead", "--model-sizes", "2", "--json"]
    code, out, _ = inside(monkeypatch, capsys, *words)
    [one] = json.loads(out)["benchmarks"]
    assert code == 0 and one["gain_from"] == "model" and one["gain_of"] == []
    half, whole = (point["rows"] for point in one["model_curve"])
    assert half == pytest.approx(whole / 2, abs=1)
    answers = sorted((tmp_path / "ahead").glob("training-*/evaluate/*/*.jsonl"))
    assert [path.name for path in answers] == ["forecast.jsonl"] * 2
    for path in answers:
        asked = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(asked) == one["held_out"] and all("train " in answer["prompt"] for answer in asked)
    code, _, err = inside(monkeypatch, capsys, *words)
    assert code == 0 and "sft done before" in err


def test_what_cannot_be_forecast_is_said(monkeypatch, capsys, tmp_path, triage):
    (tmp_path / "few").mkdir()
    few = write_triage(tmp_path / "few", train=20)
    code, _, err = inside(monkeypatch, capsys, "forecast", few, "--out", tmp_path / "ahead")
    assert code == 3 and "a curve takes at least 40 and 20" in err and not (tmp_path / "ahead").exists()
    code, _, err = inside(monkeypatch, capsys, "forecast", triage, "--minutes", "3")
    assert code == 3 and "Add --model-sizes 3" in err
    code, _, err = inside(monkeypatch, capsys, "forecast", triage, "--model-sizes", "1", "--out", tmp_path / "ahead")
    assert code == 3 and "gives no curve" in err
