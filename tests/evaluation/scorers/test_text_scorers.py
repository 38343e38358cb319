"""Scorers that read free text: what counts as an answer, what is right, and what is unscored."""

import json

import pytest

from metier.data.records import Question
from metier.engine.models.model import load
from metier.engine.scoring.generation import Generator
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scorers import generate, numeric
from metier.evaluation.scorers.numeric import read_number
from metier.recipes.plugins import build
from tests.tiny import ScriptedModel


def question(answer, **fields):
    return Question("1", "?", answer, fields=fields)


def test_the_pattern_reads_the_last_answer():
    scorer = generate.Scorer(pattern=r"Answer: (\w+)")
    assert scorer.judge("Answer: no. Wait. Answer: Yes", question("yes")).value == 1
    assert scorer.judge("Answer: no", question("yes")).value == 0


def test_text_without_an_answer_is_unscored():
    judgment = generate.Scorer(pattern=r"Answer: (\w+)").judge("I like trains", question("yes"))
    assert (judgment.value, judgment.answer) == (None, None)


@pytest.mark.parametrize("pattern", ["(", "yes"])
def test_a_pattern_that_cannot_work_is_refused(pattern):
    with pytest.raises(Problems, match="pattern"):
        build("scorers", "generate", {"pattern": pattern})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", 1234.5),
        ("$ (1,234)", -1234),
        ("about −3", -3),
        ("2.5 million dollars", 2.5e6),
        ("3bn", 3e9),
        ("12%", 0.12),
        ("12 percent", 0.12),
        ("from 3 to .5", 0.5),
        ("2019-2020", 2020),
        ("5-10%", 0.1),
        ("5%-10%", 0.1),
        ("$5k-$10k", 1e4),
        ("5k−10k", 1e4),
        ("COVID-19", 19),
        ("a loss: -$3.5", -3.5),
        ("(-7)", -7),
        ("a margin of (12.5%)", -0.125),
        ("(1.2 million)", -1.2e6),
        ("2019 - 2020", 2020),
        ("- 12 apples", 12),
        ("none", None),
    ],
)
def test_numbers_as_people_write_them(text, number):
    assert read_number(text) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("said", "gold", "scale", "value"),
    [
        ("12 %", "12", "percent", 1),
        ("0.12", "12", "percent", 0),
        ("12", "12", "percent", 1),
        ("12 %", "0.12", "", 1),
        ("2.34", "2.33", "percent", 0),
        ("2.34 %", "2.33 %", "", 0),
        ("2.33 %", "2.33", "percent", 1),
        ("0.00001 %", "0", "percent", 1),
        ("1.5 million", "1500", "thousand", 1),
        ("1500", "1500", "thousand", 1),
        ("1501", "1500", "thousand", 0),
        ("1500.1", "1500", "thousand", 1),
        ("so 5 and 6 #### 7 apples, not 8", "7", "", 1),
        ("no idea", "7", "", None),
    ],
)
def test_scale_percent_and_tolerance(said, gold, scale, value):
    assert numeric.Scorer().judge(said, question(gold, scale=scale)).value == value


def test_a_number_ends_with_its_line():
    assert numeric.Scorer().stop == ["\n"] and build("scorers", "numeric", {"stop": []}).stop == []


def test_a_right_answer_that_is_no_number_is_our_fault_and_not_the_models():
    with pytest.raises(ValueError, match="question 1"):
        numeric.Scorer().judge("7", question("seven"))


def test_every_field_counts():
    scorer = build("scorers", "fields", {})
    gold = json.dumps({"drug": "Aspirin", "doses": [1, 2], "route": ""})
    half = scorer.judge('Here: {"drug": "aspirin ", "doses": [2, 3]} ok', question(gold))
    assert half.value == pytest.approx(2 * 2 / (3 + 3))
    assert {key: half.parts[key] for key in ("valid", "exact", "hits", "wanted", "given", "doses.hits")} == {
        "valid": 1,
        "exact": 0,
        "hits": 2,
        "wanted": 3,
        "given": 3,
        "doses.hits": 1,
    }
    invented = scorer.judge('{"drug": ["aspirin", "insulin"], "doses": [1, 2]}', question(gold))
    assert invented.value == pytest.approx(2 * 3 / (3 + 4)) and invented.parts["exact"] == 0
    broken = scorer.judge('{"drug": ', question(gold))
    assert (broken.value, broken.answer, broken.parts["valid"], broken.parts["wanted"]) == (0, None, 0, 3)
    nothing = question(json.dumps({"drug": "", "doses": []}))
    assert [scorer.judge(said, nothing).value for said in ("{}", '{"drug": "aspirin"}', "I cannot say")] == [1, 0, 0]


def test_what_the_model_said_is_kept():
    benchmark = Benchmark("sums", path="unused.jsonl", prompt="{text} =", scorer={"numeric": {"tolerance": 0.1}})
    asked = [Question("a", "1+1", "2"), Question("b", "2+2", "4")]
    model = ScriptedModel({"1+1 =": "it is 2", "2+2 =": "who knows"})
    asking = benchmark.build_scorer().ask(model, benchmark, asked, [])
    first, second = (answer for batch in asking.batches for answer in asking.answer(batch))
    assert (first.completion, first.answer, first.value) == ("it is 2", "2", 1)
    assert (second.completion, second.answer, second.value) == ("who knows", None, None)


def test_a_scorer_that_crashes_names_the_question():
    benchmark = Benchmark("sums", path="unused.jsonl", prompt="{text} =", scorer="numeric")
    model = ScriptedModel({"1+1 =": "2", "2+2 =": "4"})
    asked = [Question("fine", "1+1", "2"), Question("broken-gold", "2+2", "four")]
    asking = benchmark.build_scorer().ask(model, benchmark, asked, [])
    with pytest.raises(RuntimeError, match="broken-gold"):
        [asking.answer(batch) for batch in asking.batches]


def test_an_instruction_is_followed_where_its_pattern_matches_the_whole_answer():
    asked = question("", must=r"\W*\w+\W*")
    scorer = build("scorers", "pattern", {})
    assert scorer.judge(" Yellow.\n", asked).value == 1
    assert scorer.judge("It is yellow.", asked).value == 0
    assert scorer.judge("", asked).value == 0


def test_a_text_of_one_token_has_no_loss_and_is_named():
    benchmark = Benchmark("notes", path="unused.jsonl", prompt="{text}", scorer="loss")
    asked = [Question("a", "Yes", ""), Question("b", "Y", ""), Question("c", "N", "")]
    with pytest.raises(UserError, match="The text 'Y' has no loss.*Take it out, and 1 more"):
        benchmark.build_scorer().ask(load("fake"), benchmark, asked, [])


def test_a_models_own_repetition_penalty_does_not_change_answers():
    model = load("fake")
    prompts = [model.encode("again and again and")]

    def said():
        return Generator(model.network, model.tokenizer, prompts, 24).score([0])

    plain = said()
    model.network.generation_config.repetition_penalty = 5.0
    assert said() == plain
