"""Settings chosen on held-out rows: who goes on, what is written, and that a killed search ends the same."""

import json
from dataclasses import replace

import pytest

from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import HeldOutEvaluator
from metier.methods import _search, auto
from metier.methods.sft import Method as Sft
from metier.recipes import plugins
from metier.recipes.schema import load
from metier.runs.progress import Progress
from metier.runs.run import open_run
from metier.stages.curate import curate
from metier.stages.train import train
from tests.tiny import write_triage

NAMES = ["all-weights", "all-weights-slow", "adapter"]


def searched(home, monkeypatch, scores, out="run", held_out=0.3):
    """A run whose candidates get these figures, however they answer. `held_out`: the share of its 240 rows."""

    def evaluated(self, step, network, before):
        from metier.engine.training.eval_callback import EvalResult

        return EvalResult(scores[self.context.folder.name], False, {})

    monkeypatch.setattr(HeldOutEvaluator, "__call__", evaluated)
    recipe = load(
        home / "recipe.yaml", None, ["methods=[{auto: {max_train_tokens: 20000}}]", f"steps.split.valid={held_out}"]
    )
    (home / out).mkdir(exist_ok=True)
    run = open_run(home / out, recipe, Progress())
    curate(run)
    return run, train(run)


@pytest.fixture
def home(tmp_path):
    write_triage(tmp_path, train=240, test=40)
    return tmp_path


def test_the_best_on_held_out_rows_is_trained_to_its_end_and_its_settings_make_a_recipe(home, monkeypatch):
    run, result = searched(home, monkeypatch, dict(zip(NAMES, (0.2, 0.9, 0.5), strict=True)))
    tried = {one["name"]: one for one in result["tried"]}
    whole = tried["all-weights-slow"]["steps"]
    assert {name: one["trained"] for name, one in tried.items()} == {
        "all-weights": max(1, round(0.12 * whole)),
        "adapter": max(1, round(0.3 * tried["adapter"]["steps"])),
        "all-weights-slow": whole,
    }
    chosen = load(run.folder / "recipe.chosen.yaml", None, [])
    ((name, method),) = chosen.build_methods()
    assert (name, method.lr, method.tune) == ("sft", 7e-5, "full") and method.max_train_tokens == 20_000
    assert not (run.folder / "train/01-auto/search").exists() and result["tokens"] >= 20_000


def test_a_search_that_was_killed_goes_on_and_ends_with_the_same_weights(home, monkeypatch):
    scores = dict(zip(NAMES, (0.2, 0.5, 0.9), strict=True))
    _, whole = searched(home, monkeypatch, scores, "whole")
    trained, calls = _search._train_to, []

    def killed(*given):
        calls.append(given)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return trained(*given)

    monkeypatch.setattr(_search, "_train_to", killed)
    with pytest.raises(KeyboardInterrupt):
        searched(home, monkeypatch, scores, "parts")
    monkeypatch.setattr(_search, "_train_to", trained)
    _, parts = searched(home, monkeypatch, scores, "parts")
    assert parts["adapter_sha256"] == whole["adapter_sha256"] and parts["tried"] == whole["tried"]


def test_a_budget_in_minutes_is_measured_once(home, monkeypatch):
    run, _ = searched(home, monkeypatch, dict.fromkeys(NAMES, 0.5))
    budget = json.loads((run.folder / "train/01-auto/budget.json").read_text())["tokens"]
    assert set(budget) == set(NAMES) and set(budget.values()) == {20_000}


def context(home):
    recipe = load(home / "recipe.yaml", None, [])
    run = open_run(home / "context", recipe, Progress())
    curate(run)
    rows = run.table("curate", "train.parquet")
    return TrainingContext(rows, rows, {}, "fake", None, home, 0, Progress())


@pytest.mark.parametrize(("held", "names"), [(50, NAMES), (49, ["all-weights", "adapter"]), (0, ["all-weights"])])
def test_fewer_held_out_questions_tell_fewer_candidates_apart(home, monkeypatch, capsys, held, names):
    monkeypatch.setattr(auto, "held_out", lambda context, most: {"triage": [None] * held})
    assert list(auto.Method()._comparable(context(home))) == names
    assert ("fewer than 50" in capsys.readouterr().err) is (held < 50)


def test_with_few_held_out_rows_two_candidates_are_trained(home, monkeypatch):
    _, result = searched(home, monkeypatch, dict(zip(NAMES, (0.2, 0.9, 0.5), strict=True)), held_out=0.1)
    assert [one["name"] for one in result["tried"]] == ["all-weights", "adapter"]


def test_the_model_is_loaded_and_the_rows_are_encoded_once_for_all_candidates_that_share_them(home, monkeypatch):
    loads, encodings = [], []
    load_model, examples = Sft.load, Sft.examples
    monkeypatch.setattr(Sft, "load", lambda self, context: loads.append(self.tune) or load_model(self, context))
    monkeypatch.setattr(Sft, "examples", lambda self, *given: encodings.append(1) or examples(self, *given))
    method = auto.Method(minutes=0.01)
    own = replace(context(home), benchmarks={one.name: one for one in load(home / "recipe.yaml").build_benchmarks()})
    monkeypatch.setattr(auto, "held_out", lambda context, most: {"triage": [None] * 50})
    assert [one.name for one in method._candidates(own)] == NAMES
    assert sorted(loads) == ["full", "lora"] and len(encodings) == 1


def test_the_estimate_is_the_budget_or_the_less_that_few_rows_take(home, monkeypatch):
    monkeypatch.setattr(Sft, "seconds", lambda *given: 10.0)
    monkeypatch.setattr(Sft, "examples", lambda *given: ["x" * 100])
    own = context(home)
    rows = len(own.rows)
    assert auto.Method(minutes=1).seconds(None, own, rows) == 60
    assert auto.Method(minutes=25).seconds(None, own, rows) == pytest.approx(8 * 10 * 1.42 / 0.9)
    assert auto.Method(max_train_tokens=200).seconds(None, own, rows) == pytest.approx(2 * 10 * 1.42 / 0.9)


def test_rare_labels_add_a_candidate(home):
    recipe = load(home / "recipe.yaml", None, [])
    run = open_run(home / "rare", recipe, Progress())
    curate(run)
    rows = run.table("curate", "train.parquet")
    assert list(auto.named(rows, 1024, [])) == NAMES
    labels = rows["label"].to_pylist()
    first = sorted({label for label in labels if label})[0]
    keep = [at for at, label in enumerate(labels) if label == first or at % 9 == 0]
    assert list(auto.named(rows.take(keep), 1024, [])) == [*NAMES, "all-weights-balanced"]


@pytest.mark.parametrize(("candidates", "cost"), [(1, 1.0), (2, 1.12), (3, 1.42), (4, 1.54)])
def test_a_search_costs_what_its_candidates_train_before_they_stop(candidates, cost):
    assert _search.whole_cost(candidates) == pytest.approx(cost)


def test_the_method_is_listed_with_its_settings():
    assert {row[0] for row in plugins.settings_help(plugins.find("methods", "auto"))} >= {"minutes", "max_epochs"}
