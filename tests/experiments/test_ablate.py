"""Arms of one recipe against each other."""

import json

import numpy as np
import pytest

from metier.errors import UserError
from metier.evaluation.comparison import mean_gain
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.experiments.ablate import ablate, arms
from metier.recipes import plugins
from metier.recipes.schema import load
from tests.cli.test_cli import inside
from tests.tiny import write_triage


def test_every_arm_leaves_test_questions_out_and_the_budget_stands_in_two(triage):
    recipe = load(triage, changes=["steps=[normalize, dedup, {select: {rows: 9, by: random}}, split, decontaminate]"])
    found = {arm.name: [plugins.named(use)[0] for use in arm.steps] for arm in arms(recipe, 20)}
    assert all("decontaminate" in steps for steps in found.values())
    assert list(found) == ["raw", "random@20", "deduplicated", "curated", "selected@20"]
    assert found["curated"] == ["normalize", "dedup", "split", "decontaminate"]
    assert arms(recipe, 20)[-1].steps[-1] == {"select": {"rows": 20, "by": "random"}}


def answers(right):
    """Outcomes of questions that stand alone."""
    said = [
        Prediction(str(n), "", "", "a" if is_right else "b", "a", float(is_right)) for n, is_right in enumerate(right)
    ]
    return as_predictions(said, ["a", "b"])


def test_the_gain_is_the_mean_over_seeds_and_equal_arms_have_none():
    generator = np.random.default_rng(0)
    accuracy = plugins.build("metrics", "accuracy", {})
    low, high = ([answers(generator.random(400) < share) for _ in range(3)] for share in (0.5, 0.7))
    found = mean_gain(accuracy, low, high, 0)
    plain = np.mean([h.value.mean() - b.value.mean() for h, b in zip(high, low, strict=True)])
    assert found.gain.value == pytest.approx(plain) and found.p < 0.001
    assert found.gain.low < plain < found.gain.high
    same = mean_gain(accuracy, low, low, 0)
    assert same.gain.value == 0 and same.p > 0.9


def test_seeds_that_disagree_widen_the_interval():
    generator = np.random.default_rng(1)
    accuracy, base = plugins.build("metrics", "accuracy", {}), [answers(np.arange(300) % 2 == 0)] * 3
    steady = mean_gain(accuracy, base, [answers(generator.random(300) < 0.6) for _ in range(3)], 0).gain
    torn = mean_gain(accuracy, base, [answers(generator.random(300) < share) for share in (0.3, 0.6, 0.9)], 0).gain
    assert torn.high - torn.low > 2 * (steady.high - steady.low)


@pytest.mark.e2e
@pytest.mark.slow
def test_proving_ends_with_a_sentence_an_arm_and_goes_on_after_a_kill(tmp_path, monkeypatch):
    recipe = load(write_triage(tmp_path))
    monkeypatch.setattr(
        "metier.experiments.ablate.arms", lambda recipe, rows: arms(recipe, rows)[:2]
    )  # 15 take a minute
    found = ablate(recipe, tmp_path / "out", rows=20, tokens=300, seeds=3)
    assert [entry.arm for entry in found.arms] == ["raw", "random@20"]
    assert all(len(entry.values) == 3 for entry in found.arms)
    assert json.loads((tmp_path / "out/ablation.json").read_text())["sentences"] == list(found.sentences)
    spent = [json.loads(p.read_text())["result"]["tokens"] for p in (tmp_path / "out").glob("*/seed-*/train.done.json")]
    assert len(spent) == 6 and all(300 <= tokens < 300 + 512 for tokens in spent)  # to the end of a batch
    monkeypatch.setattr("metier.engine.training.trainer.train", None)  # nothing is trained twice
    assert ablate(recipe, tmp_path / "out", rows=20, tokens=300, seeds=3) == found


def test_two_seeds_are_refused(triage):
    with pytest.raises(UserError, match="3 or more"):
        ablate(load(triage), triage.parent / "out", 0, 0, 2)


def test_a_recipe_that_check_refuses_is_not_ablated(monkeypatch, capsys, tmp_path):
    recipe = write_triage(tmp_path)
    recipe.write_text(recipe.read_text().replace("benchmarks:\n", "benchmarks:\n  - icd10cm_chapter\n"))
    code, _, err = inside(monkeypatch, capsys, "ablate", recipe, "--out", tmp_path / "out")
    assert code == 3 and "Add `task:` with one of" in err and not (tmp_path / "out").exists()
