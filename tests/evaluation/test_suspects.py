"""Which test questions look mislabeled: those whose recorded label neither model believes."""

import pytest

from metier.evaluation.scoring import Prediction
from metier.evaluation.suspects import UNLIKELY, Suspect, suspects_of

LABELS = ["a", "b", "c"]


def answer(gold, probabilities, options=None):
    return Prediction("q", "", "", None, gold, 0.0, probabilities=probabilities, options=options)


def of(*pairs, **settings):
    tuned, baseline = zip(*pairs, strict=True)
    return suspects_of(tuned, baseline, LABELS, **settings)


def test_a_question_is_suspect_where_both_give_its_label_next_to_nothing():
    believed = answer("a", (0.9, 0.05, 0.05)), answer("a", (0.01, 0.98, 0.01))
    doubted = answer("a", (0.01, 0.9, 0.09)), answer("a", (0.02, 0.3, 0.68))
    unsure = answer("a", (0.2, 0.7, 0.1)), answer("a", (0.01, 0.98, 0.01))
    (found,) = of(believed, doubted, unsure)
    # b has .9 + .3 and c .09 + .68; the more believing of the two gives a .02.
    assert found == Suspect(1, "a", "b", pytest.approx(0.98))


def test_the_most_certain_comes_first_and_the_limit_is_a_limit():
    pairs = [(answer("a", (p, 1 - p, 0.0)), answer("a", (0.0, 1.0, 0.0))) for p in (0.04, 0.001, UNLIKELY, 0.051)]
    assert [one.question for one in of(*pairs)] == [1, 0, 2]
    assert [one.question for one in of(*pairs, most=1.0)] == [1, 0, 2, 3]


def test_the_likeliest_label_is_no_suspect_however_unlikely_it_is():
    many = [f"label {n}" for n in range(50)]
    flat = tuple([0.021] + [0.979 / 49] * 49)
    one = answer("label 0", flat)
    assert suspects_of([one], [one], many) == []


def test_options_of_a_question_are_its_labels_and_answers_without_probabilities_say_nothing():
    own = answer("x", (0.01, 0.99), ("x", "y"))
    assert [one.suggestion for one in suspects_of([own], [own], LABELS)] == ["y"]
    words = answer("a", None)
    assert of((words, answer("a", (0.0, 1.0, 0.0)))) == [] and suspects_of([own], [], LABELS) == []
