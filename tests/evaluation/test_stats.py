"""Formulas against a second way of computing them: statsmodels, scikit-learn, scipy, brute force."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test, t
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from metier.evaluation import stats
from metier.evaluation.metrics import accuracy, macro_f1
from metier.evaluation.predictions import Predictions


def as_predictions(gold, predicted, groups=None, labels=4):
    n = len(gold)
    return Predictions(
        gold=np.array(gold),
        predicted=np.array(predicted),
        value=(np.array(gold) == np.array(predicted)).astype(float),
        weight=np.ones(n),
        labels=tuple(map(str, range(labels))),
        groups=tuple(groups or [str(i) for i in range(n)]),
        answers=(),
    )


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (812, 1000)])
def test_wilson_equals_statsmodels(right, n):
    low, high = proportion_confint(right, n, method="wilson")
    found = stats.wilson(right, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (5, 5), (1, 9), (30, 12), (200, 40)])
def test_mid_p_is_the_exact_mcnemar_less_half_of_what_was_seen(fixed, broken):
    if fixed + broken == 0:
        assert stats.mcnemar_mid_p(fixed, broken) == 1.0
        return
    exact = mcnemar([[0, fixed], [broken, 0]], exact=True).pvalue
    seen = binomtest(min(fixed, broken), fixed + broken).pvalue - (
        binomtest(min(fixed, broken) - 1, fixed + broken).pvalue if min(fixed, broken) else 0.0
    )
    expected = 1.0 - seen / 2 if fixed == broken else exact - seen / 2
    assert stats.mcnemar_mid_p(fixed, broken) == pytest.approx(min(1.0, expected), abs=1e-9)


def test_mid_p_equals_a_published_value():
    # Fagerland et al. 2013, table 1 (airway hyper-responsiveness, transplantation): 1 and 7, mid-p 0.039.
    assert stats.mcnemar_mid_p(7, 1) == pytest.approx(0.039, abs=5e-4)


def test_holm_equals_statsmodels():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert stats.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_macro_f1_equals_scikit_learn_also_where_labels_are_missing():
    generator = np.random.default_rng(0)
    for _ in range(20):
        gold, predicted = generator.integers(3, size=40), generator.integers(4, size=40)
        metric = macro_f1.Metric()
        found = metric.value(metric.statistics(as_predictions(gold, predicted)).sum(0))
        assert float(found) == pytest.approx(f1_score(gold, predicted, average="macro"))


def test_bootstrap_of_counts_equals_the_bootstrap_of_rows():
    generator = np.random.default_rng(1)
    gold, predicted = generator.integers(4, size=60), generator.integers(4, size=60)
    table, metric = as_predictions(gold, predicted), macro_f1.Metric()
    cluster, weights = stats.bootstrap_weights(table.groups, seed=3, draws=25)
    quick = stats.resampled(metric.statistics(table), cluster, weights, metric.value)
    for draw in range(25):
        rows = np.repeat(np.arange(60), weights[draw].astype(int)[cluster])
        slow = f1_score(gold[rows], predicted[rows], average="macro")
        assert quick[draw] == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize("size", [1, 2, 13, 700])
def test_many_draws_at_once_are_the_draws_one_by_one(size, monkeypatch):
    monkeypatch.setattr(stats, "DRAWN_AT_ONCE", 3000)  # so that the last ones are fewer
    _, weights = stats.bootstrap_weights([str(n) for n in range(size)], seed=3, draws=50)
    generator = np.random.default_rng(3)
    for found in weights:
        assert (
            found.tolist() == np.bincount(generator.integers(size, size=size, dtype=np.int32), minlength=size).tolist()
        )


def test_clusters_are_drawn_whole_and_widen_the_interval():
    generator = np.random.default_rng(2)
    right_cluster = generator.integers(2, size=50)
    gold = np.zeros(500, dtype=int)
    predicted = np.repeat(1 - right_cluster, 10)  # ten answers of one patient are all right or all wrong
    metric, widths = accuracy.Metric(), []
    for groups in (None, [str(i // 10) for i in range(500)]):
        table = as_predictions(gold, predicted, groups)
        cluster, weights = stats.bootstrap_weights(table.groups, seed=0, draws=2000)
        draws = stats.resampled(metric.statistics(table), cluster, weights, metric.value)
        found = stats.percentile_interval(float(np.mean(gold == predicted)), draws)
        widths.append(found.high - found.low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.15)


def test_ten_thousand_paired_draws_of_many_labels_cost_well_under_a_second():
    import time

    generator = np.random.default_rng(0)
    gold = generator.integers(77, size=3000)
    metric, tables = (
        macro_f1.Metric(),
        [as_predictions(gold, generator.integers(77, size=3000), labels=77) for _ in range(2)],
    )
    started = time.perf_counter()
    cluster, weights = stats.bootstrap_weights(tables[0].groups, seed=0)
    for table in tables:
        stats.resampled(metric.statistics(table), cluster, weights, metric.value)
    assert time.perf_counter() - started < 4  # 0.45 s on one core; the bar is loose for a busy one


def test_minimum_detectable_effect_gain_is_seen_in_four_cases_of_five():
    n, discordant, generator = 800, 0.2, np.random.default_rng(5)
    gain = stats.minimum_detectable_share(n, discordant)
    odds = [(discordant + gain) / 2, (discordant - gain) / 2, 1 - discordant]
    counts = generator.multinomial(n, odds, size=1500)
    seen = np.mean([stats.mcnemar_mid_p(fixed, broken) < 0.05 for fixed, broken, _ in counts])
    assert seen == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [(-0.1, 0.05, "kept"), (0.2, 0.3, "lost"), (0.05, 0.2, "inconclusive"), (0.0, 0.1, "inconclusive")],
)
def test_forgetting_has_three_answers(low, high, state):
    assert stats.non_inferiority(stats.Interval((low + high) / 2, low, high), margin=0.1) == state


def test_bootstrap_p_is_small_for_a_real_difference_and_large_for_none():
    draws = np.random.default_rng(0).normal(0.1, 0.02, size=10_000)
    assert stats.bootstrap_p(0.1, draws) < 0.001
    centered = np.random.default_rng(0).normal(0.001, 0.02, size=10_000)
    assert stats.bootstrap_p(0.001, centered) > 0.9


def test_what_could_not_be_worked_out_is_no_gain():
    nothing = np.full(100, np.nan)
    assert stats.bootstrap_p(np.nan, nothing) == 1.0
    for interval in (stats.percentile_interval, stats.figure_interval):
        for value, draws in ((np.nan, nothing), (0.5, nothing), (np.nan, np.ones(100))):
            found = interval(value, draws)
            assert np.isnan(found.low) and np.isnan(found.high)
    some = np.concatenate([np.random.default_rng(0).normal(0.1, 0.02, size=1000), nothing])
    assert np.isfinite(stats.percentile_interval(0.1, some).low)


def test_unequal_clusters_count_for_fewer():
    assert stats.effective_clusters(np.arange(40)) == pytest.approx(40)
    assert stats.effective_clusters(np.repeat(np.arange(40), 3)) == pytest.approx(40)
    assert stats.effective_clusters(np.array([0] * 8 + [1, 2])) == pytest.approx(100 / 66)


def test_the_corrected_interval_is_that_of_students_t():
    # Draws of a mean of 20 spread by its standard error times sqrt(19 / 20); the interval should be t's all the same.
    draws = np.random.default_rng(0).normal(0, np.sqrt(19 / 20), size=400_000)
    found = stats.percentile_interval(0.0, draws, clusters=20)
    assert (found.low, found.high) == pytest.approx((t.ppf(0.025, 19), t.ppf(0.975, 19)), abs=0.02)


def test_the_interval_of_a_figure_moves_against_the_bias_of_its_draws():
    draws = np.random.default_rng(0).normal(0, 1, size=400_000)
    found = stats.figure_interval(0.1, draws)  # the draws lie 0.1 too low: as much again is taken back from the sample
    assert (found.low, found.high) == pytest.approx((0.2 - 1.96, 0.2 + 1.96), abs=0.02)
    assert stats.figure_interval(1.0, np.ones(100)) == stats.Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("clusters", [None, 12.0, 60.0])
def test_p_is_five_percent_where_the_interval_ends_at_zero(clusters):
    draws = np.random.default_rng(0).normal(0, 1, size=400_000)
    end = stats.percentile_interval(0.0, draws, clusters=clusters).high
    assert stats.bootstrap_p(end, draws + end, clusters) == pytest.approx(0.05, abs=0.001)


def test_sign_flips_equal_scipy():
    differences = np.random.default_rng(0).normal(0.4, 1, size=12)
    theirs = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    names = list(map(str, range(12)))
    assert stats.sign_flip_p(differences, names, seed=0) == pytest.approx(theirs.pvalue)
    # The same clusters and two that differ in nothing: exact still; forty answers: by draws, near scipy's draws.
    more = np.concatenate([differences, [0.0] * 3, [1.0, -1.0]])
    assert stats.sign_flip_p(more, [*names, "x", "y", "z", "v", "v"], seed=0) == pytest.approx(theirs.pvalue)
    many = np.random.default_rng(1).normal(0.25, 1, size=40)
    theirs = permutation_test((many,), np.mean, permutation_type="samples", n_resamples=20_000, rng=0)
    assert stats.sign_flip_p(many, list(map(str, range(40))), seed=0) == pytest.approx(theirs.pvalue, abs=0.015)


def test_clusters_are_flipped_whole():
    differences = np.array([1.0, 1, 1, 1, 1, 1, -1, -1])
    groups = list("aaabbbcc")
    sums = [3.0, 3.0, -2.0]
    flips = [abs(np.dot(signs, sums)) >= 4 for signs in product((-1, 1), repeat=3)]
    assert stats.sign_flip_p(differences, groups, seed=0) == pytest.approx(np.mean(flips))
    assert stats.sign_flip_p(np.zeros(8), groups, seed=0) == 1.0


def test_so_many_items_would_have_decided():
    seen = stats.Interval(0.02, -0.06, 0.10)
    n = stats.n_required(seen, margin=0.05, n=100)
    assert n == 712  # 100 * (0.08 / 0.03)^2, rounded up
    for items, state in ((n, "kept"), (n - 1, "inconclusive")):
        half = 0.08 * np.sqrt(100 / items)
        assert stats.non_inferiority(stats.Interval(0.02, 0.02 - half, 0.02 + half), 0.05) == state
    assert stats.n_required(seen, margin=0.2, n=100) <= 100
    assert stats.n_required(seen, margin=0.02, n=100) is None
    assert stats.n_required(stats.Interval(np.nan, np.nan, np.nan), margin=0.02, n=100) is None


@pytest.mark.slow
def test_intervals_hold_what_they_promise():
    bench = Path(__file__).parents[2] / "bench" / "intervals.py"
    command = [sys.executable, str(bench), "--samples", "300", "--check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    assert json.loads(done.stdout.splitlines()[-1])["missed"] == []


def test_the_mean_over_trainings_has_the_interval_of_cochran_and_cox():
    generator = np.random.default_rng(0)
    gains, draws, clusters = np.array([0.02, 0.05, 0.11]), generator.normal(0.06, 0.01, 100_000), 40.0
    asked, trained = draws.var() * 40 / 39, gains.var(ddof=1) / 3
    critical = (asked * t.ppf(0.975, 39) + trained * t.ppf(0.975, 2)) / (asked + trained)
    half = critical * np.sqrt(asked + trained)
    interval, p = stats.over_trainings(gains, draws, clusters)
    variation = stats.Variation(100, clusters, draws.std(), trainings=3, trained=trained)
    visible = stats.detectable(variation, 0.05)
    assert (interval.low, interval.high) == pytest.approx((0.06 - half, 0.06 + half))
    power = (asked * t.ppf(0.8, 39) + trained * t.ppf(0.8, 2)) / np.sqrt(asked + trained)
    assert 0.05 < p < 0.5 and visible == pytest.approx(half + power)
    # p is 0.05 where the interval ends at zero.
    at_the_edge = stats.over_trainings(gains - 0.06 + half, draws, clusters)
    assert at_the_edge[0].low == pytest.approx(0, abs=1e-9) and at_the_edge[1] == pytest.approx(0.05, abs=1e-6)


def test_trainings_that_agree_are_tested_by_questions_alone_and_no_p_is_smaller_than_the_draws_can_tell():
    draws = np.random.default_rng(0).normal(0.06, 0.01, 10_000)
    interval, p = stats.over_trainings(np.full(3, 0.06), draws, 1e6)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * draws.std(), rel=1e-3)
    assert p == 1 / 10_001
    assert stats.over_trainings(np.zeros(3), np.zeros(100), 10)[1] == 1.0
    assert stats.over_trainings(np.ones(3), np.ones(100), 10)[1] == 1 / 101


@pytest.mark.parametrize(
    "variation",
    [
        stats.Variation(300, 300.0, 0.03, discordant=0.25),
        stats.Variation(300, 60.0, 0.03),
        stats.Variation(300, 60.0, 0.03, trainings=3, trained=1e-5),
    ],
)
def test_the_number_of_questions_that_is_required_shows_the_gain_and_one_less_does_not(variation):
    for gain in (0.02, 0.05, 0.2):
        n = stats.n_to_detect(variation, gain, 0.05)
        assert stats.detectable(variation, 0.05, n) <= gain < stats.detectable(variation, 0.05, n - 1)
    assert stats.n_to_detect(variation, 0.0, 0.05) is None
    assert stats.detectable(variation, 0.01) > stats.detectable(variation, 0.05)


def test_no_number_of_questions_makes_up_for_trainings_that_differ_widely():
    assert stats.n_to_detect(stats.Variation(300, 60.0, 0.03, trainings=2, trained=0.01), 0.02, 0.05) is None


def test_draws_without_a_value_do_not_hide_the_others():
    assert stats.standard_error(np.array([1.0, 3.0, np.nan])) == 1.0 and np.isnan(stats.standard_error(np.array([])))


def test_draws_that_tie_but_for_their_last_bits_count_for_no_difference():
    """75 pairs of questions of which 4 questions were fixed: draws of twice the gain are as far out as the gain."""
    changes = np.zeros(150)
    changes[[0, 20, 40, 60]] = 1
    cluster, weights = stats.bootstrap_weights([str(n // 2) for n in range(150)], seed=0)
    table = np.column_stack([changes, np.ones(150)])
    draws = stats.resampled(table, cluster, weights, lambda sums: sums[..., 0] / sums[..., 1])
    shaken = draws + np.random.default_rng(0).uniform(-1e-12, 1e-12, len(draws))
    p = stats.bootstrap_p(4 / 150, draws)
    assert p == stats.bootstrap_p(4 / 150, shaken)
    exact = np.count_nonzero(np.abs(np.round(draws * 150) - 4) >= 4)  # in whole questions nothing is rounded
    assert p == (1 + exact) / (1 + len(draws))


def test_the_interval_of_a_paired_share_equals_newcombes_simple_one():
    """Wilson's limits squared and added (method 10 without its term for correlation), worked out by statsmodels."""
    from statsmodels.stats.proportion import proportion_confint

    fixed, broken, n = 12, 5, 80
    (up_low, up_high), (down_low, down_high) = (proportion_confint(k, n, method="wilson") for k in (fixed, broken))
    found = stats.paired_share_interval(fixed, broken, n)
    assert found.value == pytest.approx((fixed - broken) / n)
    assert found.high - found.value == pytest.approx(((up_high - fixed / n) ** 2 + (broken / n - down_low) ** 2) ** 0.5)
    assert found.value - found.low == pytest.approx(((fixed / n - up_low) ** 2 + (down_high - broken / n) ** 2) ** 0.5)
    nothing = stats.paired_share_interval(0, 0, 12)
    assert nothing.low == -nothing.high < -0.2


def test_all_right_in_every_cluster_is_not_certain():
    cluster, weights = stats.bootstrap_weights([str(n // 4) for n in range(40)], seed=0)
    draws = np.ones(len(weights))
    found = stats.figure_interval(1.0, draws, clusters=stats.effective_clusters(cluster), share_of_right=True)
    assert (found.low, found.high) == pytest.approx((stats.wilson(10, 10).low, 1.0))
    assert stats.figure_interval(1.0, draws, clusters=10).low == 1.0, "other metrics keep the interval of their draws"
