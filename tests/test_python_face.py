"""The package `metier` from Python: what is exported, and the quickstart of the docs as it stands."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import metier
from metier.errors import UserError
from metier.evaluation.results import Verdict
from metier.runs.files import write_json
from metier.runs.marks import hashed, read_hashed
from metier.runs.progress import LOGGER, Event
from tests.test_docs import ROOT, blocks
from tests.tiny import write_triage

PAGE = ROOT / "docs" / "how-to" / "python.md"


@pytest.fixture
def desk(finished_run, monkeypatch):
    """A folder with recipe.yaml and its finished run in runs/desk."""
    recipe, folder = finished_run
    home = recipe.parent
    (home / "runs").mkdir(exist_ok=True)
    folder.rename(home / "runs" / "desk")
    monkeypatch.chdir(home)
    return home


def test_every_exported_name_is_there_and_documented():
    assert sorted(metier.__all__) == metier.__all__
    for name in metier.__all__:
        assert getattr(metier, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        metier.nothing  # noqa: B018
    assert (Path(metier.__file__).parent / "py.typed").is_file()


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, metier; print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_examples_of_the_page_run(desk, capsys):
    known = {}
    quickstart, opened, stages, keys, listening = blocks(PAGE, "python")
    for block in (quickstart.replace('"recipe.yaml"', '"recipe.yaml", "runs/desk"'), opened, stages, keys):
        exec(block, known)
    out = capsys.readouterr().out
    run = known["run"]
    assert isinstance(run.verdict, Verdict) and run.verdict.decision in out and run.verdict.reasons[0] in out
    assert run.report.is_file() and run.recipe.model == "fake" and run.parts == []
    assert "logging" in listening


def test_a_run_without_a_verdict_says_what_to_call(curated_run):
    run = metier.load_run(curated_run[1])
    with pytest.raises(metier.UserError, match="no verdict yet.*metier report"):
        run.verdict  # noqa: B018


def test_a_verdict_that_cannot_be_read_is_told(finished_run):
    run = metier.load_run(finished_run[1])
    (run.folder / "verdict.json").write_text('{"decision": "SHIP"}')
    with pytest.raises(metier.UserError, match="is no verdict of this version.*metier report"):
        run.verdict  # noqa: B018


def test_several_trainings_have_one_verdict(two_seed_run):
    _, out = two_seed_run
    run = metier.load_run(out)
    assert run.parts == ["seed-0", "seed-1"] and run.verdict.seeds == (0, 1)
    with pytest.raises(Exception, match="frozen"):
        run.verdict.decision = "SHIP"


def test_everything_wrong_with_a_recipe_is_one_error(tmp_path):
    with pytest.raises(metier.Problems) as wrong:
        metier.run({"model": "fake", "datasets": ["icd10c"], "methods": ["sfd"]}, tmp_path / "run")
    assert len(wrong.value.problems) >= 2 and not (tmp_path / "run").exists()


def test_a_caller_hears_lines_and_events_or_nothing(tmp_path, capfd):
    heard = []

    class Listener(logging.Handler):
        def emit(self, record):
            heard.append(getattr(record, "event", None) or record.getMessage())

    LOGGER.handlers = [Listener()]
    metier.curate(write_triage(tmp_path), tmp_path / "run")
    assert any(isinstance(one, Event) and one.kind == "end" for one in heard)
    assert any("to train on" in one for one in heard if isinstance(one, str))
    assert capfd.readouterr() == ("", "")


def test_a_finished_run_answers_new_rows(desk):
    run = metier.load_run("runs/desk")
    assert [one.answer for one in run.predict(["chest pain at night"])] == [
        one.answer for one in run.predictor("triage").predict([{"text": "chest pain at night"}])
    ]
    example = blocks(ROOT / "docs" / "serving.md", "python")[0]
    exec(example, {})


def test_a_verdict_on_several_trainings_of_another_version_is_said_to_be_so(two_seed_run):
    path = two_seed_run[1] / "seeds.json"
    known = read_hashed(path, "")
    known.pop("face")
    write_json(path, hashed(known))
    with pytest.raises(UserError, match="seeds.json is no verdict of this version.*metier run --seeds"):
        _ = metier.load_run(two_seed_run[1]).verdict
