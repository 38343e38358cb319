"""Several trainings of one recipe: what is reported of them."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from metier.engine.models.model import load
from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.comparison import compare, mean_gain
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.experiments.average import SCALES, NoMean, _without, average
from metier.experiments.seeds import evaluated, opened, seeds
from metier.export.export import export
from metier.recipes import checks, plugins
from metier.recipes import schema as recipes
from metier.runs.lock import run_lock
from metier.runs.marks import read_hashed
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages.curate import curate
from metier.stages.train import train
from tests.cli.test_cli import inside
from tests.tiny import write_wards


@pytest.fixture
def recipe(tmp_path):
    return recipes.load(write_wards(tmp_path))


@pytest.fixture
def two(two_seed_run):
    """(recipe, folder) of two seeds that are done."""
    written, out = two_seed_run
    return recipes.load(written), out


def trained(folder, recipe):
    """A run up to its adapter."""
    run = opened(folder, recipe, Progress())
    curate(run)
    train(run)
    return run


def both_trained(folder, recipe):
    return [trained(folder / f"seed-{seed}", recipe.model_copy(update={"seed": seed})) for seed in (0, 1)]


def test_two_seeds_have_a_spread_a_paired_interval_and_one_base_model(two, monkeypatch):
    recipe, out = two
    monkeypatch.setattr("metier.engine.training.trainer.train", None)  # this call finds everything done
    found = seeds(recipe, out, 2)
    (entry,) = found.benchmarks
    verdicts = [json.loads((out / f"seed-{n}" / "verdict.json").read_text()) for n in (0, 1)]
    alone = [verdict["benchmarks"][0] for verdict in verdicts]
    assert list(entry.values) == [one["tuned"]["value"] for one in alone]
    assert entry.tuned.value == pytest.approx(sum(entry.values) / 2)
    assert entry.gain.value == pytest.approx(entry.tuned.value - alone[0]["base"]["value"])
    assert entry.gain.low <= entry.gain.value <= entry.gain.high and 0 < entry.p <= 1
    assert alone[0]["base"] == alone[1]["base"] and verdicts[1]["seeds"] == [1]
    assert read_hashed(out / "seeds.json", "") == found.to_json()
    assert seeds(recipe, out, 2) == found


@pytest.mark.slow
def test_what_must_not_be_forgotten_is_judged_in_the_mean_over_the_seeds(recipe, tmp_path):
    found = seeds(recipe.model_copy(update={"retention": {"general": 0.02}}), tmp_path / "out", 2)
    (row,) = found.retention
    verdicts = [json.loads((tmp_path / "out" / f"seed-{n}" / "verdict.json").read_text()) for n in (0, 1)]
    alone = [verdict["retention"][0] for verdict in verdicts]
    changes = [one["change"]["value"] for one in alone]
    assert row.change.value == pytest.approx(sum(changes) / 2) and changes[0] != changes[1]
    assert row.change.low < min(changes) and row.change.high > max(changes), "seeds are drawn as well"
    assert row.base == alone[0]["base"] and row.n == alone[0]["n"] and row.margin == 0.02
    if row.state != "kept":
        assert found.decision == "HOLD"


def test_the_page_of_all_seeds_has_the_decision_and_escapes_names(two, tmp_path):
    recipe, out = two[0], tmp_path / "<b>out"
    shutil.copytree(two[1], out)
    found = seeds(recipe, out, 2)
    page = (out / "report.html").read_text()
    assert f"<strong>{found.decision}</strong>" in page and "&lt;b&gt;out" in page and "<b>out" not in page
    assert 'href="seed-0/answers.html"' in page and (out / "seed-0/answers.html").is_file()
    assert 'href="seed-0/report.html"' in page and "tuned, seed 1" in page and "over 2 seeds" in found.reasons[0]
    assert (out / "seed-1" / "report.html").is_file()
    insights = found.averaged.insights
    section = page[page.index("Key figures for") : page.index("<h2>Retention")]
    assert insights and all(row.what in section for row in insights) and "the averaged model" in section


def test_a_handful_of_groups_shows_nothing_over_seeds_either():
    metric = plugins.build("metrics", "accuracy", {})
    for groups, proves in ((9, False), (60, True)):
        before, after = (
            [
                as_predictions(
                    [
                        Prediction(str(n), "", "", said, "a", float(said == "a"), group=str(n % groups))
                        for n in range(120)
                    ],
                    ["a", "b"],
                )
            ]
            * 2
            for said in ("b", "a")
        )
        found = mean_gain(metric, before, after, 0)
        assert found.gain.value == 1.0 and (found.p < 0.05) == proves


def test_one_seed_has_no_spread(recipe, tmp_path):
    with pytest.raises(UserError, match="no spread"):
        seeds(recipe, tmp_path / "out", 1)


def test_a_method_cannot_change_the_adapter_that_it_goes_on_with(recipe):
    chained = recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, {"min_risk": {"r": 4}}]})
    assert any("goes on with the adapter of 'sft'" in problem for problem in checks.check(chained))
    assert not checks.check(recipe.model_copy(update={"methods": [{"sft": {"r": 8}}, "min_risk"]}))
    # An adapter's settings would ruin weights that the first method trained whole.
    whole = recipe.model_copy(update={"methods": [{"sft": {"tune": "full"}}, "min_risk"]})
    assert any("tune: 'lora' (there 'full')" in problem for problem in checks.check(whole))


def products(folder):
    """What an adapter adds to each layer's weight."""
    tensors = load_file(folder / "adapter_model.safetensors")
    settings = json.loads((folder / "adapter_config.json").read_text())
    names = [name for name in tensors if "lora_A" in name]
    scale = settings["lora_alpha"] / settings["r"]
    return {name: scale * tensors[name.replace("lora_A", "lora_B")] @ tensors[name] for name in names}


