"""`metier verify` names every file of a finished run that was edited or taken away; so does report what it reads."""

import json
import shutil
from pathlib import Path

import pytest

from metier.errors import UserError
from metier.evaluation.results import read_verdict
from metier.runs.history import append, read_history
from metier.runs.integrity import verify
from metier.runs.marks import hashed, read_hashed
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages.report import report
from tests.attack.harness import call

FILES = [
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
    "curate/steps.json",
    "curate/card.md",
    "curate.done.json",
    "train/01-sft/log.jsonl",
    "train/01-sft/adapter/adapter_model.safetensors",
    "train/01-sft/adapter/adapter_config.json",
    "train/01-sft.done.json",
    "train.done.json",
    "evaluate/triage/samples.parquet",
    "evaluate/triage/base.jsonl",
    "evaluate/triage/tuned.jsonl",
    "evaluate/triage/tfidf.jsonl",
    "evaluate/triage/tfidf/model.json",
    "evaluate/triage/tuned.done.json",
    "evaluate.done.json",
]
REPORT_READS = {
    "lock.json",
    "plan.json",
    "curate/train.parquet",
    "curate/steps.json",
    "curate.done.json",
    "train/01-sft/log.jsonl",
    "train/01-sft/adapter/adapter_model.safetensors",
    "train/01-sft/adapter/adapter_config.json",
    "train.done.json",
    "evaluate/triage/samples.parquet",
    "evaluate/triage/base.jsonl",
    "evaluate/triage/tuned.jsonl",
    "evaluate/triage/tfidf.jsonl",
    "evaluate/triage/tuned.done.json",
    "evaluate.done.json",
}


@pytest.fixture(scope="module")
def whole(recorded_run, tmp_path_factory):
    """A finished run, copied so that each test may harm it."""
    _, folder = recorded_run.after("finished")
    return Path(shutil.copytree(folder, tmp_path_factory.mktemp("whole") / "run"))


@pytest.fixture
def folder(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "run"))


def flip(path):
    """One letter or byte of a file is another one, so that it can still be read where it is text."""
    content = bytearray(path.read_bytes())
    letters = [at for at, byte in enumerate(content) if chr(byte).isdigit()] or [len(content) // 2]
    content[letters[len(letters) // 2]] ^= 1
    path.write_bytes(content)


def named(folder):
    return {finding.file for finding in verify(folder).findings}


def test_a_finished_run_is_as_it_was_written(folder, tmp_path):
    assert verify(folder).findings == () and verify(folder).files > len(FILES)
    done = call("verify", folder, inside=tmp_path)
    assert done.code == 0 and "files are as they were written" in done.stdout
    report(saved_run(folder, Progress()))
    assert verify(folder).findings == (), "also after another report"


@pytest.mark.parametrize("harm", [flip, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_was_edited_or_removed_is_named(folder, file, harm):
    harm(folder / file)
    assert file in named(folder)


@pytest.mark.parametrize("file", sorted(REPORT_READS))
def test_report_refuses_by_name_what_it_reads(folder, file):
    flip(folder / file)
    with pytest.raises(UserError, match=Path(file).name + "|training rows changed"):
        report(saved_run(folder, Progress()))


def test_verify_ends_with_3_and_a_line_for_each_file(folder, tmp_path):
    for file in ("curate/train.parquet", "evaluate/triage/tuned.jsonl"):
        flip(folder / file)
    done = call("verify", folder, inside=tmp_path)
    assert done.code == 3 and "curate/train.parquet: was changed" in done.stdout
    assert "2 of" in done.stdout.splitlines()[-1]
    found = json.loads(call("verify", folder, "--json", inside=tmp_path).stdout)
    assert {one["file"] for one in found["findings"]} == {"curate/train.parquet", "evaluate/triage/tuned.jsonl"}


@pytest.mark.parametrize("file", ["report.html", "seeds.json", "history.jsonl", "seed-1/report.html"])
def test_the_pages_above_several_trainings_are_covered(two_seed_run, file):
    folder = two_seed_run[1]
    assert not verify(folder).findings
    flip(folder / file)
    assert [one.file for one in verify(folder).findings] == [file]
    (folder / file).unlink()
    assert file in named(folder)


def test_what_people_fill_in_is_no_part_of_the_verdict(folder):
    sheet = folder / "monitor" / "to_label.csv"
    sheet.parent.mkdir()
    sheet.write_text("corrected\n")
    report(saved_run(folder, Progress()))
    sheet.write_text("corrected\nskin\n")
    assert not verify(folder).findings


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(UserError, match="no run in"):
        verify(tmp_path)


def test_a_verdict_that_the_history_does_not_know_is_not_believed(folder):
    path = folder / "verdict.json"
    verdict = json.loads(path.read_text())
    path.write_text(json.dumps({**verdict, "decision": "SHIP"}))
    with pytest.raises(UserError, match=r"verdict.json was changed.*metier report"):
        read_verdict(folder)


def test_a_plan_with_its_hash_computed_again_is_not_the_sealed_one(folder):
    path = folder / "plan.json"
    path.write_text(json.dumps(hashed({**read_hashed(path, ""), "alpha": 0.4})))
    assert "plan.json" in named(folder)
    [first, second] = report(saved_run(folder, Progress())).exploratory
    assert "not the plan that was sealed" in first and "ship.alpha was changed from 0.4 to 0.05" in second


def test_a_line_taken_out_of_the_history_is_found(folder):
    report(saved_run(folder, Progress()))
    path = folder / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    path.write_text(lines[0] + lines[2])
    assert [one for one in read_history(folder).broken] and "history.jsonl" in named(folder)
    verdict = report(saved_run(folder, Progress()))
    assert "history.jsonl, line 2, does not follow the line before it" in verdict.exploratory[0]
    page, card = (folder / "report.html").read_text(), (folder / "model_card.md").read_text()
    assert page.index("does not follow") < page.index("What to do next") and "Exploratory" in card


def test_what_the_history_says_is_only_added_to(tmp_path):
    for number in range(3):
        append(tmp_path, "report", number=number)
    before = (tmp_path / "history.jsonl").read_text()
    append(tmp_path, "report", number=3)
    assert (tmp_path / "history.jsonl").read_text().startswith(before)
    known = read_history(tmp_path)
    assert [entry["number"] for entry in known.entries] == [0, 1, 2, 3] and not known.broken
    assert known.last("report")["before"] == json.loads(before.splitlines()[-1])["sha256"]
