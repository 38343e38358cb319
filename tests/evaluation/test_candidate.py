"""What is judged: the model alone, or mixed with the baseline, as held-out rows choose."""

import numpy as np
import pytest

from metier.errors import UserError
from metier.evaluation.candidate import FEWEST, Parts, blended, choose, fit
from metier.evaluation.comparison import compare
from metier.evaluation.metrics.accuracy import Metric as Accuracy
from metier.evaluation.metrics.expected_cost import Metric as ExpectedCost
from metier.evaluation.predictions import as_predictions
from metier.evaluation.results import Candidate
from metier.evaluation.scoring import Prediction

LABELS = ["a", "b", "c"]


def _answers(shares, gold):
    return [
        Prediction(
            id=str(number),
            prompt="",
            prompt_hash="",
            answer=LABELS[int(row.argmax())],
            gold=LABELS[right],
            value=float(row.argmax() == right),
            probabilities=tuple(float(share) for share in row),
        )
        for number, (row, right) in enumerate(zip(shares, gold, strict=True))
    ]


def _seen(gold, signal, seed):
    """Softmax of noise with the right label raised by `signal`: what an independent classifier of that power says."""
    noise = np.random.default_rng(seed).normal(size=(len(gold), len(LABELS)))
    noise[np.arange(len(gold)), gold] += signal
    shares = np.exp(noise - noise.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def _parts(n=400, model=1.5, baseline=1.5, seed=0):
    gold = np.random.default_rng(seed).integers(0, len(LABELS), n)
    return Parts(_answers(_seen(gold, model, seed + 1), gold), _answers(_seen(gold, baseline, seed + 2), gold))


def _right(answers):
    return np.mean([one.value for one in answers])


def test_two_parts_that_err_on_different_rows_are_mixed_and_the_mixture_is_better_on_new_rows():
    chosen = choose(_parts(), "tfidf", "TF-IDF", LABELS, Accuracy(), "auto")
    new = _parts(n=2000, seed=10)
    mixed = blended(chosen, new, LABELS, Accuracy())

    assert chosen.baseline == "tfidf"
    assert chosen.rows == 400
    assert chosen.held_out["blend"] > max(chosen.held_out["model"], chosen.held_out["baseline"])
    assert _right(mixed) > max(_right(new.model), _right(new.baseline)) + 0.03


def test_a_baseline_that_knows_nothing_is_left_out():
    chosen = choose(_parts(baseline=0.0), "tfidf", "TF-IDF", LABELS, Accuracy(), "auto")

    assert chosen.baseline is None
    assert chosen.rows == 400


def test_a_mixture_that_is_likelier_is_taken_at_a_tie_and_left_where_the_metric_falls():
    class Upside(Accuracy):
        """Likes what is wrong, so that a mixture which is right more often looks worse."""

        def value(self, sums):
            return 1 - super().value(sums)

    class Same(Accuracy):
        def value(self, sums):
            return 0 * super().value(sums)

    assert choose(_parts(), "tfidf", "TF-IDF", LABELS, Upside(), "auto").baseline is None
    assert choose(_parts(), "tfidf", "TF-IDF", LABELS, Same(), "auto").baseline == "tfidf"


def test_a_metric_without_a_value_on_the_held_out_rows_leaves_the_model_alone():
    class Nothing(Accuracy):
        def value(self, sums):
            return np.nan * super().value(sums)

    class Refuses(Accuracy):
        def statistics(self, predictions):
            raise UserError("no row has a label that it counts")

    for metric in (Nothing(), Refuses()):
        assert choose(_parts(), "tfidf", "TF-IDF", LABELS, metric, "blend") == Candidate()


def test_with_too_few_rows_to_compare_both_weigh_about_the_same():
    chosen = choose(_parts(n=FEWEST - 10), "tfidf", "TF-IDF", LABELS, Accuracy(), "auto")

    assert chosen.baseline == "tfidf"
    assert 0.3 < chosen.weight < 0.7


def test_the_recipe_can_ask_for_one_of_the_two():
    useless = _parts(baseline=0.0)

    assert choose(_parts(), "tfidf", "TF-IDF", LABELS, Accuracy(), "model") == Candidate()
    assert choose(useless, "tfidf", "TF-IDF", LABELS, Accuracy(), "blend").baseline == "tfidf"


def test_answers_without_probabilities_are_judged_alone():
    parts = _parts(n=50)
    plain = [one.__class__(**{**vars(one), "probabilities": None}) for one in parts.baseline]

    assert choose(Parts(parts.model, plain), "tfidf", "TF-IDF", LABELS, Accuracy(), "blend") == Candidate()


def test_the_powers_are_those_of_the_highest_posterior():
    parts = _parts(n=300)
    model, baseline = (np.log([one.probabilities for one in given]) for given in (parts.model, parts.baseline))
    gold = np.array([LABELS.index(one.gold) for one in parts.model])

    def loss(powers):
        mixed = powers[0] * model + powers[1] * baseline
        nats = np.log(np.exp(mixed).sum(1)) - mixed[np.arange(len(gold)), gold]
        return nats.sum() + sum((power - 0.5) ** 2 for power in powers) / (2 * 0.5**2)

    found = np.array(fit(model, baseline, gold))

    # Noise of variance one around a signal of 1.5: the log-odds are 1.5 times the score, and the prior pulls to 0.5.
    assert found == pytest.approx([1.4, 1.4], abs=0.3)
    assert all(loss(found) < loss(found + off) for off in ([0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05]))


def test_a_mixture_says_what_prices_ask_for():
    gold = [0]
    parts = Parts(_answers(np.array([[0.6, 0.4, 0.0]]), gold), _answers(np.array([[0.6, 0.4, 0.0]]), gold))
    even = Candidate(baseline="tfidf", model_power=0.5, baseline_power=0.5)
    dear = ExpectedCost(costs={"miss_b": 10.0})

    assert blended(even, parts, LABELS, Accuracy())[0].answer == "a"
    assert blended(even, parts, LABELS, dear)[0].answer == "b"


def test_a_row_without_a_right_answer_is_answered_without_a_value():
    parts = _parts(n=1)
    new = [one.__class__(**{**vars(one), "gold": "", "value": None}) for one in parts.model]
    even = Candidate(baseline="tfidf", model_power=0.5, baseline_power=0.5)

    answer = blended(even, Parts(new, parts.baseline), LABELS, Accuracy())[0]

    assert answer.value is None
    assert sum(answer.probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_choosing_a_candidate_by_held_out_rows_keeps_false_gains_below_alpha():
    """A/A: the baseline is torn between two labels on half of the rows, and the model knows nothing. A mixture breaks
    those ties otherwise, and so answers many rows differently, but in truth exactly as well."""
    found, better, mixed = 0, 0, 0
    for seed in range(500):
        random = np.random.default_rng(seed)
        held_out, test = (_torn(200, random) for _ in range(2))
        chosen = choose(held_out, "tfidf", "TF-IDF", LABELS, Accuracy(), "auto")
        answers = blended(chosen, test, LABELS, Accuracy()) if chosen.baseline else test.model
        paired = compare(Accuracy(), *(as_predictions(one, LABELS) for one in (test.baseline, answers)), seed, 0.05)
        mixed += chosen.baseline is not None
        found += paired.p < 0.05
        better += paired.p < 0.05 and paired.gain.value > 0

    assert mixed == 500  # alone the model is far worse
    assert found > 0  # else nothing was tested
    assert better <= 0.05 * 500


def _torn(n, random):
    """A model of noise, and a baseline that is right on half of the rows and torn between two labels on the rest."""
    gold = random.integers(0, 3, n)
    other = (gold + random.integers(1, 3, n)) % 3
    baseline, torn = np.full((n, 3), 0.05), random.random(n) < 0.5
    baseline[np.arange(n), gold] = np.where(torn, 0.475, 0.9)
    baseline[torn, other[torn]] = 0.475
    baseline += random.uniform(0, 1e-6, (n, 3))
    return Parts(_answers(_seen(gold, 0.0, int(random.integers(1 << 30))), gold), _answers(baseline, gold))