def best_at(scale, monkeypatch):
    """Held-out rows like this scale of the mean best."""
    monkeypatch.setattr("metier.experiments.average.held_out", lambda context, rows: {"desk": [None] * 100})
    scored = iter([0.5 + 0.1 * (one == scale) for one in SCALES])
    monkeypatch.setattr("metier.experiments.average.scores", lambda model, context, asked: ({}, next(scored)))


def test_the_averaged_model_adds_the_mean_of_what_the_trainings_add_by_the_best_scale(two, monkeypatch):
    recipe, out = two
    best_at(1.5, monkeypatch)
    found = seeds(recipe, out, 3)
    alone = [products(out / f"seed-{seed}" / "train/01-sft/adapter") for seed in range(3)]
    mean = products(out / "averaged/train/adapter")
    assert mean.keys() == alone[0].keys()
    for name, product in mean.items():
        torch.testing.assert_close(product, 1.5 * sum(one[name] for one in alone) / 3, atol=1e-6, rtol=1e-4)
        assert (product - alone[0][name]).abs().max() > 1e-5
    run = saved_run(out / "averaged", Progress())
    assert run.locked()["scale"] == 1.5 and run.result("train")["held_out"] == {"1.0": 0.5, "1.5": 0.6, "2.0": 0.5}
    assert "1.5 times the mean" in (out / "averaged/report.html").read_text()
    saved = read_answers(run, "tuned", "desk")
    right = sum(answer.value for answer in saved) / len(saved)
    assert found.averaged.benchmarks[0].tuned.value == pytest.approx(right)
    answers = [answer.answer for answer in saved]
    model = load("fake", out / "averaged/train/adapter")
    (benchmark,) = recipe.build_benchmarks()
    asked = benchmark.questions(0)
    asking = benchmark.build_scorer().ask(model, benchmark, asked, ["lung", "skin"])
    given = {
        place: one.answer for batch in asking.batches for place, one in zip(batch, asking.answer(batch), strict=True)
    }
    assert answers == [given[place] for place in range(len(asked))]


