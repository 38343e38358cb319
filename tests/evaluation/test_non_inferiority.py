"""Not worse by more than a margin: the test ships what is within it, and seldom what is at it or beyond."""

import numpy as np
import pytest

from metier.evaluation import stats
from metier.evaluation.metrics.accuracy import Metric as Accuracy
from metier.evaluation.non_inferiority import margin_gain
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.evaluation.stats import paired_share_interval, paired_share_p

MARGIN, ALPHA = 0.05, 0.05


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    """A fifth of those of a verdict: hundreds of tests are made."""
    monkeypatch.setattr(stats.bootstrap_weights, "__defaults__", (2_000,))


def table(right, clusters):
    return as_predictions(
        [
            Prediction(str(at), "", "", "yes" if hit else "no", "yes", float(hit), group=str(clusters[at]))
            for at, hit in enumerate(right)
        ],
        ["no", "yes"],
    )


def drawn(generator, n, size, fixed, broken):
    """(baseline, tuned) on n questions in clusters of a size; the tuned model fixes and breaks these shares."""
    before = np.repeat(generator.random(n // size) < 0.8, size)
    chance = np.repeat(generator.random(n // size), size)
    after = np.where(before, chance >= broken / 0.8, chance < fixed / 0.2)
    clusters = np.arange(n) // size
    return table(before, clusters), table(after, clusters)


def ships(pair, margin=MARGIN):
    gain, _ = margin_gain(Accuracy(), [pair[0]], [pair[1]], margin, seed=0)
    return gain.p < ALPHA and gain.low > -margin


@pytest.mark.parametrize(("fixed", "broken"), [(0.02, 0.07), (0.0, 0.05), (0.08, 0.13)])
def test_at_most_one_in_twenty_models_at_the_margin_ships(fixed, broken):
    generator = np.random.default_rng(1)
    false = sum(ships(drawn(generator, 300, 1, fixed, broken)) for _ in range(500))
    assert false <= 25


@pytest.mark.parametrize("size", [4])
def test_clusters_that_change_together_do_not_make_it_surer(size):
    generator = np.random.default_rng(2)
    false = sum(ships(drawn(generator, 400, size, 0.02, 0.07)) for _ in range(500))
    assert false <= 25


def test_what_is_within_the_margin_ships_and_what_is_beyond_does_not():
    generator = np.random.default_rng(3)
    within = [ships(drawn(generator, 900, 1, 0.04, 0.04)) for _ in range(20)]
    beyond = [ships(drawn(generator, 900, 1, 0.01, 0.10)) for _ in range(20)]
    assert sum(within) >= 18 and not any(beyond)


def test_equal_answers_ship_only_where_there_are_enough_of_them():
    def equal(n):
        return table(np.ones(n), range(n)), table(np.ones(n), range(n))

    assert ships(equal(400)) and not ships(equal(30))


def test_several_trainings_are_tested_by_their_mean():
    generator = np.random.default_rng(4)
    pairs = [drawn(generator, 600, 1, 0.04, 0.04) for _ in range(3)]
    gain, variation = margin_gain(Accuracy(), [one for one, _ in pairs], [one for _, one in pairs], 0.08, seed=0)
    assert gain.p < ALPHA and gain.low > -0.08 and variation.trainings == 3
    far, _ = margin_gain(Accuracy(), [one for one, _ in pairs], [one for _, one in pairs], 0.0, seed=0)
    assert far.p > ALPHA and far.value == gain.value, "with no margin it is a test of being better"


def test_p_and_interval_of_shares_say_the_same():
    for fixed, broken in ((3.0, 5.0), (0.0, 4.0), (20.0, 11.0)):
        p = paired_share_p(fixed, broken, 200, 0.04)
        assert paired_share_interval(fixed, broken, 200, 1 - p).low == pytest.approx(-0.04, abs=1e-9)
    assert paired_share_p(0.0, 20.0, 200, 0.04) == 1.0
