"""The recipes of the results page, and the page itself."""

import importlib.util
import json
from pathlib import Path

import pytest

from metier.data.dataset import MIRROR
from metier.engine.models import model as engine
from metier.recipes import plugins
from metier.recipes.checks import check
from metier.recipes.schema import load
from tests.datasets.test_datasets import write_mirror
from tests.tiny import remark

ROOT = Path(__file__).parent.parent
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(scope="module")
def results():
    spec = importlib.util.spec_from_file_location("results", ROOT / "bench" / "results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_of_the_table_is_good_and_named_after_its_benchmark(path, tmp_path, monkeypatch):
    write_mirror(tmp_path)
    monkeypatch.setenv(MIRROR, str(tmp_path))
    recipe = load(path)
    [(name, settings)] = map(plugins.named, recipe.benchmarks)
    # Only the form of the question may be a recipe's own: rows, labels and metrics are those of the benchmark.
    assert check(recipe) == [] and name == path.stem and set(settings) <= {"prompt"}
    assert {"license", "dedup", "decontaminate", "split"} <= {plugins.named(step)[0] for step in recipe.steps}
    # No choice may look at the test: the best adapter is that of held-out rows, or the last.
    assert recipe.seed == 0 and recipe.retention == {"general": 0.02}


def test_the_default_run_is_one_of_them():
    written, default = load(ROOT / "recipes" / "icd10cm_chapter.yaml"), load()
    assert (written.datasets, written.steps, written.methods) == (default.datasets, default.steps, default.methods)
    assert (written.benchmarks, written.retention, written.ship) == (
        default.benchmarks,
        default.retention,
        default.ship,
    )


def test_the_page_shows_the_figures_of_its_file(results):
    page = (ROOT / "docs" / "results.md").read_text()
    shown = page.split(results.BEGIN)[1].split(results.END)[0].strip()
    figures = json.loads((ROOT / "docs" / "results.json").read_text())
    assert shown == results.markdown(figures)
    for entry in figures["rows"]:
        assert (ROOT / "recipes" / f"{entry['recipe']}.yaml").is_file()
        assert entry["tuned"]["value"] == pytest.approx(sum(entry["values"]) / len(entry["values"]))
        assert entry["settings"] == results.settings(load(ROOT / "recipes" / f"{entry['recipe']}.yaml"))
        assert len(entry["values"]) == len(entry["seeds"]) == len(entry["decisions"])


def test_no_row_of_todays_baseline_is_compared_with_a_weaker_one_than_the_dataset_knows(results):
    """A baseline that cannot see what the question is about makes any model look good (docs/log.md)."""
    checked = 0
    for entry in json.loads((ROOT / "docs" / "results.json").read_text())["rows"]:
        if entry.get("baseline_version") != results.tfidf.Baseline.version:
            continue
        for known in plugins.build("benchmarks", entry["recipe"], {}).references:
            if known.how == "recomputed" and known.metric == entry["metric"]:
                assert entry["baseline"]["value"] > known.value - 0.01, entry["recipe"]
                checked += 1
    assert checked, "no row of the page has run with today's baseline"


def test_the_table_is_corrected_for_all_its_tests(results, tmp_path, monkeypatch):
    p = {"a": 0.01, "b": 0.02, "c": 0.5}
    monkeypatch.setattr(results, "row", lambda name, done: {"recipe": name, "gain_over_baseline": {"p": p[name]}})
    kept = [{"recipe": "c", "gain_over_baseline": {"p": 0.5, "p_holm": 0.5}}]
    found = results.table({"b": [], "a": []}, kept)["rows"]
    assert [entry["gain_over_baseline"]["p_holm"] for entry in found] == pytest.approx([0.03, 0.04, 0.5])


def test_a_row_of_another_machine_stays_until_its_recipe_changes_or_runs_here(results, tmp_path, monkeypatch):
    known = {path.stem: load(path) for path in RECIPES[:3]}
    rows = [{"recipe": name, "settings": results.settings(recipe)} for name, recipe in known.items()]
    monkeypatch.setattr(results, "FIGURES", tmp_path / "results.json")
    assert results.still_good(known, []) == []
    results.FIGURES.write_text(json.dumps({"rows": [*rows, {"recipe": "gone", "settings": ""}]}))
    first, second, third = known
    known[second] = known[second].model_copy(update={"model": "another"})
    known[third] = known[third].model_copy(update={"seed": 7})
    assert [row["recipe"] for row in results.still_good(known, [first])] == [third]


@pytest.mark.slow
def test_school_questions_are_asked_once_of_base_and_tuned(results, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write_mirror(tmp_path / "mirror")
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    done = results.run_all({"colors": results.made_up(tmp_path / "data")}, 2, tmp_path / "out")["colors"]
    assert results.row("colors", done)["school"] is None
    loaded, load_model = [], engine.load
    monkeypatch.setattr(engine, "load", lambda *given: loaded.append(given[1]) or load_model(*given))
    found = [results.school(run) for run in done]
    assert len(loaded) == 3 and loaded.count(None) == 1, "the base model once"
    assert found[0]["base"] == found[1]["base"] and all(
        0 <= one[who] <= 1 for one in found for who in ("base", "tuned")
    )
    assert [results.school(run) for run in done] == found and len(loaded) == 3, "asked before"
    entry = results.row("colors", done)
    assert entry["school"] == {"base": found[0]["base"], "tuned": [one["tuned"] for one in found]}
    other = json.loads((done[1].folder / "school.json").read_text()) | {"adapter_sha256": "of another training"}
    (done[1].folder / "school.json").write_text(json.dumps(other))
    assert results.row("colors", done)["school"] is None
    mean = sum(entry["school"]["tuned"]) / 2
    assert f"| {found[0]['base']:.3f}, {mean:.3f} |" in results.markdown(results.table({}, [{**entry, "recipe": "c"}]))


@pytest.mark.slow
def test_a_second_seed_joins_the_row_and_the_base_model_is_asked_once(results, tmp_path):
    (tmp_path / "data").mkdir()
    recipe = results.made_up(tmp_path / "data")
    out = tmp_path / "out"
    first = results.run_all({"colors": recipe}, 1, out)
    alone = results.row("colors", first["colors"])
    assert alone["spread"] is None and alone["seeds"] == [0] and alone["decontaminated"] == 0
    assert alone["averaged"] is None
    [both] = results.table(results.run_all({"colors": recipe}, 2, out), [])["rows"]
    assert both["seeds"] == [0, 1] and both["values"][0] == alone["values"][0] and both["spread"] is not None
    assert results._said({"decision": "SHIP", "decisions": ["SHIP", "HOLD"]}) == "SHIP (SHIP, HOLD)"
    assert results._said({"decisions": ["HOLD"]}) == both["decision"] == "HOLD"
    [mean] = json.loads((out / "colors" / "averaged" / "verdict.json").read_text())["benchmarks"]
    assert "p_ship" not in both and "state" not in both
    assert json.loads((out / "colors" / "seeds.json").read_text())["seeds"] == [0, 1]
    assert (out / "colors" / "report.html").is_file()
    assert both["averaged"]["tuned"] == mean["tuned"] and both["averaged"]["decision"] in ("SHIP", "HOLD")
    assert f"| {mean['tuned']['value']:.3f} {both['averaged']['decision']} |" in results.markdown({"rows": [both]})
    assert results.averaged_figures(first["colors"]) is None, "made of other seeds than these"
    remark(out / "colors" / "averaged", "train", inputs="of trainings that are gone")
    assert results.row("colors", results.finished({"colors": recipe}, out)["colors"])["averaged"] is None
    assert "†" not in results.markdown({"rows": [both]}), "the baseline is today's"
    assert " †" in results.markdown({"rows": [{**both, "baseline_version": both["baseline_version"] - 1}]})
    remark(out / "colors" / "seed-0", "evaluate/colors/tfidf", version=1)
    assert results.row("colors", first["colors"])["baseline_version"] == 1, "that of the answers, not of today"
    base = [out / "colors" / f"seed-{n}" / "evaluate" / "colors" / "base.done.json" for n in (0, 1)]
    assert base[0].read_bytes() == base[1].read_bytes()
    assert len(results.finished({"colors": recipe}, out)["colors"]) == 2
    other = recipe.model_copy(update={"methods": [{"sft": {"lr": 0.02}}]})
    assert results.finished({"colors": other}, out) == {}, "runs of other settings are no rows of this recipe"