def test_all_weights_are_averaged_tensor_by_tensor(recipe, tmp_path, monkeypatch):
    best_at(2.0, monkeypatch)
    whole = recipe.model_copy(update={"methods": [{"sft": {"tune": "full", "lr": 0.001}}]})
    average(both_trained(tmp_path / "out", whole), tmp_path / "out" / "averaged")
    one, two, mean = (
        load_file(tmp_path / "out" / folder / "model.safetensors")
        for folder in ("seed-0/train/01-sft/adapter", "seed-1/train/01-sft/adapter", "averaged/train/adapter")
    )
    base = load("fake", dtype=torch.float32).network.state_dict()
    assert mean.keys() == one.keys()
    for name in mean:  # twice the mean of the changes
        torch.testing.assert_close(mean[name] - base[name], one[name] + two[name] - 2 * base[name])
    assert any(not torch.equal(one[name], two[name]) for name in mean)


@pytest.mark.e2e
@pytest.mark.slow
def test_the_averaged_run_has_the_rows_of_all_is_exported_and_is_not_trained(recipe, tmp_path, monkeypatch, capsys):
    written = tmp_path / "recipe.yaml"
    code, said, _ = inside(monkeypatch, capsys, "run", written, "--seeds", "2", "--out", tmp_path / "out")
    assert code in (0, 2) and "The 2 trainings averaged into one model: " in said
    ids = {
        (folder, side): set(pq.read_table(tmp_path / "out" / folder / f"curate/{side}.parquet")["id"].to_pylist())
        for folder in ("seed-0", "seed-1", "averaged")
        for side in ("train", "valid")
    }
    assert ids["averaged", "train"] == ids["seed-0", "train"] | ids["seed-1", "train"]
    assert ids["averaged", "valid"] == ids["seed-0", "valid"] & ids["seed-1", "valid"]
    assert len(ids["averaged", "train"]) > len(ids["seed-0", "train"])
    folder = tmp_path / "out" / "averaged"
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["seeds"] == [0, 1]
    assert "times the mean change of 2 training runs" in (folder / "model_card.md").read_text()
    page = (folder / "report.html").read_text()
    assert "out/averaged" in page and "times the mean change of 2 trainings" in page and "One training run" not in page
    assert export(saved_run(folder, Progress()), "merged", tmp_path / "merged", anyway=True).details["dtype"]
    weights = folder / "train/adapter/adapter_model.safetensors"
    before = weights.read_bytes()
    for verb in ("train", "curate"):
        code, _, err = inside(monkeypatch, capsys, verb, folder)
        assert code == 3 and "mean of trainings (seed-0, seed-1)" in err
    assert weights.read_bytes() == before


def test_without_held_out_rows_the_mean_is_taken_as_it_is(recipe, tmp_path):
    run = average(both_trained(tmp_path, recipe.model_copy(update={"steps": ["normalize"]})), tmp_path / "averaged")
    assert run.locked()["scale"] == 1.0 and list(run.result("train")["held_out"]) == ["1.0"]


def test_adapters_of_dora_have_no_mean_and_the_seeds_say_so(two, tmp_path, monkeypatch, capsys):
    recipe, out = two
    with_dora = trained(
        tmp_path / "use_dora", recipe.model_copy(update={"methods": [{"sft": {"lr": 0.01, "use_dora": True}}]})
    )
    with pytest.raises(NoMean, match="Adapters of DoRA") as refused:
        average([with_dora, with_dora], tmp_path / "averaged")
    assert not (tmp_path / "averaged").exists()
    shutil.rmtree(out / "averaged")

    def refuse(*_):
        raise refused.value

    monkeypatch.setattr("metier.experiments.seeds.average", refuse)
    found = seeds(recipe, out, 2)
    assert found.averaged is None and found.decision in ("SHIP", "HOLD")
    assert "were not averaged: Adapters of DoRA" in capsys.readouterr().err
    assert not (out / "averaged" / "recipe.yaml").exists()
    assert "Use the first seed" in (out / "report.html").read_text()


def test_the_base_models_answers_are_copied_whole_or_not_at_all(two, monkeypatch):
    recipe, out = two
    first, second = saved_run(out / "seed-0", Progress()), out / "seed-1"
    shutil.rmtree(second / "evaluate")
    curate(opened(second, recipe.model_copy(update={"seed": 1}), Progress()))

    def torn(source, target):
        Path(target).write_text('{"id')
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("metier.runs.run.shutil.copyfile", torn)
        with pytest.raises(OSError):
            evaluated(second, recipe.model_copy(update={"seed": 1}), Progress(), first)
    run = evaluated(second, recipe.model_copy(update={"seed": 1}), Progress(), first)
    mine, theirs = (one.folder / "evaluate/desk/base.jsonl" for one in (run, first))
    assert mine.read_bytes() == theirs.read_bytes()
    assert not list((run.folder / "evaluate" / "desk").glob(".*"))


