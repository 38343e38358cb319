"""Curating as a whole: what is kept on disk, what is done again, what is said about the rows."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.data import pipeline
from metier.data.representativeness import assessment
from metier.data.step import StepContext, StepResult
from metier.data.steps import dedup, normalize
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.files import file_sha256
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.stages.curate import curate
from tests.data.steps.test_steps import table
from tests.tiny import write_triage


def curated(recipe_file, folder, *changes):
    recipe = load(recipe_file, changes=list(changes))
    with run_lock(folder):
        return curate(runs.open_run(folder, recipe, Progress()))


STEPS = "steps=[normalize, dedup, {split: {valid: %s}}, decontaminate]"


def test_an_edited_step_is_done_again_with_those_behind_it_and_none_before(triage, tmp_path, monkeypatch):
    curated(triage, tmp_path / "run", STEPS % 0.1)
    monkeypatch.setattr(normalize.Step, "apply", None)
    monkeypatch.setattr(dedup.Step, "apply", None)
    curated(triage, tmp_path / "run", STEPS % 0.3)
    edited = [(tmp_path / f"run/curate/{side}.parquet").read_bytes() for side in ("train", "valid")]
    monkeypatch.undo()
    curated(triage, tmp_path / "fresh", STEPS % 0.3)
    assert edited == [(tmp_path / f"fresh/curate/{side}.parquet").read_bytes() for side in ("train", "valid")]


def test_the_lock_keeps_the_first_recipe_and_adds_the_edits_of_its_steps(triage, tmp_path):
    locks = []
    for share in (0.1, 0.2):
        curated(triage, tmp_path / "run", STEPS % share)
        locks.append(json.loads((tmp_path / "run/lock.json").read_text()))
    assert locks[0]["recipe_sha256"] == locks[1]["recipe_sha256"] != file_sha256(tmp_path / "run/recipe.yaml")
    assert locks[1]["edits"][-1]["recipe_sha256"] == file_sha256(tmp_path / "run/recipe.yaml")


def test_steps_cannot_be_edited_once_something_was_trained(triage, tmp_path):
    curated(triage, tmp_path / "run", STEPS % 0.1)
    (tmp_path / "run" / "train").mkdir()
    with pytest.raises(UserError, match="another recipe"):
        curated(triage, tmp_path / "run", STEPS % 0.3)


def test_the_journal_counts_rows_bytes_and_seconds_and_samples_drops(tmp_path):
    recipe = write_triage(tmp_path)
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    (tmp_path / "train.jsonl").write_text("\n".join(lines + lines[:5]) + "\n")
    result = curated(recipe, tmp_path / "run", STEPS % 0.1)
    steps = {step["step"]: step for step in json.loads((tmp_path / "run/curate/steps.json").read_text())}
    assert steps["dedup"]["dropped"] == 5 == result["dropped"] and len(steps["dedup"]["sampled_drops"]) == 5
    assert all(step["kept_bytes"] > 0 and step["seconds"] >= 0 for step in steps.values())
    assert steps["dedup"]["rows"] == steps["dedup"]["kept"] + 5


def test_a_step_that_loses_a_row_is_our_bug_and_stops_the_run(triage, tmp_path, monkeypatch):
    real = normalize.Step.apply

    def forgetful(self, rows, context):
        sifted = real(self, rows, context)
        return StepResult(sifted.kept.slice(1), sifted.dropped, sifted.notes)

    monkeypatch.setattr(normalize.Step, "apply", forgetful)
    with pytest.raises(RuntimeError, match="no row may be lost"):
        curated(triage, tmp_path / "run", STEPS % 0.1)


def test_rows_in_batches_come_out_as_rows_at_once(monkeypatch):
    rows = table([{"text": f"caf\u00c3\u00a9 {n}" if n % 3 else " "} for n in range(50)])
    whole = list(pipeline.in_batches(normalize.Step(), rows, StepContext(0, [])))
    monkeypatch.setattr(pipeline, "BATCH_ROWS", 7)
    parts = list(pipeline.in_batches(normalize.Step(), rows, StepContext(0, [])))
    notes = {}
    for part in parts:
        notes = pipeline.joined(notes, part.notes)
    assert len(parts) == 8 and notes == whole[0].notes
    assert sum((part.kept["text"].to_pylist() for part in parts), []) == whole[0].kept["text"].to_pylist()


def test_stored_rows_are_mapped_and_a_torn_file_is_never_there(tmp_path):
    rows = table([{"text": "a"}, {"text": "b"}])
    path = tmp_path / "rows.arrow"

    def torn():
        yield rows
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        pipeline.store(path, torn(), rows.schema)
    assert not path.exists()
    assert pipeline.store(path, [rows, rows], rows.schema) == 4
    assert pipeline.stored(path)["text"].to_pylist() == ["a", "b"] * 2


def test_few_examples_are_not_judged_and_many_are(tmp_path):
    recipe = write_triage(tmp_path)
    result = curated(recipe, tmp_path / "few", STEPS % 0.1)
    assert result["represents"]["state"] == "NOT JUDGED" and "no picture" in result["represents"]["reasons"][0]
    page = (tmp_path / "few/report.html").read_text()
    assert "NOT JUDGED" in page and "http" not in page.replace("http-equiv", "")


def test_work_that_cannot_be_judged_beside_work_that_can_is_no_go(triage, tmp_path, monkeypatch):
    judged = iter(["", "too few"])
    monkeypatch.setattr(assessment, "_too_few", lambda *_: next(judged))
    monkeypatch.setattr(assessment, "compare", lambda *_, **__: SimpleNamespace(to_json=dict))
    monkeypatch.setattr(assessment, "decide", lambda *_: SimpleNamespace(state="GO", reasons=["It fits."]))
    monkeypatch.setattr(assessment, "section", lambda *_: {})
    twice = triage.read_text().replace("benchmarks:", "benchmarks:\n  - icd10cm_chapter")
    triage.write_text(twice.replace("{path: train.jsonl,", "{path: train.jsonl, task: triage,"))
    run = runs.open_run(tmp_path / "run", load(triage), Progress())
    empty = table([{"text": "a"}])
    found = assessment.represent(
        run, run.recipe.build_benchmarks(), empty, empty, empty.append_column("step", pa.array(["dedup"]))
    )
    assert found["state"] == "NOT JUDGED" and len(found["reasons"]) == 2


def test_examples_that_none_learned_from_are_known_by_their_id_and_not_by_a_text_that_cleaning_changed():
    rows = table([{"text": f"it\u2019s {n}", "task": "own"} for n in range(6)])
    benchmark = SimpleNamespace(name="own", path=None, dataset_name="s", rows=rows)
    cleaned = table([{"text": f"it's {n}", "task": "own"} for n in range(3)])
    dropped = rows.slice(3, 2).append_column("step", pa.array(["decontaminate", "select"]))
    seen = assessment._seen(cleaned, dropped)
    assert assessment._examples(benchmark, seen, cleaned.slice(0, 0))[0] == ["it\u2019s 4", "it\u2019s 5"]


def test_written_answers_are_no_labels_that_could_be_missing():
    rows = table([{"text": "a", "label": "b", "task": "own"}])
    for scorer, wanted in (("generate", []), ("label", ["b"])):
        assert assessment._labels(rows, Benchmark("own", path="t.jsonl", scorer=scorer)) == wanted


def test_the_cards_name_sources_licenses_and_hashes(triage, tmp_path):
    curated(triage, tmp_path / "run", STEPS % 0.1)
    card = (tmp_path / "run/curate/card.md").read_text()
    train = tmp_path / "run/curate/train.parquet"
    assert f"{pq.read_metadata(train).num_rows} rows to train on" in card and "proprietary" in card
    assert f"`{file_sha256(train)}`" in card
    described = json.loads((tmp_path / "run/curate/croissant.json").read_text())
    files = {entry["name"]: entry for entry in described["distribution"]}
    assert files.keys() >= {"train.parquet", "valid.parquet"}
    assert files["train.parquet"]["sha256"] == file_sha256(train)


@pytest.mark.slow
def test_two_ray_workers_keep_the_same_rows(tmp_path):
    ray = pytest.importorskip("ray")
    from metier.data import ray as on_ray

    recipe = write_triage(tmp_path, train=600)
    curated(recipe, tmp_path / "here", STEPS % 0.1)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with run_lock(tmp_path / "there"):
            run = runs.open_run(tmp_path / "there", load(recipe, changes=[STEPS % 0.1]), Progress())
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(on_ray, "BATCH_ROWS", 100)
                curate(run, on_ray.mapper)
    finally:
        ray.shutdown()
    for side in ("train", "valid", "dropped"):
        here, there = (pq.read_table(tmp_path / where / f"curate/{side}.parquet") for where in ("here", "there"))
        assert here["id"].to_pylist() == there["id"].to_pylist() and here["text"].equals(there["text"])
