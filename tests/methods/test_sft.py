"""How rows become tokens: answers are never cut, raw text is learned whole."""

import json
from collections import Counter
from pathlib import Path

import pytest

from metier.data.records import rows_to_table
from metier.engine.models.model import load
from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import held_out as questions_held_out
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.methods.sft import Method, balanced
from metier.recipes import plugins
from metier.runs.progress import Progress

BENCHMARK = Benchmark("triage", path="unused.jsonl", prompt="{text}\nDepartment:")


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def examples(rows, **settings):
    base = {"source": "s", "license": "mit", "task": "triage"}
    table = rows_to_table({"id": str(n), "origin": str(n), **base, **row} for n, row in enumerate(rows))
    heard = Heard()
    context = TrainingContext(table, table.slice(0, 0), {"triage": BENCHMARK}, "fake", None, Path(), 0, heard)
    return Method(**settings).examples(load("fake"), context), heard.lines


def text(tokens):
    return load("fake").tokenizer.decode(tokens)


def test_the_answer_ends_with_the_end_token_and_joins_the_prompt_without_a_seam():
    (example,), _ = examples([{"text": "itch", "label": "skin"}])
    assert text(example.prompt + example.answers[0]) == "itch\nDepartment: skin<end>"
    assert text(example.answers[0]) == " skin<end>"


def test_a_long_prompt_is_truncated_on_the_left_with_a_warning_and_its_answer_stays():
    (example,), said = examples([{"text": "x" * 100 + "itch", "label": "skin"}], max_length=30)
    assert len(example) == 30
    assert text(example.prompt + example.answers[0]).endswith("itch\nDepartment: skin<end>")
    assert "1 of 1 prompts were truncated on the left" in said[0]


def test_an_answer_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="an answer is never cut"):
        examples([{"text": "itch", "label": "skin" * 20}], max_length=30)


def test_raw_text_is_learned_whole_in_blocks():
    found, _ = examples([{"text": "itch", "label": "skin"}, {"text": "y" * 70}], max_length=30)
    assert [len(example) for example in found[1:]] == [30, 30, 10]
    assert all(len(example.prompt) == 1 for example in found[1:])


def test_rows_without_any_label_are_not_enough():
    with pytest.raises(UserError, match="no labeled rows"):
        examples([{"text": "raw"}])


def test_rare_labels_are_repeated_and_none_is_lost():
    names = ["common"] * 80 + ["rare"] * 20 + ["odd"] * 3
    labels = [("triage", name) for name in names]
    assert balanced(labels, 0.0, 0) == list(range(103))
    found = Counter(names[at] for at in balanced(labels, 1.0, 0))
    assert found["common"] == 80 == found["rare"] and abs(found["odd"] - 80) <= 3
    half = Counter(names[at] for at in balanced(labels, 0.5, 0))
    assert half["common"] == 80 and half["rare"] == pytest.approx(40, abs=4)
    assert set(balanced(labels, 1.0, 0)) == set(range(103))
    two = balanced([*labels, ("intent", "x"), ("intent", "y")], 1.0, 0)
    assert two[-2:] == [103, 104] and len(two) == len(balanced(labels, 1.0, 0)) + 2  # a task's own commonest counts


def test_rows_of_a_small_source_are_seen_several_times_an_epoch():
    rows = [{"text": "itch", "label": "skin"}, {"text": "cough", "label": "lung", "source": "small"}]
    found, _ = examples(rows, upsample={"small": 3})
    assert Counter(text(example.prompt).split("\n")[0] for example in found) == {"itch": 1, "cough": 3}
    found, said = examples(rows, upsample={"smal": 3})
    assert len(found) == 2 and "no labeled rows come from a dataset 'smal'. Did you mean 'small'" in said[0]
    with pytest.raises(Problems, match="'upsample.small': Input should be greater than or equal to 1"):
        plugins.build("methods", "sft", {"upsample": {"small": 0}})


