"""Alarms for every day: against slower ways of computing them, and against simulations."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import beta, binom, kstest

from metier.evaluation import sequential
from metier.evaluation.sequential import CELLS, DROPS, Alarm, Ranks, drift, e_values, fall_of_accuracy, in_cells


def worth_by_hand(right, answers, accuracy):
    """Each size and each first day on its own, in plain numbers."""
    looks = len(right)
    left = [1 / (1 + math.log(look)) for look in range(1, looks + 2)]
    found = []
    for now in range(1, looks + 1):
        total = left[now]
        for begin, drop in product(range(now), DROPS):
            lower = expit(logit(accuracy) - drop)
            ratio = 1.0
            for s, n in zip(right[begin:now], answers[begin:now], strict=True):
                ratio *= (lower / accuracy) ** s * ((1 - lower) / (1 - accuracy)) ** (n - s)
            total += (left[begin] - left[begin + 1]) * ratio / len(DROPS)
        found.append(total)
    return found


def test_the_worth_is_that_of_each_bet_on_its_own():
    right, answers = [8, 5, 9, 3], [10, 7, 10, 8]
    factors = sequential.log_factors(np.array(right, float), np.array(answers, float), np.array(0.8))
    assert e_values(factors) == pytest.approx(worth_by_hand(right, answers, 0.8))


def test_the_stake_is_divided_without_a_rest():
    begins, left = sequential.start_weights(500)
    assert begins.sum() + left[-1] == pytest.approx(1) and (begins > 0).all()
    assert begins[0] == pytest.approx(1 - 1 / (1 + math.log(2)))


def test_a_bet_is_worth_one_on_average_if_nothing_changed():
    """Exactly: over all outcomes of three days of four rows."""
    accuracy, average = 0.7, np.zeros(3)
    for right in product(range(5), repeat=3):
        chance = np.prod(binom.pmf(right, 4, accuracy))
        factors = sequential.log_factors(np.array(right, float), np.full(3, 4.0), np.array(accuracy))
        average += chance * e_values(factors)
    assert average == pytest.approx(np.ones(3))


def test_no_accuracy_between_those_that_are_tried_gives_a_higher_p():
    right, answers, test_right, test = np.array([38, 36, 40, 35]), np.full(4, 50), 170, 200
    highest = np.zeros(4)
    for accuracy in np.linspace(0.5, 0.999, 2000):
        p = 1 / np.maximum(1, worth_by_hand(right, answers, accuracy))
        highest = np.maximum(highest, p * binom.sf(test_right - 1, test, accuracy))
    exact = highest * (1 - np.log(highest))
    found = fall_of_accuracy(right, answers, test_right, test)
    assert (found >= exact).all() and found == pytest.approx(exact, rel=1)


def test_the_accuracies_tried_are_clopper_pearson_bounds():
    bound = beta.ppf(0.01, 170, 31)
    assert binom.sf(169, 200, bound) == pytest.approx(0.01)


def test_daily_looks_without_change_are_false_in_at_most_alpha():
    generator = np.random.default_rng(1)
    for accuracy, test in ((0.85, 300), (0.6, 2000), (0.99, 100)):
        passed = generator.binomial(test, accuracy, size=400)
        right = generator.binomial(50, accuracy, size=(400, 100))
        p = fall_of_accuracy(right, np.full((400, 100), 50), passed, test)
        assert (p <= 0.05).any(-1).mean() <= 0.05


def test_a_fall_is_found_and_a_rise_is_not():
    days = np.full(60, 50)
    assert fall_of_accuracy(np.full(60, 38), days, 1700, 2000)[-1] < 0.01
    assert fall_of_accuracy(np.full(60, 48), days, 1700, 2000).min() == 1
    assert fall_of_accuracy([], [], 5, 10).shape == (0,)
    assert fall_of_accuracy([0, 0], [50, 50], 0, 10) == pytest.approx([1, 1]), "nothing is lower than 0"


def test_ranks_are_uniform_whatever_the_distribution_and_ties():
    generator = np.random.default_rng(2)
    ranks = []
    for seed in range(40):
        values = generator.geometric(0.3, size=150).clip(0, 9)
        ranks.append(Ranks(values[:30], 10, seed).of(values[30:]))
    assert kstest(np.concatenate(ranks), "uniform").pvalue > 0.01
    first, second = np.array(ranks)[:, 0::2].ravel(), np.array(ranks)[:, 1::2].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_ranks_count_the_test_and_earlier_rows():
    ranks = Ranks([0, 0, 1, 3], 4, seed=0)
    first, second = ranks.of([2, 2])
    assert 3 / 5 <= first <= 4 / 5 and 3 / 6 <= second <= 5 / 6
    assert 0 <= ranks.of([0])[0] <= 3 / 7


def test_ranks_in_pieces_are_ranks_at_once():
    values = np.random.default_rng(3).integers(6, size=3000)
    at_once = Ranks(values[:100], 6, 5).of(values[100:])
    pieces = Ranks(values[:100], 6, 5)
    again = np.concatenate([pieces.of(values[100:1700]), pieces.of(values[1700:])])
    assert at_once == pytest.approx(again)


def test_bets_on_ranks_are_densities():
    densities = np.exp(sequential._log_densities())
    assert densities.mean(1) == pytest.approx(np.ones(len(densities)))


def test_drift_is_false_in_at_most_alpha_and_found_where_there_is_one():
    generator = np.random.default_rng(4)
    cells = generator.multinomial(40, np.full(CELLS, 1 / CELLS), size=(400, 100))
    assert (drift(cells) <= 0.05).any(-1).mean() <= 0.05
    low = np.full(CELLS, 1.0)
    low[: CELLS // 4] = 2
    found = drift(generator.multinomial(40, low / low.sum(), size=30))
    assert found[-1] < 0.001 and (np.diff(found) <= 0).all()
    assert in_cells(np.array([0, 0.999, 1.0])).tolist() == [1, *[0] * (CELLS - 2), 2]


def test_an_alarm_stays_on_only_where_it_is_latched():
    p = (0.5, 0.001, 0.2)
    assert Alarm(p, 0.01, latched=True).first == 1 and not Alarm(p, 0.01, latched=False).on
    assert Alarm((), 0.01, latched=True).p == 1


def test_an_alarm_that_may_go_off_is_on_since_it_last_rang():
    assert Alarm((0.001, 0.5, 0.004, 0.001), 0.01, latched=False).first == 2
    assert Alarm((0.001, 0.004), 0.01, latched=False).first == 0
    assert Alarm((0.001, 0.5), 0.01, latched=False).first is None
    assert Alarm((0.5, 0.001, 0.5), 0.01, latched=True).first == 1
