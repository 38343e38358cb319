"""Regular expressions of recipes and rows that do not come to an end."""

import time

import pytest

from metier.data.records import Question
from metier.data.steps.license import judge
from metier.engine.rl.rewards import of_scorer
from metier.errors import UserError
from metier.evaluation import patterns
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scorers.generate import TextSession
from metier.evaluation.scorers.numeric import read_number
from metier.evaluation.scoring import misfit
from metier.recipes.checks import question_problems
from metier.recipes.plugins import build
from tests.tiny import ScriptedModel, write_lines

SLOW = r"(a|aa)+$"
LONG = "a" * 60 + "!"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(patterns, "TIMEOUT_S", 0.02)


def asked(must: str) -> Question:
    return Question("q1", "Say it.", LONG, fields={"must": must})


def test_a_rows_expression_that_does_not_end_is_told_by_check():
    began = time.monotonic()
    assert "takes more than" in misfit(build("scorers", "pattern", {}), asked(SLOW))
    assert time.monotonic() - began < 5


def test_a_recipes_expression_that_does_not_end_leaves_the_answer_unscored():
    benchmark = Benchmark("b", path="x", scorer={"generate": {"pattern": SLOW}})
    asking = TextSession(
        build("scorers", "generate", {"pattern": SLOW}),
        ScriptedModel({"Say it.\nAnswer:": LONG}),
        benchmark,
        [asked("")],
    )
    [answer] = asking.answer([0])
    assert answer.value is None and answer.answer is None and answer.completion == LONG


def test_a_reward_by_such_an_expression_is_unscored():
    assert of_scorer("pattern").score("task", LONG, asked(SLOW)) is None
    assert of_scorer("pattern").score("task", "aa", asked("a+")) == 1.0


def test_check_stops_looking_at_questions_that_each_take_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("metier.recipes.checks.MOST_SECONDS", 0.05)
    rows = write_lines(tmp_path / "t.jsonl", [{"text": f"{n}", "must": SLOW} for n in range(2)])
    benchmark = Benchmark("b", path=str(rows), label=None, prompt="{text}", scorer="pattern", metrics=["accuracy"])
    [said] = question_problems(benchmark, [asked(SLOW)] * 500, [])
    assert said.startswith("At least ") and "of the 500 questions" in said


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "is no regular expression"),
        ("a", "has no group"),
        ("(" * 5000, "of 2,000 that are read"),
        ("(?:" * 450 + "a" + ")" * 450, "is no regular expression"),
    ],
)
def test_a_setting_that_is_no_expression_is_refused(pattern, said):
    with pytest.raises(UserError, match=said):
        build("scorers", "generate", {"pattern": pattern})


def test_a_rows_text_that_is_no_expression_is_told():
    assert "is no regular expression" in misfit(build("scorers", "pattern", {}), asked("("))


def test_the_last_match_that_has_a_group_counts():
    assert patterns.last_group(r"is (\w+)?", "it is red, it is blue, it is ") == "blue"
    assert patterns.matches_whole(".*", "a\nb", dot_all=True) and not patterns.matches_whole(".*", "a\nb")


def test_numbers_are_read_out_of_white_space_without_end_in_no_time():
    began = time.monotonic()
    assert read_number("-" + " " * 50_000 + "$5 million") == -5e6
    assert read_number("(" + " " * 3 + "$ 5)") == -5 and read_number("5 $6") == 6
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "license", ["mixed:" * 5_000, "mixed: MIT, mixed: MIT", "(" * 5_000, " OR ".join(["("] * 5_000)]
)
def test_a_license_of_lists_in_lists_is_none(license):
    assert judge(license).refused


def test_a_license_of_a_list_is_all_of_them():
    assert not judge("mixed: MIT, CC0-1.0").refused