def test_answers_of_another_run_that_were_changed_are_not_taken_over(two):
    recipe, out = two
    first, second = saved_run(out / "seed-0", Progress()), out / "seed-1"
    shutil.rmtree(second / "evaluate")
    file = first.folder / "evaluate/desk/base.jsonl"
    file.write_text(file.read_text().replace("skin", "lung"))
    with pytest.raises(UserError, match="base.jsonl was changed after it was written"):
        evaluated(second, recipe.model_copy(update={"seed": 1}), Progress(), first)
    assert not (second / "evaluate/desk/base.done.json").exists()


def test_a_folder_with_one_run_takes_no_seeds_and_another_recipes_mean_is_refused_at_once(two, capsys):
    recipe, out = two
    with pytest.raises(UserError, match="holds one run.*seed-0-seeds"):
        seeds(recipe, out / "seed-0", 2)
    capsys.readouterr()
    with pytest.raises(UserError, match="another recipe"):
        seeds(recipe.model_copy(update={"seed": 1}), out, 2)
    assert "seed 1" not in capsys.readouterr().err, "nothing was trained before"


def test_different_questions_are_not_paired():
    metric = plugins.build("metrics", "accuracy", {})
    first, second = (
        as_predictions([Prediction(f"{side}{n}", "", "", "a", "a", 1.0) for n in range(20)], ["a", "b"])
        for side in "xy"
    )
    with pytest.raises(UserError, match="different questions"):
        mean_gain(metric, [first], [second], 0)
    with pytest.raises(UserError, match="different questions"):
        compare(metric, first, second, 0, 0.05)


def test_a_row_whose_group_was_learned_does_not_choose_the_scale(recipe, tmp_path):
    rows = [f"itch {n},skin,patient {n // 2}\ncough {n},lung,patient {n // 2}\n" for n in range(40)]
    (tmp_path / "train.csv").write_text("text,label,patient\n" + "".join(rows))
    changes = {
        "datasets": [{**recipe.datasets[0], "group": "patient"}],
        "steps": ["normalize", {"split": {"by": "group", "valid": 0.4}}, {"select": {"rows": 20}}],
    }
    average(both_trained(tmp_path / "out", recipe.model_copy(update=changes)), tmp_path / "out" / "averaged")
    learned, held_out = (
        pq.read_table(tmp_path / "out" / "averaged" / f"curate/{side}.parquet") for side in ("train", "valid")
    )
    assert len(held_out) and not set(held_out["group"].to_pylist()) & set(learned["group"].to_pylist())


def test_a_test_that_changed_is_asked_of_the_averaged_model_too(two):
    recipe, out = two
    path = out.with_name("test.csv")
    path.write_text(path.read_text() + "itch 500,skin\n")
    again = seeds(recipe, out, 2)
    assert {entry.n for entry in (again.benchmarks[0], again.averaged.benchmarks[0])} == {41}


def test_rows_of_two_sources_that_number_alike_are_two_rows():
    rows = pa.table({"source": ["a", "b", "b"], "id": ["1", "1", "2"], "group": [None, "g", None]})
    others = pa.table({"source": ["a"], "id": ["1"], "group": ["g"]})
    assert _without(rows, others)["id"].to_pylist() == ["1", "2"]
    assert len(_without(rows, others, "group")) == 3


def test_a_run_that_another_process_works_on_keeps_its_recipe(two, tmp_path):
    recipe, folder = two[0], two[1] / "seed-0"
    (folder / "train").rename(tmp_path / "aside")  # not trained yet: its steps may still be edited
    before = (folder / "recipe.yaml").read_text()
    edited = recipe.model_copy(update={"steps": ["normalize", "dedup", "split"]})
    with run_lock(folder), pytest.raises(UserError, match="Another process"):
        evaluated(folder, edited, Progress(), None)
    assert (folder / "recipe.yaml").read_text() == before
