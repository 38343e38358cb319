"""A run's folder that somebody edited, or that a disk damaged: nothing in it is believed that is not as it was."""

import json
import shutil
from pathlib import Path

import pytest

from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.asking import _part_line, _resume, answer_batch
from metier.evaluation.baseline import answer_baselines, load_baseline
from metier.evaluation.samples import open_samples
from metier.experiments.average import average
from metier.export.export import export
from metier.export.verify_lm_eval import verify_lm_eval
from metier.recipes.schema import load
from metier.runs.files import write_json
from metier.runs.marks import hashed, read_hashed
from metier.runs.progress import Progress
from metier.runs.run import Run, open_run, saved_run
from metier.stages.evaluate import base_model, evaluate
from metier.stages.report import report
from metier.stages.train import train
from tests.attack.harness import call
from tests.tiny import write_triage


@pytest.fixture
def run_folder(field, tmp_path):
    return field.copy(tmp_path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("quick: true", "quick: false", "quick"),
        ("seed: 0", "seed: 1", "seed"),
        ("Department:", "Where to:", "benchmarks"),
        ("model: fake", "model: smollm2-135m", "model"),
        ("- normalize", "- {normalize: {}}", "steps"),
    ],
)
def test_an_edited_recipe_of_a_finished_run_is_refused_by_key(run_folder, old, new, key):
    recipe, lock = run_folder / "recipe.yaml", (run_folder / "lock.json").read_bytes()
    edit(recipe, old, new)
    edited = recipe.read_bytes()
    with pytest.raises(UserError, match=rf"was edited after the run was begun \({key} is"):
        saved_run(run_folder, Progress())
    assert (recipe.read_bytes(), (run_folder / "lock.json").read_bytes()) == (edited, lock)


def test_an_emptied_recipe_is_not_the_default_recipe(run_folder, tmp_path):
    (run_folder / "recipe.yaml").write_text("\n")
    done = call("report", run_folder, inside=tmp_path)
    assert done.code == 3 and "recipe.yaml is empty" in done.stderr
    assert (run_folder / "recipe.yaml").read_text() == "\n"


def test_a_removed_recipe_is_written_again_from_the_lock(run_folder, field, tmp_path):
    (run_folder / "recipe.yaml").unlink()
    assert call("report", run_folder, inside=tmp_path).code == 0
    assert (run_folder / "recipe.yaml").read_text() == (field.run / "recipe.yaml").read_text()


def test_comments_in_a_runs_own_recipe_are_kept(run_folder, tmp_path):
    edit(run_folder / "recipe.yaml", "model: fake", "model: fake  # two layers")
    assert call("report", run_folder, inside=tmp_path).code == 0
    assert "# two layers" in (run_folder / "recipe.yaml").read_text()


def test_edited_steps_are_taken_over_before_training_only(run_folder, tmp_path):
    shutil.rmtree(run_folder / "train")
    edit(run_folder / "recipe.yaml", "- normalize\n", "")
    done = call("curate", run_folder, inside=tmp_path)
    assert done.code == 0 and "The steps were edited" in done.stderr
    lock = read_hashed(run_folder / "lock.json", "")
    assert "normalize" in lock["recipe"], "what the run was begun with stays"
    assert "normalize" not in lock["edits"][-1]["recipe"] and len(lock["edits"]) == 1
    (run_folder / "recipe.yaml").unlink()
    assert call("curate", run_folder, inside=tmp_path).code == 0
    assert "normalize" not in (run_folder / "recipe.yaml").read_text()
    assert len(read_hashed(run_folder / "lock.json", "")["edits"]) == 1


