"""Recall, precision and confusions against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from metier.evaluation.mistakes import Confusion, by_class, confusions
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction

LABELS = ("a", "b", "c", "never")


def table(gold, given):
    values = [None if said is None else float(said == right) for right, said in zip(gold, given, strict=True)]
    rows = zip(range(len(values)), given, gold, values, strict=True)
    return as_predictions([Prediction(str(n), "", "", said, right, value) for n, said, right, value in rows], LABELS)


def test_each_label_has_scikit_learns_figures_the_lowest_recall_first():
    draw = np.random.default_rng(0)
    gold, given, other = (draw.choice(list("abc"), size=200, p=[0.6, 0.3, 0.1]).tolist() for _ in range(3))
    rows = by_class(table(gold, given), table(gold, other))
    precision, recall, _, n = precision_recall_fscore_support(gold, given, labels=list("abc"))
    baseline = precision_recall_fscore_support(gold, other, labels=list("abc"))[1]
    assert [row.recall for row in rows] == sorted(recall) and {row.label for row in rows} == set("abc")
    for row in rows:
        at = "abc".index(row.label)
        assert (row.n, row.precision, row.recall) == (n[at], pytest.approx(precision[at]), pytest.approx(recall[at]))
        assert row.baseline_recall == pytest.approx(baseline[at])


def test_what_was_never_asked_or_never_given_has_no_share():
    rows = {row.label: row for row in by_class(table("aab", ["a", "c", "a"]), None)}
    assert (rows["c"].n, rows["c"].precision, rows["c"].recall) == (0, 0.0, None)
    assert (rows["b"].precision, rows["b"].recall, rows["b"].baseline_recall) == (None, 0.0, None)
    assert list(rows) == ["b", "a", "c"], "without a recall last"
    assert by_class(as_predictions([Prediction("1", "", "", "x", "x", 1.0)], ()), None) == ()


def test_mistakes_are_counted_the_most_frequent_first_and_unscored_ones_with_them():
    found = confusions(table("aaaabb", ["b", "b", "a", None, "a", "b"]))
    assert found == (
        Confusion("a", "b", 2, 0.5),
        Confusion("a", None, 1, 0.25),
        Confusion("b", "a", 1, 0.5),
    )
    assert confusions(table("ab", "ab")) == ()
