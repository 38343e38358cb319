"""Scorers on a scripted model: the answer, its probabilities, and a crash that is never a wrong answer."""

import numpy as np
import pytest

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.draw import draw, drawn_positions
from metier.evaluation.scorers import choice, label
from metier.evaluation.scoring import Prediction
from tests.tiny import ScriptedModel

LABELS = ["skin", "heart", "heart failure"]
BENCHMARK = Benchmark("triage", path="unused.jsonl", prompt="Note: {text} ({ward})\nDepartment:")
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
    assert all(option[-1] == model.end_token for option in model.given[0])


def test_a_model_without_numbers_stops_the_run_with_the_questions_id():
    class RejectedRow(ScriptedModel):
        def score(self, batch):
            return [np.full(3, np.nan)] * len(batch)

    with pytest.raises(FloatingPointError, match="question"):
        ask(RejectedRow(SCRIPT))


def test_an_answer_survives_its_file():
    answer = ask()["0"]
    assert Prediction.from_json(answer.to_json()) == answer


def test_braces_in_data_stay_text():
    assert Question("1", "{0.__class__} {ward}", "x", fields={"ward": "{text}"}).render("{text} {ward} {else}") == (
        "{0.__class__} {ward} {text} "  # `else` is no column of this row: an empty text
    )


def test_where_every_answer_differs_a_draw_is_not_the_start_of_the_alphabet():
    answers = [f"{number:03d}" for number in range(200)]
    drawn = drawn_positions(answers, 40, "s")
    assert len(drawn) == 40 and 60 < sum(drawn) / 40 < 140 and drawn == drawn_positions(answers, 40, "s")


def test_a_draw_keeps_the_labels_shares_and_is_seeded():
    many = [Question(str(n), "", "a" if n % 10 else "b") for n in range(1000)]
    drawn = draw(many, 100, "x")
    assert sum(q.answer == "b" for q in drawn) == 10
    assert drawn == draw(many, 100, "x")
    assert drawn != draw(many, 100, "y")
    assert len(draw(many, 7, "x")) == 7


def test_options_of_a_question_are_its_own():
    asked = [
        Question("a", "one", "red", options=("red", "blue")),
        Question("b", "two", "blue", options=("green", "blue", "grey")),
    ]
    model = ScriptedModel({"one?": "red", "two?": "green"})
    benchmark = Benchmark("colors", path="unused.jsonl", prompt="{text}?", scorer="choice")
    asking = choice.Scorer().ask(model, benchmark, asked, [])
    first, second = (answer for batch in asking.batches for answer in asking.answer(batch))
    assert (first.answer, first.value, first.options) == ("red", 1, ("red", "blue"))
    assert (second.answer, second.value, len(second.probabilities)) == ("green", 0, 3)


class Counting(ScriptedModel):
    """Log-likelihoods: minus the option's length, but -1 for the option `odd` where nothing is asked."""

    def score(self, batch):
        behind_nothing = bytes(self.prompts[0]) == b"Answer:"
        return [
            np.array([-1.0 if behind_nothing and b"odd" in bytes(o) else -float(len(o)) for o in self.given[p]])
            for p in batch
        ]


@pytest.mark.parametrize(("length", "answer"), [("none", "odd"), ("byte", "common"), ("pmi", "common")])
def test_length_is_made_up_for_as_declared(length, answer):
    asked = [Question("a", "one", "odd", options=("odd", "common"))]
    benchmark = Benchmark("lengths", path="unused.jsonl", prompt="{text}?", scorer="choice")
    asking = choice.Scorer(length=length).ask(Counting({}), benchmark, asked, [])
    assert asking.answer([0])[0].answer == answer


def test_probabilities_of_a_label_set_stand_in_its_order_whatever_a_question_offers():
    benchmark = Benchmark("b", path="unused.jsonl", prompt="{text}")
    asked = [Question("1", "t", "Yes", options=("Yes", "No"))]
    for scorer, options in ((label.Scorer(), None), (choice.Scorer(), ("Yes", "No"))):
        (answer,) = scorer.ask(ScriptedModel({"t": "Yes"}), benchmark, asked, ["No", "Yes"]).answer([0])
        assert answer.options == options
        likeliest = (answer.options or ("No", "Yes"))[int(np.argmax(answer.probabilities))]
        assert likeliest == answer.answer == "Yes"
