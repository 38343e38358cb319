"""Slices: every question counted, small ones not judged, all flagged as exploratory."""

from dataclasses import replace

from metier.evaluation.metrics.accuracy import Metric
from metier.evaluation.scoring import Prediction
from metier.evaluation.slices import FEWEST, slices


def answers(right):
    return [
        Prediction(str(n), "", "", "a" if ok else "b", "a", float(ok), slices={"ward": "big" if n < 30 else "small"})
        for n, ok in enumerate(right)
    ]


def test_a_slice_is_judged_from_enough_questions_on_and_never_for_good():
    base, tuned = answers([False] * 35), answers([n % 2 == 0 for n in range(35)])
    big, small = slices(Metric(), {"base": base, "tuned": tuned}, ["a", "b"], seed=0)
    assert (big.value, big.n, big.base, big.tuned) == ("big", 30, 0.0, 0.5)
    assert 0 < big.gain.low < 0.5 < big.gain.high < 1
    assert (small.value, small.n) == ("small", 5) and FEWEST > 5 and small.gain is None
    assert big.exploratory and small.exploratory


def test_a_gain_is_what_is_better_whichever_way_a_metric_runs():
    from metier.evaluation.metrics.expected_cost import Metric as Cost

    base, tuned = answers([False] * 35), answers([True] * 35)
    big, _ = slices(Cost(), {"base": base, "tuned": tuned}, ["a", "b"], seed=0)
    assert (big.base, big.tuned) == (1.0, 0.0) and big.gain.value == 1.0


def test_a_benchmark_without_slices_has_none():
    plain = [Prediction("1", "", "", "a", "a", 1.0)]
    assert slices(Metric(), {"base": plain, "tuned": plain}, ["a"], seed=0) == []


def test_a_slice_of_fewer_groups_than_a_test_takes_is_only_counted():
    def grouped(right, groups):
        return [replace(answer, group=f"p{n % groups}") for n, answer in enumerate(answers(right))]

    for groups, judged in ((9, False), (15, True)):
        base, tuned = grouped([False] * 35, groups), grouped([n % 2 == 0 for n in range(35)], groups)
        [big, _] = slices(Metric(), {"base": base, "tuned": tuned}, ["a", "b"], seed=0)
        assert big.n == 30 and (big.gain is not None) == judged


def test_a_slice_without_the_label_that_counts_has_no_figures():
    from metier.evaluation.metrics.f1 import Metric as F1

    base = answers([True] * 35)
    [big, _] = slices(F1(["b"]), {"base": base, "tuned": base}, ["a", "b"], seed=0)
    assert big.n == 30 and big.gain is None