@pytest.mark.parametrize(("old", "new"), [("alpha: 0.05", "alpha: 0.4"), ("min_gain: 0.02", "min_gain: 0")])
def test_edited_thresholds_of_a_finished_run_are_named_and_no_verdict(run_folder, tmp_path, old, new):
    lock = (run_folder / "lock.json").read_bytes()
    edit(run_folder / "recipe.yaml", old, new)
    done, key = call("report", run_folder, inside=tmp_path), old.split(":")[0]
    assert done.code == 2 and "exploratory" in done.stdout
    changed = f"ship.{key} was changed from {old.split()[1]} to {new.split()[1]} after the answers were known"
    assert changed in done.stdout and changed in (run_folder / "report.html").read_text()
    assert (run_folder / "lock.json").read_bytes() == lock
    assert call("verify", run_folder, inside=tmp_path).code == 3
    edit(run_folder / "recipe.yaml", new, old)  # put back, all is as planned; the history keeps that it was tried
    assert call("report", run_folder, inside=tmp_path).code == 0
    assert call("verify", run_folder, inside=tmp_path).code == 0
    assert changed in (run_folder / "history.jsonl").read_text()


def test_thresholds_in_another_recipe_file_are_not_taken_over(run_folder):
    run = saved_run(run_folder, Progress())
    other = run.recipe.model_copy(update={"ship": run.recipe.ship.model_copy(update={"alpha": 0.4})})
    with pytest.raises(UserError, match="another recipe"):
        open_run(run_folder, other, Progress())


def test_a_run_without_its_lock_is_not_believed(run_folder, tmp_path):
    (run_folder / "lock.json").unlink()
    edit(run_folder / "recipe.yaml", "quick: true", "quick: false")
    done = call("report", run_folder, inside=tmp_path)
    assert done.code == 3 and "lock.json is missing" in done.stderr


@pytest.mark.parametrize(
    "name", ["lock.json", "train.done.json", "evaluate/triage/tuned.done.json", "curate.done.json"]
)
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"inputs": 1, "result": 2}', "[" * 5000])
def test_a_damaged_mark_or_lock_is_named(run_folder, name, content):
    (run_folder / name).write_text(content)
    with pytest.raises(UserError, match=name.rpartition("/")[2]):
        report(saved_run(run_folder, Progress()))


def test_an_edited_mark_is_not_believed(run_folder):
    edit(run_folder / "evaluate" / "triage" / "tuned.done.json", '"truncated": 0', '"truncated": 1')
    with pytest.raises(UserError, match="tuned.done.json was changed"):
        report(saved_run(run_folder, Progress()))


def forged(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "value": 1.0}) + "\n" for row in rows))


