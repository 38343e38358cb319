"""The step `quality`: what is measured and what is dropped for it."""

import pytest

from metier.data.step import StepContext
from metier.data.steps import quality
from metier.errors import Problems
from metier.recipes import plugins
from tests.data.steps.test_steps import reasons, table

CONTEXT = StepContext(seed=0, benchmarks=[])
WORDS = [f"word{n}" for n in range(80)]


def sifted(rows, **settings):
    rows = [{"text": row} if isinstance(row, str) else row for row in rows]
    return quality.Step(**settings).apply(table(rows), CONTEXT)


def test_too_few_and_too_many_words_are_counted_in_the_reason():
    found = sifted(["one", "one two", "one two three four"], min_words=2, max_words=3)
    assert reasons(found) == {"0": "1 words, fewer than 2", "2": "4 words, more than 3"}


def test_broken_characters_are_measured():
    found = sifted(["caf\ufffd", "tab\tand\nline ends stay", "a\x00\x01b", "\ue000 private", "na\u00efve \u4f60\u597d"])
    assert reasons(found) == {
        "0": "25.0% of its characters are no text (at most 1.0%)",
        "2": "50.0% of its characters are no text (at most 1.0%)",
        "3": "11.1% of its characters are no text (at most 1.0%)",
    }


def test_symbols_are_measured_on_long_texts_only():
    found = sifted(["+" * 70 + "a" * 30, "\U0001f600\U0001f600", "\u4f60\u597d" * 40])
    assert reasons(found) == {"0": "70% of its characters are symbols (at most 60%)"}


def test_repeated_lines_and_pairs_go_and_short_texts_stay():
    lines = "\n".join([" ".join(WORDS[:30])] * 2 + [" ".join(WORDS[30:60])])
    pairs = " ".join([*WORDS[:60], *["buy", "now"] * 40])
    found = sifted([lines, pairs, " ".join(WORDS), "pain pain pain"])
    assert reasons(found) == {
        "0": "33% of its lines repeat an earlier one (at most 30%)",
        "1": "one pair of words takes 41% of its letters (at most 20%)",
    }


def test_the_share_of_the_top_pair_against_a_hand_count():
    # "ab cd" stands twice: 8 of 18 letters. A longer pair that stands once takes nothing.
    assert quality.top_pair("ab cd ab cd eeeeeeeeee") == pytest.approx(8 / 18)
    assert quality.top_pair("every word differs") == 0 and quality.top_pair("") == 0


FREE = [
    {"text": f"note {n}: the left ventricle is number {n}", "label": f"the left ventricle is {n}"} for n in range(8)
]


def test_an_answer_in_its_text_is_reported_and_dropped_only_where_asked():
    rows = [*FREE, {"text": "So: the mitral valve is leaking!", "label": "The mitral valve is leaking"}]
    assert sifted(rows).notes["answers_in_prompt_ids"] == ["8"] and not len(sifted(rows).dropped)
    assert reasons(sifted(rows, answer_in_prompt="drop")) == {"8": "its answer stands in its text"}


def test_recurring_labels_and_short_answers_and_options_are_no_leak():
    label = "not a duplicate question"
    recurring = [{"text": f"{n} is not a duplicate question", "label": label} for n in range(6)]
    short = [{"text": f"dose {n} mg daily", "label": f"{n} mg"} for n in range(6)]
    options = [{**row, "text": row["label"], "options": [row["label"], "no"]} for row in FREE]
    for rows in (recurring, short, options):
        assert sifted(rows, answer_in_prompt="drop").notes["answers_in_prompt"] == 0


@pytest.mark.parametrize("settings", [{"min_words": 9, "max_words": 2}, {"top_pair": 2}, {"answer_in_prompt": "x"}])
def test_settings_that_mean_nothing_are_said(settings):
    with pytest.raises(Problems):
        plugins.build("steps", "quality", settings)
