"""The step `quality`: what is measured, what is dropped for it, and labels that look wrong."""

import random

import numpy as np
import pytest

from metier.data.step import StepContext
from metier.data.steps import _label_noise as noise
from metier.data.steps import quality
from metier.errors import Problems
from metier.recipes import plugins
from tests.data.steps.test_steps import reasons, table

CONTEXT = StepContext(seed=0, benchmarks=[])
WORDS = [f"word{n}" for n in range(80)]


def sifted(rows, **settings):
    rows = [{"text": row} if isinstance(row, str) else row for row in rows]
    return quality.Step(**{"label_noise": "none", **settings}).apply(table(rows), CONTEXT)


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


VOCABULARY = {"heart": ["pulse", "chest", "beat", "valve"], "skin": ["rash", "itch", "burn", "mole"]}


def mislabeled(n=400, wrong=(3, 40, 77)):
    """Rows with one telling word among three that tell nothing; the wrongly labeled ones have three telling words."""
    generator = random.Random(0)
    rows = []
    for i in range(n):
        label, other = ("heart", "skin") if i % 2 else ("skin", "heart")
        telling = generator.sample(VOCABULARY[label], 3 if i in wrong else 1)
        text = " ".join([*telling, *generator.choices(["since", "days", "pain", "mild", "worse"], k=3)])
        rows.append({"text": text, "label": other if i in wrong else label, "task": "triage", "split": "train"})
    return rows


def test_planted_wrong_labels_are_found_and_only_they():
    found = sifted(mislabeled(), label_noise="report")
    worst = found.notes["label_noise"]["worst"]
    assert {one["id"] for one in worst} == {"3", "40", "77"} and not len(found.dropped)
    assert worst[0]["label"] != worst[0]["likelier"] and worst[0]["likelier_probability"] > 0.8
    assert found.notes["label_noise"]["judged"] == 400 and found.notes["label_noise"]["share"] == 0.0075


def test_wrong_labels_are_dropped_where_asked_but_never_from_the_held_out_rows():
    rows = mislabeled()
    rows[40]["split"] = "valid"
    found = reasons(sifted(rows, label_noise="drop"))
    assert set(found) == {"3", "77"} and "looks wrong: probability 0.0" in found["3"]


def test_positions_are_right_behind_rows_that_were_dropped_for_something_else():
    found = reasons(sifted([{"text": " "}, *mislabeled()], label_noise="drop"))
    assert set(found) == {"0", "4", "41", "78"}


def test_each_task_is_judged_by_itself_and_free_answers_are_not():
    other = [
        {**row, "task": "mirror", "label": {"heart": "skin", "skin": "heart"}[row["label"]]} for row in mislabeled()
    ]
    free = [{**row, "task": "free"} for row in FREE]
    notes = sifted([*mislabeled(), *other, *free], label_noise="report").notes["label_noise"]
    assert {one["id"] for one in notes["worst"]} == {"3", "40", "77", "403", "440", "477"}
    assert list(notes["not_judged"]) == ["free"]


def test_no_row_is_judged_by_a_model_that_saw_its_group():
    # Each patient writes a word of his own and always has one label: only a leak could guess it.
    texts = [f"patient{n // 10}" for n in range(200)]
    given = np.array([n // 10 % 2 for n in range(200)])
    p = noise.cross_validated(texts, given, [text for text in texts], 2, seed=0)
    leaked = noise.cross_validated(texts, given, [str(n) for n in range(200)], 2, seed=0)
    assert (p.argmax(1) == given).mean() < 0.7 < (leaked.argmax(1) == given).mean()


def test_confident_learning_by_a_hand_made_example():
    # Thresholds: class 0 has (.9 + .8 + .1) / 3 = .6, class 1 has (.7 + .9 + .4) / 3 = .667.
    given = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([0.9, 0.8, 0.1, 0.3, 0.1, 0.6])
    assert noise.by_hand(given, np.stack([p, 1 - p], 1)).tolist() == [False, False, True, False, False, True]
    # .55 for the other class is above one's own and yet below the other's mean: not confident, so the row stays.
    p[5] = 0.55
    assert not noise.by_hand(given, np.stack([p, 1 - p], 1))[5]
    # Only class 1 (mean .3) is confident in the first row, and yet its own label is the likeliest: it stays.
    p = np.array([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.7, 0.3]])
    assert not noise.by_hand(np.array([0, 0, 1, 1]), p).any()


def test_label_noise_is_what_cleanlab_finds():
    cleanlab = pytest.importorskip("cleanlab.filter")
    generator = np.random.default_rng(0)
    for classes in (2, 3, 7):
        given = generator.integers(0, classes, 600)
        p = generator.dirichlet(np.ones(classes), 600) + 0.4 * np.eye(classes)[given]
        p /= p.sum(1, keepdims=True)
        theirs = cleanlab.find_label_issues(given, p, filter_by="confident_learning", n_jobs=1)
        assert theirs.any() and (noise.by_hand(given, p) == theirs).all()


@pytest.mark.parametrize(
    "settings", [{"min_words": 9, "max_words": 2}, {"top_pair": 2}, {"label_noise": "x"}, {"answer_in_prompt": "x"}]
)
def test_settings_that_mean_nothing_are_said(settings):
    with pytest.raises(Problems):
        plugins.build("steps", "quality", settings)
