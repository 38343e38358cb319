"""Laws of learning, on curves whose law is known."""

import numpy as np
import pytest

from metier.data.records import Question
from metier.experiments.learning_curves import Curve, fit
from metier.experiments.subsets import beginning, nested_order, sizes

SIZES = np.geomspace(50, 800, 7)


def truth(rows, limit=0.1, gap=2.0, rate=0.4):
    return 1 - (limit + gap * np.asarray(rows, float) ** -rate)


def curve(values, draws=4, errors=0.004, best=1.0, noise=0.0, sizes=SIZES, seed=0):
    shifts = noise * np.random.default_rng(seed).standard_normal((draws, 1))
    return Curve(sizes, values, values + shifts, np.full(len(sizes), errors), best)


def fitted(one, variance=0.0):
    return fit(one, variance, np.random.default_rng(0))


def test_a_power_law_without_noise_is_found_again():
    found = fitted(curve(truth(SIZES)))
    limit, gap, rate = found.parameters["power"]
    assert (limit, rate) == pytest.approx((0.1, 0.4), abs=0.01) and gap == pytest.approx(2 * 800**-0.4, abs=0.01)
    assert found.at([3200])[0] == pytest.approx(truth(3200), abs=0.01)


def test_a_curve_that_is_straight_over_the_logarithm_goes_on_straight():
    found = fitted(curve(0.3 + 0.05 * np.log(SIZES), errors=0.001))
    assert found.weights["log-linear"] > 0.5
    assert found.at([1600])[0] == pytest.approx(0.3 + 0.05 * np.log(1600), abs=0.01)


def test_a_loss_falls_towards_zero_and_never_below_it():
    found = fitted(curve(2 - 0.2 * np.log(SIZES), best=0.0))
    figures = found.at([800, 8e3, 8e6, 8e9])
    assert figures[0] == pytest.approx(2 - 0.2 * np.log(800), abs=0.05)
    assert (figures >= 0).all() and (np.diff(figures) <= 0).all()


def test_more_rows_never_make_a_forecast_worse():
    generator = np.random.default_rng(3)
    for _ in range(4):
        found = fitted(curve(generator.uniform(0.2, 0.8, len(SIZES)), draws=2, errors=0.02))
        assert (np.diff(found.at(np.geomspace(50, 50_000, 40))) >= -1e-9).all()


def test_few_points_are_fitted_by_the_laws_with_as_few_parameters():
    few = np.array([200.0, 400.0])
    assert set(fitted(curve(truth(few), sizes=few)).weights) == {"log-linear"}
    three = np.array([200.0, 400.0, 800.0])
    weights = fitted(curve(truth(three), sizes=three)).weights
    assert set(weights) == {"log-linear", "power"} and sum(weights.values()) == pytest.approx(1)


def test_an_interval_of_80_percent_holds_about_so_many_true_figures():
    """A training on twice the rows, after curves with chance in the held-out rows and in the subsets."""
    generator, inside = np.random.default_rng(5), []
    sampled, subset = 0.02, 0.01  # standard errors: of the held-out rows, alike at all sizes; of the largest subset
    for number in range(24):
        errors = subset * np.sqrt(SIZES[-1] / SIZES)
        seen = truth(SIZES) + sampled * generator.standard_normal() + errors * generator.standard_normal(len(SIZES))
        one = curve(seen, draws=10, noise=sampled, seed=number)
        found = fit(Curve(SIZES, seen, one.draws, errors, 1.0), subset**2, np.random.default_rng(number))
        low, high = np.quantile(found.draws_at([1600], 400, np.random.default_rng(number))[:, 0], [0.1, 0.9])
        inside.append(low <= truth(1600) + subset * np.sqrt(0.5) * generator.standard_normal() <= high)
    assert 0.6 <= np.mean(inside) <= 0.97


def rows(counts, group_size=0):
    found = []
    for label, count in counts.items():
        for number in range(count):
            group = f"{label}{number // group_size}" if group_size else None
            found.append(Question(f"{label}-{number}", f"text {label} {number}", label, group=group))
    return found


def test_subsets_are_nested_and_every_label_keeps_its_share():
    questions = rows({"a": 300, "b": 90, "c": 10})
    order = nested_order(questions, "seed")
    smaller, larger = beginning(order, 80), beginning(order, 200)
    assert len(smaller) == 80 and len(larger) == 200 and set(smaller) < set(larger)
    labels = [questions[position].answer for position in larger]
    assert labels.count("a") == pytest.approx(150, abs=2) and labels.count("c") == pytest.approx(5, abs=1)
    assert beginning(nested_order(questions, "other"), 80) != smaller
    assert beginning(order, 400) == list(range(400))


def test_a_group_is_in_a_subset_as_a_whole():
    questions = rows({"a": 60, "b": 60}, group_size=4)
    inside = set(beginning(nested_order(questions, "seed"), 50))
    assert len(inside) == 52
    for position, question in enumerate(questions):
        mates = {other for other, one in enumerate(questions) if one.group == question.group}
        assert (position in inside) == (mates <= inside)


def test_a_dozen_sizes_from_a_few_of_each_label_to_all():
    found = sizes(4000, 77, 12)
    assert len(found) == 12 and (found[0], found[-1]) == (231, 4000)
    assert sizes(40, 2, 12)[0] == 5 and sizes(100, 77, 3)[0] == 12
