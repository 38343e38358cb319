"""Temperatures and cut-offs against a known truth: what is promised is counted over many draws."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from metier.evaluation import certainty as sure
from metier.evaluation import risk
from metier.evaluation.predictions import as_predictions
from metier.evaluation.risk import CutOff, Unmet, cut_off_for_error, cut_off_for_review
from metier.evaluation.scoring import Prediction

DRAWS = 400
MANY = 100_000


def slack(share, draws=DRAWS):
    """Three binomial standard errors of a share that is counted over draws."""
    return 3 * np.sqrt(share * (1 - share) / draws)


@pytest.fixture
def unexplained(monkeypatch):
    """Why a promise cannot be met takes most of the time, and a simulation does not read it."""
    monkeypatch.setattr(risk, "_unmet", lambda *_: None)


def falling(certainty):
    """10 % wrong in all, and the surer the rarer."""
    return np.maximum(0.4 * (1 - certainty) ** 3, 0.005)


def wavy(certainty):
    """The surest answers are wrong more often than those below them: no order to rely on."""
    return np.where(certainty > 0.9, 0.12, np.where(certainty > 0.5, 0.01, 0.2))


def drawn(generator, n, wrong=falling, digits=None):
    certainty = generator.random(n)
    right = generator.random(n) >= wrong(certainty)
    return (certainty if digits is None else certainty.round(digits)), right


def options(generator, n, temperature, sizes=(4,)):
    """Log-probabilities of rows of some sizes, and the right options, which are drawn at the temperature."""
    truth = [2 * generator.normal(size=sizes[row % len(sizes)]) for row in range(n)]
    gold = [int((own + generator.gumbel(size=len(own))).argmax()) for own in truth]
    return [np.log(sure.calibrated(own * temperature, 1.0)) for own in truth], gold


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("sizes", [(4,), (2, 3, 7)])
def test_a_known_temperature_is_found(temperature, sizes):
    own, gold = options(np.random.default_rng(0), 3000, temperature, sizes)
    assert sure.fit_temperature(own, gold).value == pytest.approx(temperature, rel=0.08)


def test_the_temperature_equals_a_plain_search():
    own, gold = options(np.random.default_rng(1), 200, 1.7)

    def loss(t):
        return -sum(np.log(sure.calibrated(row, t)[at]) for row, at in zip(own, gold, strict=True))

    plain = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert sure.fit_temperature(own, gold).value == pytest.approx(plain, rel=1e-3)


def test_rounded_probabilities_with_zeros_give_nearly_the_same_temperature():
    own, gold = options(np.random.default_rng(2), 1000, 2.5)
    saved = [np.exp(row).round(6) for row in own]
    assert min(row.min() for row in saved) == 0
    exact, rounded = sure.fit_temperature(own, gold), sure.fit_temperature([sure.logs(row) for row in saved], gold)
    assert rounded.value == pytest.approx(exact.value, rel=0.1)


def test_a_temperature_that_cannot_be_fitted_is_one_and_says_why():
    own, gold = options(np.random.default_rng(3), 200, 1.0)
    few = sure.fit_temperature(own[:10], gold[:10])
    assert (few.value, few.rows) == (1.0, 10) and "takes 50" in few.why
    for which, labels in (("right", [row.argmax() for row in own]), ("wrong", [row.argmin() for row in own])):
        found = sure.fit_temperature(own, labels)
        assert found.value == 1.0 and f"All 200 held-out rows are {which}" in found.why
    mostly_wrong = [row.argmin() if at else row.argmax() for at, row in enumerate(own)]
    assert "No temperature" in sure.fit_temperature(own, mostly_wrong).why
    assert sure.fit_temperature(own, np.full(200, -1)).rows == 0


def test_calibrated_probabilities_add_up_and_temperature_one_changes_nothing():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    assert sure.calibrated(sure.logs(probabilities[0]), 1.0) == pytest.approx(probabilities[0], abs=1e-5)
    assert sure.calibrated(np.log(probabilities[:1]), 3.0).sum() == pytest.approx(1)
    assert sure.calibrated(np.log(probabilities[0]), 3.0).max() < 0.7
    found = sure.certainties([np.log(probabilities[0]), np.empty(0)], 1.0)
    assert found[0] == pytest.approx(0.7) and np.isnan(found[1])


def test_likelihoods_are_read_only_where_they_gave_the_probabilities():
    answer = Prediction("1", "", "", "a", "b", 0.0, probabilities=(1.0, 0.0), log_likelihoods=(-1.0, -31.0))
    assert sure.log_probabilities(answer)[1] == pytest.approx(-30)
    by_length = replace(answer, probabilities=(0.9, 0.1))
    assert sure.log_probabilities(by_length) == pytest.approx(np.log([0.9, 0.1]))
    without = replace(answer, probabilities=None, log_likelihoods=None)
    own, gold = sure.options(as_predictions([answer, without, replace(answer, options=("b", "a"))], ("a", "b")))
    assert [len(row) for row in own] == [2, 0, 2] and gold.tolist() == [1, -1, 0]


@pytest.mark.parametrize("n", [100, 500])
@pytest.mark.parametrize("wrong", [falling, wavy])
@pytest.mark.parametrize("digits", [None, 1])
def test_the_promised_error_of_answered_rows_holds_as_often_as_promised(unexplained, n, wrong, digits):
    generator = np.random.default_rng(4)
    fresh, right = drawn(generator, MANY, wrong, digits)
    broken = 0
    for _ in range(DRAWS):
        found = cut_off_for_error(*drawn(generator, n, wrong, digits), max_error=0.05)
        if isinstance(found, CutOff):
            answered = ~found.to_review(fresh)
            broken += (~right[answered]).mean() > 0.05
    assert broken / DRAWS <= 0.1 + slack(0.1)


@pytest.mark.parametrize("digits", [None, 1])
def test_the_promised_error_of_all_rows_holds_on_average(digits):
    generator = np.random.default_rng(5)
    fresh, right = drawn(generator, MANY, falling, digits)
    errors = []
    for _ in range(DRAWS):
        found = cut_off_for_error(*drawn(generator, 200, falling, digits), max_error=0.03, of="all")
        errors.append((~right & ~found.to_review(fresh)).mean())
    assert np.mean(errors) <= 0.03 + 3 * np.std(errors) / np.sqrt(DRAWS)
    assert np.mean(errors) > (0.015 if digits else 0.025)  # and is not far too careful


def test_the_announced_share_for_review_is_within_three_points():
    generator = np.random.default_rng(6)
    fresh, _ = drawn(generator, MANY)
    by_error, by_share = [], []
    for _ in range(DRAWS):
        rows = drawn(generator, 1000)
        for cut, seen in ((cut_off_for_error(*rows, 0.05), by_error), (cut_off_for_review(*rows, 0.3), by_share)):
            realized = cut.to_review(fresh).mean()
            seen.append((cut.review.value - realized, cut.review.low <= realized <= cut.review.high))
    for seen in (by_error, by_share):
        off, held = np.array(seen).T
        assert abs(off.mean()) < 0.005 and np.mean(np.abs(off) < 0.03) > 0.9 and held.mean() > 0.95 - slack(0.95)


def test_rows_of_one_group_do_not_count_as_many(unexplained):
    """Ten rows a group, all right or all wrong together: the promise holds with groups and fails without them."""
    generator, broken = np.random.default_rng(7), np.zeros(2)
    groups = [f"{row // 10:03d}" for row in range(600)]
    for _ in range(DRAWS):
        certainty = np.repeat(0.5 + 0.1 * generator.random(60), 10) + 0.001 * generator.random(600)
        right = np.repeat(generator.random(60) >= 0.06, 10)  # 6 % are wrong at every certainty: 5 % is never met
        found = [cut_off_for_error(certainty, right, 0.05, named) for named in (groups, None)]
        broken += [isinstance(one, CutOff) for one in found]
    with_groups, without = broken / DRAWS
    assert with_groups <= 0.1 + slack(0.1) and without > 0.2
    assert "600 held-out rows in 60 groups" in cut_off_for_review(certainty, right, 0.2, groups).guarantee


def test_the_average_promise_holds_for_rows_of_new_groups():
    generator, errors = np.random.default_rng(8), []
    groups = [f"{row // 10:03d}" for row in range(600)]
    for _ in range(DRAWS):
        certainty = np.repeat(generator.random(61), 10)
        right = np.repeat(generator.random(61) >= falling(certainty[::10]), 10)
        found = cut_off_for_error(certainty[:600], right[:600], 0.05, groups, of="all")
        errors.append((~right & ~found.to_review(certainty))[600:].mean())
    assert np.mean(errors) <= 0.05 + slack(0.05)


def test_the_tail_is_the_binomial_distribution():
    for wrong, n in ((0, 45), (3, 100), (10, 10)):
        assert risk._tail(np.array(wrong), np.array(n), 0.05) == pytest.approx(binom.cdf(wrong, n, 0.05))


def test_equal_certainties_go_one_way():
    certainty, right = np.repeat([0.9, 0.6, 0.3], 100), np.repeat([True, True, False], 100)
    found = cut_off_for_error(certainty, right, 0.05)
    assert found.threshold == np.nextafter(0.3, 1) and found.review.value == pytest.approx(1 / 3)
    assert found.to_review([0.3, np.nextafter(0.3, 1), 0.6, np.nan]).tolist() == [True, False, False, True]
    # A budget for review is not exceeded: half of 300 would part the middle ones.
    assert cut_off_for_review(certainty, right, 0.5).review.value == pytest.approx(1 / 3)
    assert cut_off_for_review(np.full(50, 0.7), np.ones(50), 0.2).review.value == 0


def test_a_promise_that_cannot_be_kept_says_what_can():
    certainty = np.random.default_rng(9).random(200)
    right = np.arange(200) % 10 > 0  # 10 % are wrong, wherever the model is sure
    found = cut_off_for_error(certainty, right, 0.05)
    assert isinstance(found, Unmet) and 0.1 < found.lowest < 0.2 and found.rows_needed is None
    assert f"{100 * found.lowest:g} % can" in found.why and "More rows would not help" in found.why
    assert isinstance(cut_off_for_error(certainty, right, found.lowest), CutOff)

    few = cut_off_for_error(certainty[:20], np.ones(20), 0.05)
    assert 45 <= few.rows_needed <= 50 and "about" in few.why
    assert isinstance(cut_off_for_error(certainty[: few.rows_needed], np.ones(few.rows_needed), 0.05), CutOff)
    average = cut_off_for_error(certainty[:15], np.ones(15), 0.05, of="all")
    assert 19 <= average.rows_needed <= 22


def test_all_right_or_all_wrong():
    certainty = np.linspace(0.5, 1, 100)
    for of in ("answered", "all"):
        everything = cut_off_for_error(certainty, np.ones(100), 0.05, of=of)
        assert everything.threshold == 0 and everything.review.value == 0 and not everything.to_review([0.1]).any()
        assert everything.error.value == 0 < everything.error.high
    nothing = cut_off_for_error(certainty, np.zeros(100), 0.05)
    assert nothing.lowest is None and "no share at all" in nothing.why


def test_rows_without_a_certainty_go_to_review():
    certainty, right = np.append(np.linspace(0.5, 1, 100), np.full(25, np.nan)), np.ones(125)
    found = cut_off_for_error(certainty, right, 0.05)
    assert found.review.value == 0.2 and found.to_review([np.nan, 0.5]).tolist() == [True, False]
    assert isinstance(cut_off_for_error(np.full(50, np.nan), np.ones(50), 0.05), Unmet)


def test_a_share_for_review_names_the_error_that_is_left():
    certainty, right = drawn(np.random.default_rng(10), 500)
    found = cut_off_for_review(certainty, right, 0.2)
    answered = np.sort(certainty)[100:]
    assert found.review.value == 0.2 and found.to_review(answered).sum() == 0 and found.max_error is None
    assert found.error.value == pytest.approx((~right[certainty >= answered[0]]).mean())
    assert found.error.low < found.error.value < found.error.high
    assert found.guarantee.startswith("No error is promised. Of the 400 of 500 held-out rows that nobody would review")
    assert cut_off_for_review(certainty, right, 0).review.value == 0
    everything = cut_off_for_review(certainty, right, 1)
    assert everything.to_review(certainty).all() and "All 500 held-out rows go to review" in everything.guarantee


def test_the_guarantee_is_a_sentence_with_its_assumption():
    certainty, right = drawn(np.random.default_rng(11), 500)
    assert cut_off_for_error(certainty, right, 0.05).guarantee == (
        "With 90 % confidence, at most 5 % of the answers that nobody reviews are wrong, as long as new rows are drawn "
        "like the 500 held-out rows."
    )
    assert cut_off_for_error(certainty, right, 0.05, of="all").guarantee.startswith("On average, at most 5 % of all")


@pytest.mark.parametrize("max_error", [0, 1, -0.1])
def test_an_error_outside_of_zero_and_one_is_refused(max_error):
    with pytest.raises(ValueError, match="between 0 and 1"):
        cut_off_for_error([0.5], [True], max_error)
