"""What the machine and the environment bring: variables of torchrun, homes and installs that cannot be written."""

from pathlib import Path

import pytest
from numba import config
from numba.core import caching

from metier.cli import failures
from metier.cli.resolve import run_stages
from metier.data import kernels
from metier.engine.models.model import load as load_model
from metier.errors import UserError
from metier.evaluation.samples import open_samples
from metier.export.export import export
from metier.runs import distributed
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.predictor import Predictor
from tests.tiny import lines, write_lines, write_triage


@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "x"},
        {"WORLD_SIZE": "x"},
        {"WORLD_SIZE": "1.5"},
        {"WORLD_SIZE": "0"},
        {"WORLD_SIZE": "-2"},
        {"RANK": "1"},  # of one: it would write nothing, say nothing and end with code 0
        {"RANK": "-1"},
        {"RANK": "0", "WORLD_SIZE": "2"},  # and nowhere to meet
    ],
)
def test_an_environment_that_torchrun_does_not_make_is_told(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="unset WORLD_SIZE RANK"):
        distributed.first()


def test_the_environment_of_torchrun_is_taken(monkeypatch):
    assert (distributed.count(), distributed.first()) == (1, True)
    for name, value in {
        "MASTER_ADDR": "h",
        "MASTER_PORT": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert (distributed.count(), distributed.first()) == (2, False)


@pytest.mark.parametrize("own", [True, False])
def test_kernels_load_where_neither_install_nor_home_can_be_written(monkeypatch, capsys, tmp_path, own):
    allowed = tmp_path / "cache" if own else Path("/tmp")
    check = caching._CacheLocator.ensure_cache_path

    def refused(locator):
        if allowed not in Path(locator.get_cache_path()).parents or not own and config.CACHE_DIR == "":
            raise OSError(30, "Read-only file system")
        check(locator)

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refused)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache") if own else "")
    kernels._keep_compiled()
    err = capsys.readouterr().err
    assert kernels._has_place()
    if own:
        assert Path(config.CACHE_DIR) == tmp_path / "cache" / "numba" and not err
    else:
        assert "metier-numba-" in config.CACHE_DIR and "compiled code is not kept" in err


def test_no_home_is_told():
    try:
        raise RuntimeError("Could not determine home directory.")  # pathlib's words
    except RuntimeError as error:
        assert "HOME is not set" in failures.explained(error)


def test_merged_weights_answer_as_the_run_did_where_one_label_begins_with_another(tmp_path):
    recipe = write_triage(tmp_path, train=60, test=12)
    recipe.write_text(recipe.read_text().replace("lr: 0.01, r: 4,", "tune: full, lr: 0.03, epochs: 3,"))
    for name in ("train.jsonl", "test.jsonl"):
        rows = lines(tmp_path / name)
        # Mostly the longer one, which without the end token cannot win against its own beginning.
        labels = ["dermas" if number % 6 else "derma" for number in range(len(rows))]
        write_lines(tmp_path / name, [{**row, "department": label} for row, label in zip(rows, labels, strict=True)])
    folder, _ = run_stages((tmp_path / "run", _loaded(recipe)), ["curate", "train", "evaluate", "report"])
    run = runs.saved_run(folder, Progress())
    export(run, "merged", tmp_path / "tuned", anyway=True)
    (benchmark,) = open_samples(run).benchmarks
    predictor = Predictor(benchmark, load_model(str(tmp_path / "tuned")), benchmark.label_set())
    answers = [row["answer"] for row in lines(folder / "evaluate/triage/tuned.jsonl")]
    assert answers.count("dermas") > 6
    assert [one.answer for one in predictor.answer(benchmark.questions())] == answers


def _loaded(recipe):
    from metier.recipes.schema import load

    return load(recipe)
