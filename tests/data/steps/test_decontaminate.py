"""Test questions in training rows: as the row, re-wrapped, inside a document, with options; and what is no leak."""

import random

import pytest

from metier.data.records import Question
from metier.data.step import StepContext
from metier.data.steps import decontaminate
from tests.data.steps.test_steps import reasons, table

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in ("al", "en", "or", "ust") for c in ("", "ing", "ed", "ly", "er")]


def text(words, seed):
    return " ".join(random.Random(seed).choices(WORDS, k=words))


class InsightContext:
    """A benchmark with given questions."""

    def __init__(self, *questions, prompt="{text}"):
        self.name, self.prompt, self.given = "exam", prompt, list(questions)

    def all_questions(self):
        return self.given


QUESTIONS = [Question(f"q{n}", text(12 + 3 * n, n), "yes") for n in range(12)]
SHORT = Question("short", "which drug is best", "aspirin", ("aspirin", "heparin sodium", "no drug"))


def filter_rows(texts, *questions, step=None, **row):
    context = StepContext(0, [InsightContext(*(questions or QUESTIONS))])
    return (step or decontaminate.Step()).apply(table({"text": t, **row} for t in texts), context)


@pytest.mark.parametrize("n", range(12))
@pytest.mark.parametrize(
    "pack",
    [
        lambda asked: asked,
        lambda asked: asked.upper().replace(" ", "\n   ", 5) + "!",
        lambda asked: f"{text(700, 'before')} {asked} {text(700, 'after')}",
        lambda asked: asked.replace(" ", "\u00a0"),
    ],
    ids=["verbatim", "re-wrapped", "inside a document", "with other spaces"],
)
def test_a_planted_question_is_found(pack, n):
    assert f"(q{n})" in reasons(filter_rows([pack(QUESTIONS[n].text)]))["0"]


def test_most_of_a_question_is_a_leak_and_half_of_it_is_listed():
    words = QUESTIONS[-1].text.split()
    sifted = filter_rows([" ".join(words[:38]), " ".join(words[:20]), " ".join(words[:15])])
    assert reasons(sifted) == {"0": "holds 84% of a question of 'exam' (q11), 38 words in one run"}
    assert sifted.notes["partly"] == [{"row": "1", "question": "a question of 'exam' (q11)", "share": 0.44}]


def test_fifty_words_of_a_long_question_are_a_leak_whatever_its_length():
    long = Question("long", text(900, "long"), "yes")
    words = long.text.split()
    assert list(reasons(filter_rows([" ".join(words[200:252]), " ".join(words[200:245])], long))) == ["0"]


def test_clean_rows_are_left_alone():
    assert len(filter_rows([text(300, f"clean{n}") for n in range(400)]).dropped) == 0


def test_a_short_question_is_a_leak_with_its_options_or_its_answer_only():
    told = [
        "In the ward: which drug is best?\n(a) no drug (b) Aspirin (c) heparin\nsodium",
        "Which drug is best: aspirin.",
        "Nobody knows which drug is best for all.",
        "which drug is best",
        "Is aspirin or heparin sodium or no drug better",
    ]
    assert list(reasons(filter_rows(told, SHORT))) == ["0", "1", "3"]


def test_a_template_that_all_questions_share_does_not_count():
    frame = text(30, "frame")
    asked = [Question(f"q{n}", f"{frame} {text(6, n)}", "yes") for n in range(50)]
    found = reasons(filter_rows([f"{frame} {text(6, 'another')}", f"{frame} {text(6, 7)}"], *asked))  # 30 of 36 words
    assert list(found) == ["1"] and "(q7)" in found["1"]


def test_a_question_hidden_in_a_long_answer_is_found():
    rows = table([{"text": "Tell me more.", "label": f"Well: {QUESTIONS[3].text}"}])
    assert list(reasons(decontaminate.Step().apply(rows, StepContext(0, [InsightContext(*QUESTIONS)])))) == ["0"]


def test_batches_of_any_size_give_the_same():
    texts = [QUESTIONS[n % 12].text if n % 3 == 0 else text(40, f"x{n}") for n in range(30)]
    rows, context = table({"text": t} for t in texts), StepContext(0, [InsightContext(*QUESTIONS)])
    step = decontaminate.Step()
    whole = step.apply(rows, context).kept["id"].to_pylist()
    parts = [step.apply(rows.slice(at, 7), context).kept["id"].to_pylist() for at in range(0, 30, 7)]
    assert sum(parts, []) == whole and len(whole) == 20


def test_what_curate_insists_on_without_the_step_is_equality():
    rows = table([{"text": QUESTIONS[0].text.upper()}, {"text": f"and {QUESTIONS[0].text}"}])
    assert decontaminate.overlap(rows, [InsightContext(*QUESTIONS)]) == {"0": "a question of 'exam' (q0)"}


def test_a_label_that_reads_like_a_short_question_is_no_leak_whatever_stands_beside_it():
    asked = [Question("reset", "password reset", "account"), Question("signs", "???", "other")]
    labels = ["password reset", None, "balance not updated after cheque or cash deposit"]
    rows = table({"text": text(30, n), "label": label} for n, label in enumerate(labels))
    assert not reasons(decontaminate.Step().apply(rows, StepContext(0, [InsightContext(*asked)])))


def test_a_long_answer_that_holds_a_question_is_named_by_its_own_row():
    rows = [{"text": "Hello."}, {"text": "Hello again.", "label": f"{text(9, 'a')} {QUESTIONS[3].text}"}]
    sifted = decontaminate.Step().apply(table(rows), StepContext(0, [InsightContext(*QUESTIONS)]))
    assert list(reasons(sifted)) == ["1"]
