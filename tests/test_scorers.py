"""Scorers on a scripted model: the answer, its probabilities, and a crash that is never a wrong answer."""

import numpy as np
import pytest

from metier.benchmarks import Declared, draw
from metier.records import Question
from metier.scorers import Answer, label
from tests.tiny import ScriptedModel

LABELS = ["skin", "heart", "heart failure"]
BENCHMARK = Declared("triage", path="unused.jsonl", prompt="Note: {text} ({ward})\nDepartment:")
QUESTIONS = [Question(str(n), f"case {n}", LABELS[n % 3], fields={"ward": "7"}) for n in range(6)]
SCRIPT = {q.render(BENCHMARK.prompt): q.answer if q.id != "4" else "skin" for q in QUESTIONS}


def ask(model=None):
    asking = label.Scorer().ask(model or ScriptedModel(SCRIPT), BENCHMARK, QUESTIONS, LABELS)
    return {answer.id: answer for batch in asking.batches for answer in asking.answer(batch)}


def test_the_likeliest_label_is_the_answer():
    found = ask()
    assert [found[str(n)].answer for n in range(6)] == [
        "skin",
        "heart",
        "heart failure",
        "skin",
        "skin",
        "heart failure",
    ]
    assert [found[str(n)].value for n in range(6)] == [1, 1, 1, 1, 0, 1]


def test_probabilities_add_up_and_the_prompt_is_kept():
    answer = ask()["0"]
    assert sum(answer.probabilities) == pytest.approx(1, abs=1e-5)
    assert answer.prompt == "Note: case 0 (7)\nDepartment:"


def test_the_end_token_joins_where_one_label_begins_another():
    model = ScriptedModel(SCRIPT)
    ask(model)
    assert all(option[-1] == model.end_token for option in model.given)


def test_a_model_without_numbers_stops_the_run_with_the_questions_id():
    class Broken(ScriptedModel):
        def score(self, batch):
            return np.full((len(batch), 3), np.nan)

    with pytest.raises(FloatingPointError, match="question"):
        ask(Broken(SCRIPT))


def test_an_answer_survives_its_file():
    answer = ask()["0"]
    assert Answer.from_json(answer.to_json()) == answer


def test_braces_in_data_stay_text():
    assert Question("1", "{0.__class__} {ward}", "x", fields={"ward": "{text}"}).render("{text} {ward} {else}") == (
        "{0.__class__} {ward} {text} {else}"
    )


def test_a_draw_keeps_the_labels_shares_and_is_seeded():
    many = [Question(str(n), "", "a" if n % 10 else "b") for n in range(1000)]
    drawn = draw(many, 100, "x")
    assert sum(q.answer == "b" for q in drawn) == 10
    assert drawn == draw(many, 100, "x")
    assert drawn != draw(many, 100, "y")
    assert len(draw(many, 7, "x")) == 7
