"""The plan is sealed before the first answer, and a verdict under another one is exploratory."""

import json
import os

import pytest

from metier.evaluation import openings
from metier.evaluation.answers import HELD_OUT
from metier.evaluation.plan import NO_PLAN, plan_of, questions_sha256, read_plan, same_plans, seal
from metier.evaluation.samples import open_samples
from metier.experiments.seeds import seeds
from metier.recipes.schema import load
from metier.runs.history import PLAN, read_history
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages import evaluate as evaluating
from metier.stages.evaluate import evaluate
from metier.stages.report import report


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_plan_is_sealed_before_any_test_question_is_asked(trained_run, monkeypatch):
    run, ask = saved_run(trained_run[1], Progress()), evaluating.ask

    def refuse(run, who, *arguments):
        if who == HELD_OUT:
            return ask(run, who, *arguments)
        raise InterruptedError

    monkeypatch.setattr(evaluating, "ask", refuse)
    with pytest.raises(InterruptedError):
        evaluate(run)
    plan, [entry] = read_plan(run), read_history(run.folder).entries
    assert plan.alpha == 0.05 and plan.seeds == (0,) and entry["event"] == PLAN
    [benchmark] = open_samples(run).benchmarks
    [planned] = plan.benchmarks
    assert (planned.name, planned.n, planned.baseline) == ("triage", 24, "tfidf")
    assert planned.questions_sha256 == questions_sha256(list(reversed(benchmark.questions())))
    before = (run.folder / "plan.json").read_bytes()
    monkeypatch.undo()
    evaluate(run)  # goes on, and the first plan stays
    assert (run.folder / "plan.json").read_bytes() == before and len(read_history(run.folder).entries) == 1
    assert report(run).exploratory == ()


def test_thresholds_may_be_edited_until_the_plan_is_sealed(trained_run):
    folder = trained_run[1]
    begun = json.loads((folder / "lock.json").read_text())
    edit(folder / "recipe.yaml", "alpha: 0.05", "alpha: 0.01")
    run = saved_run(folder, Progress())
    evaluate(run)
    assert read_plan(run).alpha == 0.01 and report(run).exploratory == ()
    lock = run.locked()
    assert lock["recipe_sha256"] == begun["recipe_sha256"] and lock["recipe"] == begun["recipe"]
    assert "alpha: 0.01" in lock["edits"][0]["recipe"]


def test_a_run_that_was_asked_without_a_plan_is_exploratory_and_gets_none(finished_run, capsys):
    folder = finished_run[1]
    (folder / "plan.json").unlink()
    (folder / "history.jsonl").unlink()
    run = saved_run(folder, Progress())
    seal(run, open_samples(run))
    assert not (folder / "plan.json").exists() and "no sealed plan" in capsys.readouterr().err
    verdict = report(run)
    assert verdict.exploratory == (NO_PLAN,) and not verdict.ships
    assert NO_PLAN.split(",")[0] in (folder / "report.html").read_text()


def test_a_plan_that_was_removed_is_not_sealed_again(finished_run):
    folder = finished_run[1]
    (folder / "plan.json").unlink()
    for file in folder.glob("evaluate/*/*.jsonl"):
        file.unlink()
    run = saved_run(folder, Progress())
    seal(run, open_samples(run))
    assert not (folder / "plan.json").exists(), "the history knows that there was one"


def test_other_test_questions_than_planned_are_named(finished_run):
    run = saved_run(finished_run[1], Progress())
    judging = open_samples(run)
    plan = plan_of(run, judging)
    [planned] = plan.benchmarks
    other = plan.model_copy(update={"benchmarks": (planned.model_copy(update={"questions_sha256": "0" * 64}),)})
    changed = [key for key, value in plan.settled().items() if other.settled()[key] != value]
    assert changed == ["the test set of triage"] and not same_plans([plan, other])
    assert same_plans([plan, plan.model_copy(update={"seeds": (5,), "date": "", "version": "9"})])


def test_several_trainings_are_exploratory_where_one_is(two_seed_run):
    written, out = two_seed_run
    (out / "seed-1" / "plan.json").unlink()
    found = seeds(load(written), out, 2)
    assert found.exploratory == (f"seed-1: {NO_PLAN}",) and not found.ships
    assert found.averaged is not None and found.averaged.exploratory == ()
    page = (out / "report.html").read_text()
    assert f"(exploratory {found.decision})" in page and "<strong>NO VERDICT TO RELY ON</strong>" in page
    assert page.index("Exploratory:") < page.index("What to do next")


def test_openings_of_a_test_set_are_counted_by_model_and_recipe(trained_run, tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    run = saved_run(trained_run[1], Progress())
    [benchmark] = open_samples(run).benchmarks
    assert openings.openings(benchmark) is None
    trained = run.result("train")
    for adapter, alpha, seed, times, recipes in (
        ("a", 0.05, 0, 1, 1),
        ("a", 0.05, 0, 1, 1),  # the same model, asked again
        ("b", 0.05, 1, 2, 1),  # another seed
        ("b", 0.01, 1, 3, 2),
    ):
        monkeypatch.setattr(run, "result", lambda stage, adapter=adapter: {**trained, "adapter_sha256": adapter})
        ship = run.recipe.ship.model_copy(update={"alpha": alpha})
        run.recipe = run.recipe.model_copy(update={"seed": seed, "ship": ship})
        openings.record_opening(run, [benchmark])
        known = openings.openings(benchmark)
        assert (known.times, known.recipes) == (times, recipes)
    assert known.sentence == "This test set was opened 3 times on this machine, by 2 recipes."


def test_a_cache_that_cannot_be_written_stops_nothing(trained_run, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("METIER_CACHE", os.fspath(tmp_path / "file"))
    run = saved_run(trained_run[1], Progress())
    benchmarks = open_samples(run).benchmarks
    openings.record_opening(run, benchmarks * 2)
    assert capsys.readouterr().err.count("is not counted") == 1
    assert openings.openings(benchmarks[0]) is None