def test_looks_at_less_than_a_row_or_with_less_than_no_patience_are_refused():
    with pytest.raises(Problems) as caught:
        plugins.build("methods", "sft", {"eval_questions": 0, "patience": -1})
    assert caught.value.problems == [
        "The method 'sft' cannot take eval_questions: 0. Use a number at least 1 and at most 1,000,000,000.",
        "The method 'sft' cannot take patience: -1. Use a number at least 0 and at most 1,000,000,000.",
    ]


def test_the_adapter_that_answers_held_out_rows_best_is_kept(tmp_path):
    told = [("itch", "skin"), ("cough", "lung")]
    held_out = tmp_path / "test.csv"
    held_out.write_text("text,label\nrash,skin\nwheeze,lung\n")
    benchmark = Benchmark("triage", path=str(held_out), prompt="{text}\nDepartment:", labels=["lung", "skin"])
    base = {"source": "s", "license": "mit", "task": "triage"}
    table = rows_to_table(
        {"id": f"{n}{label}", "origin": "o", "text": f"{text} {n}", "label": label, **base}
        for n in range(12)
        for text, label in told
    )
    context = TrainingContext(table, table, {"triage": benchmark}, "fake", None, tmp_path, 0, Progress())
    cost = Method(lr=2e-2, epochs=20, batch_tokens=256, eval_steps=3, patience=2).train(context)
    looks = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    scores = [row["score"] for row in looks]
    assert looks[0]["step"] == 0 and max(scores) > scores[0] and looks[0]["triage"] == scores[0]
    # Two looks in a row without a better one end it.
    assert len(scores) - 1 - scores.index(max(scores)) == 2 and cost["steps"] == looks[-1]["step"]
    assert [row["best"] for row in looks].count(True) >= 2 and (tmp_path / "checkpoints/best").is_dir()


def test_held_out_rows_without_the_label_that_counts_are_not_looked_at(tmp_path, capsys):
    held_out = tmp_path / "test.csv"
    held_out.write_text("text,label\nrash,skin\nwheeze,lung\n")
    base = {"source": "s", "license": "mit", "task": "triage", "label": "skin"}
    table = rows_to_table({"id": str(n), "origin": "o", "text": f"itch {n}", **base} for n in range(12))
    for positive, looked in (("lung", False), ("skin", True)):
        settings = {"labels": ["lung", "skin"], "metrics": [{"f1": {"positive": [positive]}}]}
        benchmark = Benchmark("triage", path=str(held_out), prompt="{text}\nDepartment:", **settings)
        context = TrainingContext(table, table, {"triage": benchmark}, "fake", None, tmp_path, 0, Progress())
        assert ("triage" in questions_held_out(context, 10)) == looked
        assert ("no held-out row has a label that its metric counts" in capsys.readouterr().err) != looked


def test_held_out_rows_of_a_label_that_is_nowhere_else_are_skipped_with_a_warning(tmp_path, capsys):
    path = tmp_path / "test.csv"
    path.write_text("text,label\nrash,skin\nwheeze,lung\n")
    base = {"source": "s", "license": "mit", "task": "triage", "origin": "o"}
    learned, held = (
        rows_to_table({"id": f"{n}", "text": f"itch {n}", "label": label, **base} for n, label in enumerate(labels))
        for labels in (["skin", "lung"], ["skin", "lung", "heart"])
    )
    benchmark = Benchmark("triage", path=str(path), prompt="{text}\nDepartment:")
    context = TrainingContext(learned, held, {"triage": benchmark}, "fake", None, tmp_path, 0, Progress())
    assert [question.answer for question in questions_held_out(context, 10)["triage"]] == ["skin", "lung"]
    assert "1 held-out rows have a label that no row to learn or to test has ('heart')" in capsys.readouterr().err


def test_preference_pairs_are_left_to_dpo_with_a_warning():
    pair = {"text": "White?", "chosen": "Yes.", "rejected": "Great!"}
    found, said = examples([{"text": "itch", "label": "skin"}, pair, {"text": "raw words"}])
    assert len(found) == 2 and "1 preference pairs have no label" in said[0]
