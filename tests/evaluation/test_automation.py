"""Coverage, accuracy and calibration against figures worked out by hand and by other code."""

import numpy as np
import pytest

from metier.evaluation import automation as automating
from metier.evaluation.automation import automation, calibration_error, curve, reliability
from metier.evaluation.metrics.accuracy_at_coverage import Metric as AccuracyAtCoverage
from metier.evaluation.metrics.ece import Metric as Ece
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.serving.review import learn, learn_temperature

LABELS = ("a", "b", "c")


def answer(at, probabilities, gold, group=None):
    said = None if probabilities is None else LABELS[int(np.argmax(probabilities))]
    value = None if said is None else float(said == gold)
    return Prediction(str(at), "", "", said, gold, value, probabilities=probabilities, group=group)


def table(n, seed, sharpness=3.0, right=0.9):
    """Answers whose certainty says something: the likeliest label is right the more often the surer it is."""
    draw, found = np.random.default_rng(seed), []
    for at in range(n):
        logits = draw.normal(size=3) * sharpness
        shares = np.exp(logits) / np.exp(logits).sum()
        order = np.argsort(-shares)
        gold = order[0] if draw.random() < right * shares[order[0]] + 0.1 else order[1]
        found.append(answer(f"{seed}-{at}", tuple(np.round(shares, 6).tolist()), LABELS[gold]))
    return as_predictions(found, LABELS)


def test_the_curve_is_what_counting_by_hand_gives():
    certainty = np.array([0.9, 0.5, 0.9, np.nan, 0.7])
    right = np.array([True, True, False, False, True])
    coverage, accuracy = curve(certainty, right)
    # The two of 0.9 go together (1 of 2), then 0.7 (2 of 3), then 0.5 (3 of 4); the one without never goes.
    assert coverage.tolist() == pytest.approx([2 / 5, 3 / 5, 4 / 5])
    assert accuracy.tolist() == pytest.approx([1 / 2, 2 / 3, 3 / 4])


def test_the_curve_agrees_with_the_metric_at_each_coverage():
    answers = table(120, 0)
    coverage, accuracy = curve(np.array([max(a.probabilities) for a in answers.answers]), answers.right)
    for share, value in list(zip(coverage, accuracy, strict=True))[10::20]:
        metric = AccuracyAtCoverage(float(share))
        assert value == pytest.approx(float(metric.value(metric.statistics(answers).sum(0))))


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    certainty = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 1.0])
    right = np.array([False, True, True, True, True, False])
    # Three bins of two: |.45 - .5|, |.65 - 1|, |.9 - .5|, each a third of the answers.
    assert calibration_error(certainty, right, most=3) == pytest.approx((0.05 + 0.35 + 0.4) / 3)
    bins = reliability(certainty, right, list("abcdef"), most=3)
    assert [(one.n, one.low, one.high) for one in bins] == [(2, 0.4, 0.5), (2, 0.6, 0.7), (2, 0.8, 1.0)]
    assert [one.certainty for one in bins] == pytest.approx([0.45, 0.65, 0.9])
    assert [one.right.value for one in bins] == pytest.approx([0.5, 1.0, 0.5])


def test_the_calibration_error_is_the_metrics_and_an_unscored_answer_counts_as_there():
    answers = table(200, 1).answers + (answer("none", None, "a"),)
    tuned, metric = as_predictions(answers, LABELS), Ece()
    found = automation(tuned, None)
    assert found.error_as_said == pytest.approx(float(metric.value(metric.statistics(tuned).sum(0))))
    assert found.error == found.error_as_said and sum(one.n for one in found.bins) == 201


def test_the_cut_off_and_certainty_are_those_of_predict():
    tuned, held_out = table(400, 2, right=1.0), table(300, 3, right=1.0)
    found = automation(tuned, held_out)
    temperature = learn_temperature(held_out.answers, LABELS)
    wish = {"--max-error 0.05": (0.05, None), "--review 0.2": (None, 0.2)}[found.cut.wish]
    review = learn(temperature, held_out.answers, LABELS, *wish)
    assert found.temperature == temperature and temperature.value != 1
    assert found.cut.cut_off == review.cut_off
    kept = [one for one in tuned.answers if not review.of(one).review]
    assert found.cut.coverage == pytest.approx(len(kept) / 400)
    assert found.cut.accuracy.value == pytest.approx(np.mean([one.value for one in kept]))
    at = np.argmin(np.abs(found.coverage - found.cut.coverage))
    assert found.accuracy[at] == pytest.approx(found.cut.accuracy.value), "the dot lies on the line"


def test_both_kinds_of_cut_off_are_found():
    good, poor = (automation(table(300, 4, right=right), table(300, 5, right=right)) for right in (1.0, 0.3))
    assert good.cut.wish == "--max-error 0.05" and "at most 5 %" in good.cut.cut_off.guarantee and not good.cut.note
    assert poor.cut.wish == "--review 0.2" and "cannot be promised" in poor.cut.note
    assert poor.cut.coverage == pytest.approx(0.8, abs=0.08)


def test_the_test_never_chooses_the_cut_off():
    held_out = table(300, 6)
    cuts = {automation(table(300, seed), held_out).cut.cut_off for seed in (7, 8)}
    assert len(cuts) == 1
    assert automation(table(60, 7), None).cut is None
    assert automation(table(60, 7), None).why == automating.NOT_ASKED
    assert "49 held-out rows are too few" in automation(table(60, 7), table(49, 8)).why


def test_written_answers_and_losses_have_no_such_picture():
    words = as_predictions([Prediction("1", "", "", "x", "x", 1.0)], ())
    assert automation(words, None) is None
    losses = as_predictions([Prediction("1", "", "", None, "", 120.0, probabilities=(0.5, 0.5), options=("", "x"))], ())
    assert automation(losses, None) is None


def test_answers_of_one_group_make_a_wider_interval():
    alone = table(300, 9).answers
    grouped = [answer(a.id, a.probabilities, a.gold, group=str(at // 10)) for at, a in enumerate(alone)]
    wide, narrow = (automation(as_predictions(own, LABELS), table(300, 3)).cut for own in (grouped, alone))
    assert wide.coverage == narrow.coverage
    assert wide.accuracy.high - wide.accuracy.low > 1.5 * (narrow.accuracy.high - narrow.accuracy.low)
