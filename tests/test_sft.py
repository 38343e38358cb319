"""How rows become tokens: answers are never cut, raw text is learned whole."""

from pathlib import Path

import pytest

from metier.benchmarks import Declared
from metier.engine.model import load
from metier.errors import UserError
from metier.methods import Lesson
from metier.methods.sft import Method
from metier.records import rows_to_table

BENCHMARK = Declared("triage", path="unused.jsonl", prompt="{text}\nDepartment:")


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def examples(rows, **settings):
    base = {"source": "s", "licence": "mit", "task": "triage"}
    table = rows_to_table({"id": str(n), "origin": str(n), **base, **row} for n, row in enumerate(rows))
    heard = Heard()
    lesson = Lesson(table, table.slice(0, 0), {"triage": BENCHMARK}, "fake", None, Path(), 0, heard)
    return Method(**settings).examples(load("fake"), lesson), heard.lines


def text(tokens):
    return load("fake").tokenizer.decode(tokens)


def test_the_answer_ends_with_the_end_token_and_joins_the_prompt_without_a_seam():
    (example,), _ = examples([{"text": "itch", "label": "skin"}])
    assert text(example.prompt + example.answers[0]) == "itch\nDepartment: skin<end>"
    assert text(example.answers[0]) == " skin<end>"


def test_a_long_prompt_loses_its_beginning_aloud_and_never_its_answer():
    (example,), said = examples([{"text": "x" * 100 + "itch", "label": "skin"}], max_length=30)
    assert len(example) == 30
    assert text(example.prompt + example.answers[0]).endswith("itch\nDepartment: skin<end>")
    assert "1 of 1 prompts lost their beginning" in said[0]


def test_an_answer_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="an answer is never cut"):
        examples([{"text": "itch", "label": "skin" * 20}], max_length=30)


def test_raw_text_is_learned_whole_in_blocks():
    found, _ = examples([{"text": "itch", "label": "skin"}, {"text": "y" * 70}], max_length=30)
    assert [len(example) for example in found[1:]] == [30, 30, 10]
    assert all(len(example.prompt) == 1 for example in found[1:])


def test_rows_without_any_label_are_not_enough():
    with pytest.raises(UserError, match="no labelled rows"):
        examples([{"text": "raw"}])
