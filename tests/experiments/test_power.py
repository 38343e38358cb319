"""The power that `metier check` prints before anything is trained."""

import numpy as np
import pyarrow as pa
import pytest

from metier.data.records import Question, rows_to_table
from metier.evaluation import stats
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.experiments.power import LEAST_SHARED, MOST_SHARED, SHARED, Design, Spread, expected_power
from metier.recipes import plugins

ACCURACY = plugins.build("metrics", "accuracy", {})
MCC = plugins.build("metrics", "mcc", {})


def table(right, groups=None):
    names = [None] * len(right) if groups is None else groups
    answers = [
        Prediction(str(k), "", "", "ab"[k % 2] if ok else "ba"[k % 2], "ab"[k % 2], float(ok), group=names[k])
        for k, ok in enumerate(right)
    ]
    return as_predictions(answers, ["a", "b"])


def alone(n, alpha=0.05):
    return Design.of([str(k) for k in range(n)], alpha)


def test_accuracy_is_mcnemars_test_at_the_share_of_questions_on_which_both_differ():
    spread = Spread.of(ACCURACY, table([k % 10 != 0 for k in range(200)]), seed=0)  # 90 % right
    gain = spread.effect(alone(900), SHARED)
    before, after = 0.9 * 0.1, (0.9 + gain) * (0.1 - gain)
    differ = before + after - 2 * SHARED * np.sqrt(before * after) + gain**2
    assert gain == pytest.approx(stats.minimum_detectable_share(900, differ), abs=1e-6)


def test_a_gain_of_the_printed_size_is_found_in_four_of_five_samples():
    """Two models that are right together as often as the assumed correlation says, through McNemar's test itself."""
    spread, n = Spread.of(ACCURACY, table([k % 10 < 7 for k in range(400)]), seed=0), 600
    gain = spread.effect(alone(n), SHARED)
    a, b = 0.7, 0.7 + gain
    both = a * b + SHARED * np.sqrt(a * (1 - a) * b * (1 - b))
    generator = np.random.default_rng(0)
    draws = generator.multinomial(n, [both, a - both, b - both, 1 - a - b + both], size=2000)
    found = np.mean([stats.mcnemar_mid_p(fixed, broken) < 0.05 and fixed > broken for _, broken, fixed, _ in draws])
    assert found == pytest.approx(0.8, abs=0.03)


def test_fewer_shared_errors_and_groups_that_err_together_take_a_larger_gain():
    right = [k // 5 % 4 != 0 for k in range(400)]  # groups of five, each all right or all wrong
    spread = Spread.of(ACCURACY, table(right, [f"g{k // 5}" for k in range(400)]), seed=0)
    assert spread.within == pytest.approx(1, abs=0.1)
    in_groups = Design.of([f"g{k // 5}" for k in range(1000)], 0.05)
    effects = [spread.effect(in_groups, shared) for shared in (MOST_SHARED, SHARED, LEAST_SHARED)]
    assert effects == sorted(effects) and len(set(effects)) == 3
    assert effects[1] > 1.5 * spread.effect(alone(1000), SHARED)
    lonely = Spread.of(
        ACCURACY, table(np.random.default_rng(0).permutation(right), [f"g{k // 5}" for k in range(400)]), 0
    )
    assert lonely.within < 0.2


def test_a_metric_of_its_own_scale_is_told_by_draws():
    spread = Spread.of(MCC, table(np.random.default_rng(1).random(500) < 0.8), seed=0)
    design = alone(1000)
    error = np.sqrt(2 * (1 - SHARED) * spread.variance / 1000)
    assert spread.effect(design, SHARED) == pytest.approx(
        stats.minimum_detectable_effect(error, clusters=1000), rel=1e-6
    )


def test_over_a_perfect_baseline_there_is_no_gain():
    assert Spread.of(ACCURACY, table([True] * 50), seed=0).effect(alone(900), SHARED) is None


WORDS = {"skin": ["rash", "itch", "mole"], "heart": ["pulse", "chest", "beat"]}


def desk(tmp_path, n=300, scorer="label"):
    """Rows of which a third has a word of the other label, so that the baseline errs."""
    generator = np.random.default_rng(0)
    rows = []
    for k in range(n):
        label = sorted(WORDS)[k % 2]
        word = generator.choice(WORDS[label if k % 3 else sorted(WORDS)[1 - k % 2]])
        row = {
            "id": f"r{k}",
            "text": f"note {generator.integers(10**6)}: {word}",
            "label": label,
            "task": "desk",
            "source": "train",
        }
        rows.append(row | {"license": "proprietary", "origin": f"train:{k}"})
    (tmp_path / "test.csv").write_text("text,label\nrash,skin\npulse,heart\n")
    return Benchmark("desk", path=str(tmp_path / "test.csv"), scorer=scorer), rows_to_table(rows)


def questions(n, a_group=1):
    return [Question(f"q{k}", f"question {k}: rash", "skin", group=f"g{k // a_group}") for k in range(n)]


def test_the_baseline_is_asked_training_rows_that_it_did_not_learn(tmp_path):
    benchmark, rows = desk(tmp_path)
    twice = pa.concat_tables([rows, rows])
    for table_ in (rows, twice):
        found = expected_power(benchmark, questions(400), table_, 0, 0.05)
        assert found.against == "TF-IDF with logistic regression" and found.held_out == 60
        assert found.baseline == pytest.approx(2 / 3, abs=0.12)
    assert found.low < found.effect < found.high
    assert found.sentence.startswith(f"With 400 questions a true gain of {100 * found.effect:.1f} points over TF-IDF ")
    assert "would be found with 80 % power" in found.sentence


def test_more_benchmarks_or_fewer_questions_take_a_larger_gain(tmp_path):
    benchmark, rows = desk(tmp_path)
    effect = expected_power(benchmark, questions(400), rows, 0, 0.05).effect
    assert expected_power(benchmark, questions(400), rows, 0, 0.05 / 3).effect > effect
    assert expected_power(benchmark, questions(100), rows, 0, 0.05).effect > effect
    few = expected_power(benchmark, questions(40, a_group=8), rows, 0, 0.05)
    assert few.effect is None and "its 5 groups of questions are too few" in few.sentence


def test_without_rows_to_fit_a_baseline_on_the_base_model_stands_for_it(tmp_path):
    benchmark, rows = desk(tmp_path)
    found = expected_power(benchmark, questions(400, a_group=4), rows.slice(0, 0), 0, 0.05)
    assert found.against == "the base model" and found.baseline is None
    assert found.effect == pytest.approx(stats.minimum_detectable_share(400, 0.3))
    assert found.high == pytest.approx(stats.minimum_detectable_share(100, 0.3))
    assert "if 30% of the answers change" in found.sentence and "all answers of a group are equal" in found.sentence
