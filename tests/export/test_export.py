"""Export: tasks that the harness reads, weights that stand alone, and the join with what the harness logged."""

import json

import pytest
import torch
import yaml

from metier.engine.models import weights
from metier.engine.models.model import load, tokens_only
from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.samples import open_samples
from metier.export.export import export
from metier.export.forms.lm_eval import _Ending
from metier.export.verify_lm_eval import verify_lm_eval
from metier.recipes.plugins import build
from metier.serving.predictor import Predictor


def samples(run, tasks, who, change=0.0):
    """What the harness would log for the exported task, from our own figures."""
    rows = [json.loads(line) for line in (tasks / "metier_triage.jsonl").read_text().splitlines()]
    answers = {answer.id: answer for answer in read_answers(run, who, "triage")}
    folder = tasks / who / "model"
    folder.mkdir(parents=True)
    lines = [
        {"doc": row, "filtered_resps": [[str(nats + change), "False"] for nats in answers[row["id"]].log_likelihoods]}
        for row in rows
    ]
    path = folder / "samples_metier_triage_2026-01-01T00-00-00.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_task_holds_rendered_texts_and_the_place_of_the_right_answer(run, tmp_path):
    found = export(run, "lm-eval", tmp_path / "tasks")
    task = yaml.safe_load((tmp_path / "tasks/metier_triage.yaml").read_text())
    rows = [json.loads(line) for line in (tmp_path / "tasks/metier_triage.jsonl").read_text().splitlines()]
    answers = read_answers(run, "tuned", "triage")
    assert found.details["tasks"] == ["metier_triage"] and task["task"] == "metier_triage"
    assert [row["prompt"] for row in rows] == [answer.prompt for answer in answers]
    assert [row["choices"][row["gold"]] for row in rows] == [f" {answer.gold}" for answer in answers]
    assert task["target_delimiter"] == "" and task["dataset_kwargs"]["data_files"] == {"test": "metier_triage.jsonl"}
    base, adapter = weights.folder(run.recipe.model), run.folder / run.result("train")["adapter"]
    assert f"pretrained={base},peft={adapter}," in found.details["commands"]["tuned"]
    assert found.command.startswith(f"cd {tmp_path}/tasks && lm_eval ") and "--include_path . " in found.command
    with pytest.raises(UserError, match="not empty"):
        export(run, "lm-eval", tmp_path / "tasks")


def test_the_join_says_the_largest_difference_and_the_agreement(run, tmp_path):
    export(run, "lm-eval", tmp_path / "tasks")
    samples(run, tmp_path / "tasks", "base")
    samples(run, tmp_path / "tasks", "tuned", change=0.25)
    base, tuned = verify_lm_eval(run, tmp_path / "tasks")["checks"]
    assert base["largest_difference"] < 1e-6 and tuned["largest_difference"] == pytest.approx(0.25)
    assert base["same_answer"] == tuned["same_answer"] == 1.0
    assert tuned["ours"] == tuned["theirs"]


def test_an_answer_that_the_harness_sees_otherwise_counts_against_the_agreement(run, tmp_path):
    export(run, "lm-eval", tmp_path / "tasks")
    path = samples(run, tmp_path / "tasks", "base")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    scores = lines[0]["filtered_resps"]
    best = max(range(len(scores)), key=lambda at: float(scores[at][0]))
    other = (best + 1) % len(scores)
    scores[best], scores[other] = scores[other], scores[best]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (found,) = verify_lm_eval(run, tmp_path / "tasks")["checks"]
    gold = lines[0]["doc"]["gold"]
    assert found["same_answer"] == pytest.approx(1 - 1 / len(lines))
    assert found["theirs"] - found["ours"] == pytest.approx(((other == gold) - (best == gold)) / len(lines))


def test_samples_of_other_questions_are_refused(run, tmp_path):
    export(run, "lm-eval", tmp_path / "tasks")
    with pytest.raises(UserError, match="no samples"):
        verify_lm_eval(run, tmp_path / "tasks")
    path = samples(run, tmp_path / "tasks", "base")
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match="other questions"):
        verify_lm_eval(run, tmp_path / "tasks")


def test_merged_weights_give_the_tuned_models_answers(run, tmp_path):
    from metier.engine.models.model import load

    export(run, "merged", tmp_path / "merged", anyway=True)
    merged = load(str(tmp_path / "merged"))
    tuned = load(run.recipe.model, run.folder / run.result("train")["adapter"])
    ids = torch.tensor([merged.encode("Case 1: skin")])
    assert torch.equal(merged.network(ids).logits, tuned.network(ids).logits)


def test_a_tuned_model_answers_without_copying_its_head_for_every_prompt(run):
    from metier.engine.models.model import load

    tuned = load(run.recipe.model, run.folder / run.result("train")["adapter"])
    with torch.profiler.profile() as seen:
        tuned.texts([tuned.encode("Case 1: skin"), tuned.encode("Case 2: heart")], 2, []).score([0, 1])
    names = {event.key for event in seen.key_averages()}
    assert "aten::mm" in names and "aten::bmm" not in names


def test_merged_weights_answer_as_the_run_was_measured(run, tmp_path):
    export(run, "merged", tmp_path / "tuned", anyway=True)
    (benchmark,) = open_samples(run).benchmarks
    predictor = Predictor(benchmark, load(str(tmp_path / "tuned")), benchmark.label_set())
    saved = read_answers(run, "tuned", "triage")
    given = predictor.answer(benchmark.questions())
    assert [one.answer for one in given] == [one.answer for one in saved]
    for mine, theirs in zip(given, saved, strict=True):
        assert mine.log_likelihoods == pytest.approx(theirs.log_likelihoods, rel=5e-3)


def test_an_unknown_form_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'merged'"):
        export(run, "merge", tmp_path / "x")


def test_options_of_which_one_begins_another_are_exported_with_the_end_that_is_scored(run):
    model = tokens_only("fake")
    end = model.tokenizer.eos_token
    ending = _Ending(build("scorers", "choice", {}), model, False)
    assert ending.of(("carbon", "carbon dioxide")) == end and ending.of(("carbon", "neon")) == ""
    assert _Ending(build("scorers", "preference", {}), model, False).of(("carbon", "neon")) == end
