"""The whole path on the fake model: killed anywhere it ends with the same adapter and the same numbers."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from metier.data.records import rows_to_table
from metier.engine.training import checkpoints, trainer
from metier.errors import UserError
from metier.evaluation import asking, baseline
from metier.evaluation.answers import read_answers
from metier.evaluation.baselines import tfidf
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.held_out import held_out_questions
from metier.evaluation.samples import open_samples
from metier.evaluation.scorers import choice, label
from metier.evaluation.scoring import Prediction
from metier.export import export
from metier.recipes.checks import label_problems
from metier.recipes.schema import Recipe, load
from metier.reporting.examples import draw_examples
from metier.runs import run as runs
from metier.runs.files import file_sha256, write_table
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.stages import curate, evaluate, report, train
from tests.recorded import figures, go
from tests.tiny import remark, write_lines


def killed(work):
    """Run in a child process that kills itself; returns the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def die_on_call(owner, name, number, monkeypatch):
    """Replace a function so that its n-th call ends the process."""
    real, calls = getattr(owner, name), []

    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == number:
            die()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


@pytest.fixture(autouse=True, scope="module")
def small_batches():
    """Several batches of questions, so that there is something to be killed between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metier.engine.scoring.likelihood.TOKENS_A_BATCH", 256)
        yield


@pytest.fixture(scope="module")
def whole(recorded_run):
    """The figures of a run that nobody disturbed."""
    return figures(recorded_run.after("finished")[1])


POINTS = {  # where it is killed, and the stage that the run has behind it by then
    "curate, between two tables": (curate, "write_table", 2, None),
    "train, a few steps behind a checkpoint": (trainer.LoggingCallback, "on_step_end", 6, "curated"),
    "train, in the middle of writing a checkpoint": (checkpoints, "_hashes", 2, "curated"),
    "train, with the adapter written and not sealed": (train, "file_sha256", 1, "curated"),
    "evaluate, between two batches": (choice.ChoiceSession, "answer", 3, "trained"),
    "evaluate, before the answers are in place": (asking, "write_answers", 2, "trained"),
    "report, before the page": (report, "write_text", 1, "evaluated"),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_goes_on_and_ends_the_same(point, whole, recorded_run, triage, tmp_path, monkeypatch):
    *call, stage = POINTS[point]
    recipe, folder = recorded_run.after(stage) if stage else (triage, tmp_path / "run")
    with monkeypatch.context() as patch:
        die_on_call(*call, patch)
        assert killed(lambda: go(recipe, folder)) == signal.SIGKILL
    go(recipe, folder)
    assert figures(folder) == whole


@pytest.mark.e2e
def test_two_runs_of_one_seed_are_the_same(whole, triage, tmp_path):
    go(triage, tmp_path / "again")
    assert figures(tmp_path / "again") == whole


def test_another_seed_trains_another_adapter(whole, triage, tmp_path):
    run = runs.open_run(tmp_path / "other", load(triage, changes=["seed=1"]), Progress())
    curate.curate(run)
    assert train.train(run)["adapter_sha256"] != whole[0]["adapter_sha256"]


def test_a_finished_run_is_not_done_again(finished_run, whole, monkeypatch):
    recipe, folder = finished_run
    for owner, name in ((trainer, "train"), (choice.ChoiceSession, "answer")):
        monkeypatch.setattr(owner, name, die)
    go(recipe, folder)
    assert figures(folder) == whole


def test_the_tuned_fake_model_learned_the_rows(whole):
    log = whole[2]
    assert log[-1]["loss"] < log[0]["loss"]


def test_a_torn_line_and_a_stale_part_file_are_not_used(finished_run, whole):
    recipe, folder = finished_run
    answers = (folder / "evaluate/triage/tuned.jsonl").read_text()
    (folder / "evaluate/triage/tuned.done.json").unlink()
    (folder / "evaluate/triage/tuned.part.jsonl").write_text(
        "stale\n" + answers.replace('"value": 1', '"value": 9')[:900]
    )
    go(recipe, folder)
    assert figures(folder) == whole


def another_prompt(folder, patch):
    real = Benchmark.render
    patch.setattr(Benchmark, "render", lambda self, question: "Please. " + real(self, question))


def another_adapter(folder, patch):
    remark(folder, "train", adapter_sha256="of another adapter")


def another_scorer_version(folder, patch):
    patch.setattr(label.Scorer, "version", label.Scorer.version + 1)


def another_scorer_setting(folder, patch):
    patch.setattr(Benchmark, "build_scorer", lambda self: label.Scorer(length="byte"))


def another_way_with_long_questions(folder, patch):
    real = Recipe.build_benchmarks
    patch.setattr(Recipe, "build_benchmarks", lambda self: [replace(one, too_long="truncate") for one in real(self)])


def nothing_else(folder, patch):
    pass


ASKED_AGAIN = {
    another_prompt: {"base", "tuned"},
    another_adapter: {"tuned"},
    another_scorer_version: {"base", "tuned"},
    another_scorer_setting: {"base", "tuned"},
    another_way_with_long_questions: {"base", "tuned"},
    nothing_else: set(),
}


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "killed"])
@pytest.mark.parametrize("change", ASKED_AGAIN, ids=lambda change: change.__name__)
def test_an_answer_given_under_other_conditions_is_asked_again(change, finished, finished_run, monkeypatch):
    (recipe, folder), reused = finished_run, {}
    for who in () if finished else ("base", "tuned"):  # all answered, killed before the answers stood in their place
        place = folder / "evaluate" / "triage"
        mark_done, answers = place / f"{who}.done.json", place / f"{who}.jsonl"
        inputs = json.loads(mark_done.read_text())["inputs"]
        read = [Prediction.from_json(json.loads(line)) for line in answers.read_text().splitlines()]
        lines = [asking._part_line(inputs, i, 0.1, answer) for i, answer in enumerate(read)]
        (place / f"{who}.part.jsonl").write_text(inputs + "\n" + "".join(lines))
        mark_done.unlink()
    real = asking._resume

    def resume(part, inputs, session):
        whole, waited = real(part, inputs, session)
        reused[part.name.split(".")[0]] = len(whole)
        return whole, waited

    monkeypatch.setattr(asking, "_resume", resume)
    change(folder, monkeypatch)
    evaluate.evaluate(runs.open_run(folder, load(recipe), Progress()))
    kept = {} if finished else {who: 24 for who in {"base", "tuned"} - ASKED_AGAIN[change]}
    again = {"held-out": 0} if "tuned" in ASKED_AGAIN[change] and change is not another_way_with_long_questions else {}
    assert reused == kept | {who: 0 for who in ASKED_AGAIN[change]} | again


def test_changed_data_is_not_answered_from_the_earlier_run(finished_run, whole):
    recipe, folder = finished_run
    test = recipe.with_name("test.jsonl")
    test.write_text(test.read_text().replace("since", "for"))
    go(recipe, folder)
    assert figures(folder)[1] != whole[1]


def test_a_folder_of_another_recipe_is_refused_and_left_alone(finished_run, whole):
    recipe, folder = finished_run
    with pytest.raises(UserError, match="another recipe .different: seed is 5"):
        go(recipe, folder, "seed=5")
    assert figures(folder) == whole


def test_a_folder_with_other_things_is_refused(tmp_path, triage):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"meow")
    with pytest.raises(UserError, match="holds no run"):
        go(triage, folder)
    assert (folder / "cat.png").read_bytes() == b"meow"


def test_two_processes_do_not_work_on_one_run(tmp_path, triage):
    with run_lock(tmp_path / "run"), pytest.raises(UserError, match="Another process"), run_lock(tmp_path / "run"):
        pass


def test_a_label_with_one_example_is_said_before_training(tmp_path, triage):
    with open(triage.parent / "train.jsonl", "a") as stream:
        stream.write(json.dumps({"note": "odd", "department": "oncology", "patient": "z"}) + "\n")
    with pytest.raises(UserError, match=r"'oncology' has one example \(train.jsonl:61\)"):
        go(triage, tmp_path / "run")


def test_an_answer_in_words_of_its_own_may_stand_once(tmp_path):
    path = str(write_lines(tmp_path / "x.jsonl", [{"text": "q", "label": "only here"}]))
    rows = rows_to_table([{"id": "1", "text": "t", "label": "only here", "task": "free", "origin": "a:1"}])
    free, closed = (Benchmark("free", path=path, scorer=scorer) for scorer in ("generate", "label"))
    assert label_problems(rows, [free]) == []
    (said,) = label_problems(rows, [closed])
    assert "'only here' has one example (a:1)" in said


def test_test_questions_in_the_training_rows_are_refused_without_the_step(tmp_path, triage):
    with open(triage.parent / "test.jsonl") as test, open(triage.parent / "train.jsonl", "a") as stream:
        stream.write(test.readline())
    with pytest.raises(UserError, match="shares 1 questions with the training rows"):
        go(triage, tmp_path / "run", "steps=[split]")


def test_the_run_folder_holds_what_the_design_says(finished_run):
    _, folder = finished_run
    for name in (
        "recipe.yaml",
        "lock.json",
        "plan.json",
        "history.jsonl",
        "verdict.json",
        "report.html",
        "answers.html",
        "model_card.md",
        "curate/train.parquet",
        "curate/valid.parquet",
        "curate/dropped.parquet",
        "curate/steps.json",
        "train/01-sft/log.jsonl",
        "train/01-sft/adapter/adapter_model.safetensors",
        "evaluate/triage/base.jsonl",
        "evaluate/triage/tfidf.jsonl",
        "evaluate/triage/tfidf/model.json",
        "evaluate/triage/tfidf/model.safetensors",
    ):
        assert (folder / name).is_file(), name
    assert not list(folder.rglob("*.part*")) and not list(folder.rglob("checkpoint-*"))
    lock = json.loads((folder / "lock.json").read_text())
    assert {"recipe_sha256", "seeds", "versions", "machine", "model", "datasets", "dtype"} <= lock.keys()
    assert isinstance(folder, Path)


def test_the_verdict_has_the_promised_keys(finished_run):
    verdict = json.loads((finished_run[1] / "verdict.json").read_text())
    assert verdict["decision"] in ("SHIP", "HOLD")
    assert {
        "decision",
        "reasons",
        "benchmarks",
        "retention",
        "seconds",
        "peak_memory_mb",
        "seeds",
        "adapter_sha256",
    } <= verdict.keys()
    entry = verdict["benchmarks"][0]
    assert {
        "name",
        "metric",
        "n",
        "majority",
        "baseline",
        "base",
        "tuned",
        "gain",
        "p",
        "p_holm",
        "minimum_detectable_effect_over_base",
        "deciding",
        "fixed",
        "broken",
    } <= entry.keys()
    assert entry["gain"].keys() == {"value", "low", "high"}


def test_the_report_needs_no_network_and_escapes_what_comes_from_data(tmp_path, triage):
    attack = "<script>alert(1)</script>"
    for name in ("train.jsonl", "test.jsonl"):
        path = triage.parent / name
        path.write_text(path.read_text().replace("cardiology", attack).replace("Case", "<img src=x onerror=alert(1)>"))
    go(triage, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    assert attack not in page and "<img" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page.replace(
        "https://www.w3.org", ""
    )


def test_a_killed_training_goes_on_at_its_checkpoint_and_not_from_the_start(curated_run, monkeypatch):
    run = runs.saved_run(curated_run[1], Progress())
    with monkeypatch.context() as patch:
        die_on_call(trainer.LoggingCallback, "on_step_end", 6, patch)
        killed(lambda: train.train(run))
    result = train.train(run)
    assert result["resumed_at_step"] == 4
    assert result["seconds"] > result["seconds_before"] > 0, "the time of the killed attempt counts"


def test_a_killed_evaluation_asks_only_what_is_still_open(trained_run, whole, monkeypatch):
    recipe, folder = trained_run
    with monkeypatch.context() as patch:
        die_on_call(choice.ChoiceSession, "answer", 3, patch)
        killed(lambda: go(recipe, folder))
    part = folder / "evaluate/triage/base.part.jsonl"
    lines = part.read_text().split("\n")[:-1]
    part.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:40])  # the last line torn as well
    asked, real = [], choice.ChoiceSession.answer
    monkeypatch.setattr(choice.ChoiceSession, "answer", lambda self, batch: asked.extend(batch) or real(self, batch))
    go(recipe, folder)
    assert 30 < len(asked) < 54  # all that the tuned model is asked, and the base model's open questions
    assert figures(folder) == whole


def test_a_benchmark_that_changes_is_looked_through_for_training_rows_again(curated_run):
    recipe, folder = curated_run
    row = recipe.with_name("train.jsonl").read_text().splitlines()[0]
    with open(recipe.with_name("test.jsonl"), "a") as stream:
        stream.write(row + "\n")
    curate.curate(runs.saved_run(folder, Progress()))
    steps = json.loads((folder / "curate/steps.json").read_text())
    assert [step["dropped"] for step in steps if step["step"] == "decontaminate"] == [1]


def test_line_separators_in_a_text_do_not_tear_an_answer(triage, tmp_path):
    path = triage.parent / "test.jsonl"
    path.write_text(path.read_text().replace("since", "since\u2028or\u0085about"), encoding="utf-8")
    assert go(triage, tmp_path / "run").benchmarks[0].n == 24


@pytest.mark.slow
def test_other_held_out_rows_may_choose_another_adapter_so_it_is_trained_again(triage, tmp_path):
    run = runs.open_run(tmp_path / "run", load(triage, changes=["methods.sft.eval_steps=2"]), Progress())
    curate.curate(run)
    train.train(run)
    held_out = run.table("curate", "valid.parquet")
    assert len(held_out) > 1
    write_table(run.path("curate", "valid.parquet"), held_out.slice(1))
    remark(run.folder, "curate")
    mark = (tmp_path / "run/train/01-sft/inputs.txt").read_text()
    train.train(run)
    assert (tmp_path / "run/train/01-sft/inputs.txt").read_text() != mark


def with_fewer_rows(recipe, folder):
    """The run with its rows curated again, of which there are four fewer."""
    path = recipe.with_name("train.jsonl")
    path.write_text("\n".join(path.read_text().splitlines()[:-4]) + "\n")
    run = runs.saved_run(folder, Progress())
    curate.curate(run)
    return run


def test_a_run_gives_the_recorded_hash_of_what_a_finished_stage_wrote(curated_run):
    _, folder = curated_run
    run = runs.saved_run(folder, Progress())
    assert run.recorded_sha256("curate", "curate/train.parquet") == file_sha256(folder / "curate/train.parquet")
    with pytest.raises(UserError, match="other.parquet belongs to no finished stage"):
        run.recorded_sha256("curate", "curate/other.parquet")
    with pytest.raises(UserError, match="run `metier train"):
        run.recorded_sha256("train", "curate/train.parquet")


def test_rows_that_changed_after_training_are_not_evaluated(trained_run):
    run = with_fewer_rows(*trained_run)
    with pytest.raises(UserError, match="rows changed since training"):
        evaluate.evaluate(run)


def test_a_verdict_is_not_told_with_rows_that_the_model_was_not_trained_on(finished_run):
    run = with_fewer_rows(*finished_run)
    with pytest.raises(UserError, match="rows changed since training"):
        report.report(run)


def test_held_out_rows_of_an_unknown_label_have_no_right_answer_to_choose(curated_run):
    recipe, folder = curated_run
    run = runs.saved_run(folder, Progress())
    (benchmark,) = open_samples(run).benchmarks
    held = held_out_questions(run, benchmark)
    assert {question.answer for question in held} == {"cardiology", "dermatology"}
    held = held_out_questions(run, replace(benchmark, labels=["dermatology"]))
    assert {question.answer for question in held} == {"dermatology"}


@pytest.mark.parametrize(
    "metric, balanced, priced",
    [
        ("accuracy", False, False),
        ("macro_f1", True, False),
        ("mcc", True, False),
        ("nll", False, False),
        ("{expected_cost: {costs: {miss_dermatology: 1000}}}", False, True),
    ],
)
def test_the_baseline_classifier_weighs_rare_labels_where_the_deciding_metric_asks_for_them(
    triage, tmp_path, monkeypatch, metric, balanced, priced
):
    seen, real = [], tfidf.learn
    monkeypatch.setattr(tfidf, "learn", lambda *given: seen.append(given[-2:]) or real(*given))
    asked = triage.read_text().replace("cluster: patient", f"cluster: patient, metrics: [{metric}]")
    triage.write_text(asked)
    recipe = load(triage)
    with run_lock(tmp_path / "run"):
        run = runs.open_run(tmp_path / "run", recipe, Progress())
        rows = curate.curate(run) and run.table("curate", "train.parquet")
        baseline.answer_baselines(run, open_samples(run).benchmarks[0], rows, evaluate.base_model(run), {})
    assert [(weighs, prices is not None) for weighs, prices in seen] == [(balanced, priced)]
    if priced:  # a model may have learned the prices, so its baseline knows them too
        assert {answer.answer for answer in read_answers(run, "tfidf", "triage")} == {"dermatology"}


def test_a_test_file_that_changed_since_curation_is_not_asked_by_evaluate_alone(trained_run):
    """It might hold rows that were learned; `curate` looks for those, and `metier run` calls it."""
    recipe, folder = trained_run
    shutil.copy(recipe.with_name("train.jsonl"), recipe.with_name("test.jsonl"))
    with pytest.raises(UserError, match="test data changed since the training rows"):
        evaluate.evaluate(runs.saved_run(folder, Progress()))


def test_a_model_that_was_trained_again_is_not_reported_by_its_old_answers(finished_run):
    _, folder = finished_run
    another_adapter(folder, None)
    with pytest.raises(UserError, match="trained again since it was asked"):
        report.report(runs.saved_run(folder, Progress()))


def test_an_evaluation_that_was_cut_off_is_not_reported(finished_run, monkeypatch):
    run = runs.saved_run(finished_run[1], Progress())
    monkeypatch.setattr(evaluate, "ask", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate.evaluate(run)
    with pytest.raises(UserError, match="run `metier evaluate"):
        report.report(run)


def test_a_misspelled_label_of_a_metric_is_said_before_training(tmp_path, triage):
    triage.write_text(
        triage.read_text().replace("cluster: patient", "metrics: [accuracy, {f1: {positive: [cardiolgy]}}]")
    )
    with pytest.raises(UserError, match="'cardiolgy', which no answer has. Did you mean 'cardiology'"):
        go(triage, tmp_path / "run")
    assert not (tmp_path / "run/train").exists()


def test_examples_of_fixed_and_broken_are_those_that_are_counted():
    from metier.evaluation.scoring import Prediction

    pairs = [(None, 1), (None, 0), (0.5, 0.7), (1, 0), (0, 1), (1, None), (0, 0)]
    base, tuned = ([Prediction(str(n), "", "", "x", str(n), pair[at]) for n, pair in enumerate(pairs)] for at in (0, 1))
    found = draw_examples(base, tuned, [], 0)
    assert {one.title: {row.gold for row in one.rows} for one in found} == {
        "Fixed": {"0", "4"},
        "Broken": {"3", "5"},
        "Still wrong": {"1", "2", "6"},
    }
    assert [one.count for one in found] == [2, 2, 3] and all(row.baseline is None for one in found for row in one.rows)


def test_a_label_with_dollars_or_bars_is_shown_as_it_is(tmp_path, triage):
    for name in ("train.jsonl", "test.jsonl"):
        file = triage.parent / name
        file.write_text(file.read_text().replace('"cardiology"', '"$50_$100"').replace('"dermatology"', '"<b>x</b>|y"'))
    declared = "cluster: patient, metrics: [{f1: {positive: ['<b>x</b>|y']}}, {f1: {positive: [$50_$100]}}]"
    triage.write_text(triage.read_text().replace("cluster: patient", declared))
    go(triage, tmp_path / "run")
    assert ">$50_$100</text>" in (tmp_path / "run/report.html").read_text()
    card = (tmp_path / "run/model_card.md").read_text()
    assert "<b>" not in card and "f1 (&lt;b&gt;x&lt;/b&gt;\\|y)" in card


def test_a_recipe_that_somebody_wrote_is_no_run_and_is_not_written_over(triage):
    before = triage.read_text()
    with pytest.raises(UserError, match="is a recipe that somebody wrote, and no run"):
        runs.saved_run(triage.parent, Progress())
    assert triage.read_text() == before and not (triage.parent / "lock.json").exists()


def test_a_model_that_is_not_the_one_that_was_trained_on_is_not_asked(finished_run, tmp_path):
    run = runs.saved_run(finished_run[1], Progress())
    run.lock(model={"name": "fake", "sha256": "0" * 64})
    with pytest.raises(UserError, match="has other weights than when"):
        evaluate.evaluate(run)
    with pytest.raises(UserError, match="has other weights than when"):
        export.export(run, "merged", tmp_path / "out", anyway=True)
    assert not (tmp_path / "out").exists()
