"""Reviewed rows for the next run: what is checked before, and which rows are left out."""

import pytest

from metier.errors import UserError
from metier.monitoring import monitor as monitoring
from metier.recipes import schema
from tests.monitoring.made import right, trace, watch, wrong
from tests.tiny import lines


def test_the_folder_and_the_license_are_checked_before_a_row_is_read(run, tmp_path, monkeypatch):
    monkeypatch.setattr(monitoring, "read_traces", lambda path: pytest.fail("a row was read"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file is a file. Name a new folder"):
        watch(run, tmp_path, [], to_dataset=tmp_path / "file")
    with pytest.raises(UserError, match="is not empty"):
        watch(run, tmp_path, [], to_dataset=tmp_path)
    monkeypatch.setattr(type(run.recipe), "build_datasets", lambda recipe: [])
    with pytest.raises(UserError, match="Give `--license`"):
        watch(run, tmp_path, [], to_dataset=tmp_path / "new")


def test_each_text_is_written_once_and_contradictions_are_counted(run, tmp_path):
    rows = [right(trace(run, n)) for n in range(10)]
    for n, changed in ((5, right), (6, wrong)):
        rows[n] = changed({**rows[4], "id": f"r{n}", "row": {**rows[4]["row"], "ward": str(n)}})
    made = watch(run, tmp_path, rows, to_dataset=tmp_path / "reviewed").dataset
    assert (made.rows, made.duplicates, made.contradicting) == (8, 2, 1)
    card = (tmp_path / "reviewed/README.md").read_text()
    assert "(1 of them with another label" in card
    assert f"Run: {run.folder.name}," in card and str(run.folder.parent) not in card
    assert "1 have another label" in " ".join((tmp_path / "monitor/monitor.html").read_text().split())


def test_a_recipe_elsewhere_finds_the_rows(run, finished_run, tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    made = watch(run, tmp_path, [right(trace(run, n)) for n in range(10)], to_dataset=Path("reviewed")).dataset
    benchmark = f"{{name: triage, path: {finished_run[0].with_name('test.jsonl')}, text: note, label: department}}"
    (tmp_path / "elsewhere").mkdir()
    recipe = tmp_path / "elsewhere/recipe.yaml"
    recipe.write_text(f"model: fake\n{made.recipe}benchmarks: [{benchmark}]\nretention: {{}}\n")
    assert schema.load(recipe).build_datasets()[0].rows().num_rows == len(lines(tmp_path / "reviewed/rows.jsonl")) == 10
