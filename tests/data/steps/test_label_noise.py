"""The step `label_noise`: labels that look wrong are found, listed, and dropped only where asked."""

import random

import numpy as np
import pytest

from metier.data.step import StepContext
from metier.data.steps import label_noise as noise
from metier.errors import Problems
from metier.recipes import plugins
from tests.data.steps.test_steps import reasons, table

CONTEXT = StepContext(seed=0, benchmarks=[])
FREE = [{"text": f"note {n}: the left ventricle is number {n}", "label": f"the ventricle is {n}"} for n in range(8)]


def sifted(rows, **settings):
    return noise.Step(**settings).apply(table(rows), CONTEXT)


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
    found = sifted(mislabeled(), mode="report")
    worst = found.notes["worst"]
    assert {one["id"] for one in worst} == {"3", "40", "77"} and not len(found.dropped)
    assert worst[0]["label"] != worst[0]["likelier"] and worst[0]["likelier_probability"] > 0.8
    assert found.notes["judged"] == 400 and found.notes["share"] == 0.0075


def test_wrong_labels_are_dropped_where_asked_but_never_from_the_held_out_rows():
    rows = mislabeled()
    rows[40]["split"] = "valid"
    found = reasons(sifted(rows, mode="drop"))
    assert set(found) == {"3", "77"} and "looks wrong: probability 0.0" in found["3"]


def test_each_task_is_judged_by_itself_and_free_answers_are_not():
    other = [
        {**row, "task": "mirror", "label": {"heart": "skin", "skin": "heart"}[row["label"]]} for row in mislabeled()
    ]
    free = [{**row, "task": "free"} for row in FREE]
    notes = sifted([*mislabeled(), *other, *free], mode="report").notes
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
    assert noise.confident_joint(given, np.stack([p, 1 - p], 1)).tolist() == [False, False, True, False, False, True]
    # .55 for the other class is above one's own and yet below the other's mean: not confident, so the row stays.
    p[5] = 0.55
    assert not noise.confident_joint(given, np.stack([p, 1 - p], 1))[5]
    # Only class 1 (mean .3) is confident in the first row, and yet its own label is the likeliest: it stays.
    p = np.array([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.7, 0.3]])
    assert not noise.confident_joint(np.array([0, 0, 1, 1]), p).any()


def test_label_noise_is_what_cleanlab_finds():
    cleanlab = pytest.importorskip("cleanlab.filter")
    generator = np.random.default_rng(0)
    for classes in (2, 3, 7):
        given = generator.integers(0, classes, 600)
        p = generator.dirichlet(np.ones(classes), 600) + 0.4 * np.eye(classes)[given]
        p /= p.sum(1, keepdims=True)
        theirs = cleanlab.find_label_issues(given, p, filter_by="confident_learning", n_jobs=1)
        assert theirs.any() and (noise.confident_joint(given, p) == theirs).all()


def test_as_many_rows_are_suspect_as_the_joint_counts_and_the_least_likely_come_first():
    given = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([0.9, 0.8, 0.1, 0.3, 0.1, 0.6])
    # The joint has rows 2 and 5; row 2 gives its own label .1, row 5 .4.
    assert noise.worst(given, np.stack([p, 1 - p], 1)) == [2, 5]


def test_a_mode_that_there_is_not_is_said():
    with pytest.raises(Problems):
        plugins.build("steps", "label_noise", {"mode": "x"})
