"""Formulas against a second way of computing them: statsmodels, scikit-learn, scipy, brute force."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from metier import stats
from metier.metrics import Outcomes, accuracy, macro_f1


def outcomes(gold, predicted, groups=None, labels=4):
    n = len(gold)
    return Outcomes(
        gold=np.array(gold),
        predicted=np.array(predicted),
        value=np.zeros(n),
        weight=np.ones(n),
        n_labels=labels,
        groups=tuple(groups or [str(i) for i in range(n)]),
    )


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (812, 1000)])
def test_wilson_equals_statsmodels(right, n):
    low, high = proportion_confint(right, n, method="wilson")
    found = stats.wilson(right, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(("fixed", "broke"), [(0, 0), (5, 5), (1, 9), (30, 12), (200, 40)])
def test_mid_p_is_the_exact_mcnemar_less_half_of_what_was_seen(fixed, broke):
    if fixed + broke == 0:
        assert stats.mcnemar_mid_p(fixed, broke) == 1.0
        return
    exact = mcnemar([[0, fixed], [broke, 0]], exact=True).pvalue
    seen = binomtest(min(fixed, broke), fixed + broke).pvalue - (
        binomtest(min(fixed, broke) - 1, fixed + broke).pvalue if min(fixed, broke) else 0.0
    )
    expected = 1.0 - seen / 2 if fixed == broke else exact - seen / 2
    assert stats.mcnemar_mid_p(fixed, broke) == pytest.approx(min(1.0, expected), abs=1e-9)


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
        found = metric.value(metric.statistics(outcomes(gold, predicted)).sum(0))
        assert float(found) == pytest.approx(f1_score(gold, predicted, average="macro"))


def test_bootstrap_of_counts_equals_the_bootstrap_of_rows():
    generator = np.random.default_rng(1)
    gold, predicted = generator.integers(4, size=60), generator.integers(4, size=60)
    table, metric = outcomes(gold, predicted), macro_f1.Metric()
    cluster, weights = stats.bootstrap_weights(table.groups, seed=3, draws=25)
    quick = stats.resampled(metric.statistics(table), cluster, weights, metric.value)
    for draw in range(25):
        rows = np.repeat(np.arange(60), weights[draw].astype(int)[cluster])
        slow = f1_score(gold[rows], predicted[rows], average="macro")
        assert quick[draw] == pytest.approx(slow, abs=1e-6)


def test_clusters_are_drawn_whole_and_widen_the_interval():
    generator = np.random.default_rng(2)
    right_cluster = generator.integers(2, size=50)
    gold = np.zeros(500, dtype=int)
    predicted = np.repeat(1 - right_cluster, 10)  # ten answers of one patient are all right or all wrong
    metric, widths = accuracy.Metric(), []
    for groups in (None, [str(i // 10) for i in range(500)]):
        table = outcomes(gold, predicted, groups)
        cluster, weights = stats.bootstrap_weights(table.groups, seed=0, draws=2000)
        draws = stats.resampled(metric.statistics(table), cluster, weights, metric.value)
        found = stats.percentile_interval(float(np.mean(gold == predicted)), draws)
        widths.append(found.high - found.low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.15)


def test_ten_thousand_draws_cost_well_under_a_second():
    import time

    gold = np.random.default_rng(0).integers(22, size=1000)
    table, metric = outcomes(gold, gold, labels=22), macro_f1.Metric()
    started = time.perf_counter()
    cluster, weights = stats.bootstrap_weights(table.groups, seed=0)
    stats.resampled(metric.statistics(table), cluster, weights, metric.value)
    assert time.perf_counter() - started < 3  # 0.4 s on an idle machine; the bar is loose for a busy one


def test_smallest_visible_gain_is_seen_in_four_cases_of_five():
    n, discordant, generator = 800, 0.2, np.random.default_rng(5)
    gain = stats.smallest_visible_share(n, discordant)
    odds = [(discordant + gain) / 2, (discordant - gain) / 2, 1 - discordant]
    counts = generator.multinomial(n, odds, size=1500)
    seen = np.mean([stats.mcnemar_mid_p(fixed, broke) < 0.05 for fixed, broke, _ in counts])
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
    centred = np.random.default_rng(0).normal(0.001, 0.02, size=10_000)
    assert stats.bootstrap_p(0.001, centred) > 0.9