def shortened(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("attack", [forged, shortened, flip, Path.unlink])
def test_answers_that_were_changed_give_no_verdict(run_folder, attack):
    for who in ("base", "tuned", "tfidf"):
        attack(run_folder / "evaluate" / "triage" / f"{who}.jsonl")
    with pytest.raises(UserError, match=r"\.jsonl (was changed|is missing).*metier evaluate"):
        report(saved_run(run_folder, Progress()))


def test_a_baseline_that_was_taken_away_with_its_mark_is_missed(run_folder):
    for file in (run_folder / "evaluate" / "triage").glob("tfidf.*"):
        file.unlink()
    with pytest.raises(UserError, match="tfidf.*is missing"):
        report(saved_run(run_folder, Progress()))


def test_the_saved_baseline_answers_as_it_was_measured(run_folder):
    run = saved_run(run_folder, Progress())
    (benchmark,) = open_samples(run).benchmarks
    assert load_baseline(run, benchmark).answer(benchmark.questions()) == read_answers(run, "tfidf", "triage")


@pytest.mark.parametrize("attack", [flip, Path.unlink])
@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_a_saved_baseline_that_was_changed_answers_nothing_and_is_made_again(run_folder, file, attack):
    path = run_folder / "evaluate" / "triage" / "tfidf" / file
    before, run = path.read_bytes(), saved_run(run_folder, Progress())
    (benchmark,) = open_samples(run).benchmarks
    attack(path)
    with pytest.raises(UserError, match=f"{file} (was changed|is missing).*metier evaluate"):
        load_baseline(run, benchmark)
    answer_baselines(run, benchmark, run.table("curate", "train.parquet"), base_model(run), {})
    assert path.read_bytes() == before and load_baseline(run, benchmark)


def test_changed_answers_are_asked_again_and_the_verdict_is_the_same(run_folder, field):
    forged(run_folder / "evaluate" / "triage" / "tuned.jsonl")
    run = saved_run(run_folder, Progress())
    evaluate(run)
    report(run)
    for file in ("evaluate/triage/tuned.jsonl", "evaluate/triage/base.jsonl"):
        assert (run_folder / file).read_bytes() == (field.run / file).read_bytes()


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_flipped_byte_of_the_adapter_stops_what_uses_it(run_folder, tmp_path, file):
    adapter = next((run_folder / "train").glob("01-*/adapter")) / file
    before = adapter.read_bytes()
    flip(adapter)
    run = saved_run(run_folder, Progress())
    for use in (
        lambda: evaluate(run),
        lambda: export(run, "merged", tmp_path / "out"),
        lambda: average([run], tmp_path),
    ):
        with pytest.raises(UserError, match=f"{file} was changed"):
            use()
    train(run)
    assert adapter.read_bytes() == before


@pytest.mark.parametrize("file", ["steps.json", "representation.json", "train.parquet"])
def test_curated_files_that_were_changed_are_named(run_folder, file):
    flip(run_folder / "curate" / file)
    with pytest.raises(UserError, match=f"{file}|training rows changed"):
        report(saved_run(run_folder, Progress()))


def test_a_changed_file_of_held_out_rows_is_not_learned_by(run_folder):
    (run_folder / "curate" / "valid.parquet").write_bytes(b"garbage")
    with pytest.raises(UserError, match="valid.parquet was changed"):
        train(saved_run(run_folder, Progress()))


def test_a_name_that_leads_out_of_the_run_is_refused(tmp_path):
    run = Run(tmp_path / "run", load(write_triage(tmp_path)), Progress())
    for parts in (("..", "p.json"), ("curate/../../p",), ("/etc/p",)):
        with pytest.raises(UserError, match="outside the run's folder"):
            run.path(*parts)


def test_no_file_of_ours_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        hashed({"loss": float("inf")})


def test_a_forged_line_of_an_unfinished_evaluation_is_asked_again(run_folder):
    run = saved_run(run_folder, Progress())
    answers = read_answers(run, "tuned", "triage")

    class ScoringSession:
        batches = [[0], [1], [2]]

    part = run_folder / "evaluate" / "triage" / "tuned.part.jsonl"
    lines = [_part_line("inputs", at, 0.1, answers[at]) for at in range(3)]
    row = json.loads(lines[1])
    for forged_line in (json.dumps({**row, "value": 1 - row["value"]}) + "\n", "[1]\n", "{}\n", '{"line": 1}\n'):
        part.write_text("inputs\n" + lines[0] + forged_line + lines[2])
        assert list(_resume(part, "inputs", ScoringSession())[0]) == [0]
    part.write_text("inputs\n" + "".join(lines))
    assert _resume(part, "inputs", ScoringSession())[0] == dict(enumerate(answers[:3]))


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"doc": {"id": "a"}}', '{"doc": 1, "filtered_resps": []}'])
def test_samples_of_the_harness_that_are_malformed_are_named(run_folder, tmp_path, line):
    out = tmp_path / "out" / "base"
    out.mkdir(parents=True)
    (out / "samples_metier_triage_2026.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match="line 1: this is no sample"):
        verify_lm_eval(saved_run(run_folder, Progress()), tmp_path / "out")


def test_a_model_that_gives_no_numbers_stops_the_evaluation(run_folder):
    from metier.engine.models.model import load

    [benchmark] = saved_run(run_folder, Progress()).recipe.build_benchmarks()
    model, asked = load("fake"), benchmark.questions(3)
    model.network.model.norm.weight.data.fill_(float("nan"))
    asking = benchmark.build_scorer().ask(model, benchmark, asked, ["cardiology", "dermatology"])
    with pytest.raises(UserError, match=f"no number.*question {asked[asking.batches[0][0]].id}"):
        answer_batch(asking, asking.batches[0], asked)


def test_a_run_of_another_recipe_is_not_written_over(run_folder, tmp_path):
    other = load(write_triage(tmp_path)).model_copy(update={"seed": 3})
    with pytest.raises(UserError, match="another recipe"):
        open_run(run_folder, other, Progress())
