"""Costs of mistakes: the table, the decisions that follow from it, and training on it."""

import numpy as np
import pytest
import torch

from metier.data.records import rows_to_table
from metier.engine.models.model import load
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.evaluation import costs
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.methods.min_risk import Method
from metier.recipes import plugins
from metier.runs.progress import Progress

LABELS = ["fair", "unfair", "very odd"]
TERMS = ["we may end it", "you may leave", "no liability", "contact us", "odd words"]


def context(tmp_path, labels, told):
    benchmark = Benchmark("terms", path="unused.jsonl", prompt="{text}\nIs it:", labels=labels)
    rows = rows_to_table(
        {
            "id": str(number),
            "text": text,
            "label": label,
            "task": "terms",
            "source": "s",
            "license": "MIT",
            "origin": "o",
        }
        for number, (text, label) in enumerate(told)
    )
    return TrainingContext(rows, rows, {"terms": benchmark}, "fake", None, tmp_path, 0, Progress())


def test_the_table_prices_kinds_of_mistakes_and_the_particular_price_counts():
    found = costs.matrix(LABELS, {"unfair -> fair": 10, "miss_unfair": 7, "false_very_odd": 3})
    assert found.tolist() == [[0, 1, 3], [10, 0, 3], [1, 1, 0]]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"unfiar -> fair": 1}, "Did you mean 'unfair'"),
        ({"unfair": 1}, "no kind of mistake"),
        ({"miss_unfair": -1}, "0 or more"),
    ],
)
def test_a_wrong_price_is_explained(said, told):
    with pytest.raises(UserError, match=told):
        costs.matrix(LABELS, said)


def test_the_decision_is_the_label_of_least_expected_cost():
    alike = costs.matrix(["age limit", "age_limit"], {"miss_age_limit": 5})  # the one of that very name
    assert alike.tolist() == [[0, 1], [5, 0]]
    prices = costs.matrix(["fair", "unfair"], {"miss_unfair": 10})
    # A false alarm costs p(fair), a miss 10 p(unfair): unfair is said from 1/11 on.
    assert costs.decide(np.array([[0.92, 0.08], [0.90, 0.10]]), prices).tolist() == [0, 1]


def test_the_best_threshold_costs_no_more_than_any_other():
    generator = np.random.default_rng(0)
    positive = generator.random(200) < 0.2
    probability = np.round(np.clip(0.3 * positive + generator.random(200) * 0.7, 0, 1), 2)  # with ties

    def cost(threshold):
        said = probability >= threshold
        return 10 * (positive & ~said).sum() + (~positive & said).sum()

    found = costs.best_threshold(probability, positive, 10, 1)
    assert cost(found) == min(cost(threshold) for threshold in np.linspace(-0.01, 1.01, 2000))


def test_expected_cost_is_the_mean_cost_and_an_unscored_answer_is_the_most_expensive():
    def answer(said, gold):
        return Prediction("x", "p", "h", said, gold, None if said is None else float(said == gold))

    metric = plugins.build("metrics", "expected_cost", {"costs": {"unfair -> fair": 10}})
    given = [answer("fair", "unfair"), answer("unfair", "fair"), answer("fair", "fair"), answer(None, "unfair")]
    assert metric.value(metric.statistics(as_predictions(given, LABELS)).sum(0)) == (10 + 1 + 0 + 10) / 4


def test_the_gradient_is_that_of_the_expected_cost_and_the_divergence():
    method = Method(kl=0.3, sharpness=0.7)
    prices, before = [np.array([0.0, 1.0, 0.2])], [np.array([-1.0, -2.0, -3.0])]
    scores = torch.tensor([-2.0, -1.0, -4.0], dtype=torch.float64, requires_grad=True)
    method.objective(prices, before)([0], [scores]).backward()

    def slow(values):
        p = np.exp(0.7 * values) / np.exp(0.7 * values).sum()
        start = np.exp(0.7 * before[0]) / np.exp(0.7 * before[0]).sum()
        return (p * prices[0]).sum() + 0.3 * (p * np.log(p / start)).sum()

    for at in range(3):
        step = np.zeros(3)
        step[at] = 1e-6
        value = scores.detach().numpy()
        assert scores.grad[at].item() == pytest.approx((slow(value + step) - slow(value - step)) / 2e-6, rel=1e-4)


def test_training_moves_probability_to_the_less_expensive_mistake(tmp_path):
    # Which of two labels is right cannot be seen, and missing one of them is dear.
    told = [(text, label) for text in TERMS for label in ("fine", "oddy")]
    given = context(tmp_path, ["fine", "oddy"], told)
    method = Method(costs={"miss_oddy": 10}, kl=0.0, lr=3e-2, epochs=8, batch_tokens=256)
    model = load("fake")
    examples = method.examples(model, given)
    assert [len(example.answers) for example in examples] == [2] * len(told)
    method.train(given)
    from metier.engine.training import trainer

    tuned = trainer.log_probabilities(load("fake"), examples, tmp_path / "adapter", 256, Progress())
    assert all(scores[1] - scores[0] > 1 for scores in tuned)


def test_prices_are_shares_of_the_dearest_mistake(tmp_path):
    given = context(tmp_path, ["fair", "unfair"], [("a", "unfair"), ("b", "fair")])
    assert [list(row) for row in Method(costs={"miss_unfair": 20, "false_unfair": 5}).prices(given)] == [
        [1, 0],
        [0, 0.25],
    ]


def test_free_answers_are_sent_to_other_methods(tmp_path):
    given = context(tmp_path, [], [("a", "b")])
    given.benchmarks["terms"].scorer = "generate"
    with pytest.raises(UserError, match="grpo"):
        Method().examples(load("fake"), given)


def test_a_label_that_the_benchmark_does_not_have_is_said_before_anything_slow(tmp_path):
    with pytest.raises(UserError, match="'grey' of terms"):
        Method().train(context(tmp_path, ["fair", "unfair"], [("a", "unfair"), ("b", "grey")]))


def test_check_finds_a_misspelled_price(tmp_path):
    given = context(tmp_path, ["fair", "unfair"], [("a", "unfair"), ("b", "fair")])
    with pytest.raises(UserError, match="Did you mean 'unfair'"):
        Method(costs={"miss_unfiar": 3}).seconds(load("fake"), given, 2)


def test_a_label_that_is_called_like_a_kind_of_mistake_is_found():
    assert costs.fits("miss_false_alarm", ["false alarm", "fire"]) and costs.names("false_miss_x") == ["miss_x"]
