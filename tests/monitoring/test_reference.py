"""What the answers at work are held against."""

from types import SimpleNamespace

import numpy as np
import pytest

from metier.evaluation.scoring import Prediction
from metier.serving import review

LABELS = ["a", "b"]


def answers(count, temperature):
    """Answers whose probabilities are sharper than they should be by this temperature."""
    generator = np.random.default_rng(count)
    found = []
    for number in range(count):
        p = generator.uniform(0.5, 0.98)
        sharp = 1 / (1 + ((1 - p) / p) ** temperature)
        gold = "a" if generator.random() < p else "b"
        found.append(
            Prediction(str(number), "", "", "a", gold, gold == "a", probabilities=(sharp, 1 - sharp), group=str(number))
        )
    return found


@pytest.mark.parametrize("who", ["tuned", "baseline"])
def test_the_temperature_is_of_the_same_rows_whatever_review_was_asked_for(monkeypatch, who):
    """Monitoring knows only those rows; with others certainty would differ from the test's on the first day."""
    given = {review.MOST: answers(500, 2.0), review.MOST_FOR_REVIEW: answers(2000, 0.7)}
    asked = {}
    monkeypatch.setattr(review, "held_out_questions", lambda run, benchmark, most: [most])
    monkeypatch.setattr(review, "ask", lambda run, who, benchmark, questions, model: asked.update({who: questions[0]}))
    monkeypatch.setattr(review, "read_answers", lambda run, who, name: given[asked[who]])
    monkeypatch.setattr(review, "replace", lambda benchmark, **changed: benchmark)
    scorer = SimpleNamespace(gives=["probabilities"])
    benchmark = SimpleNamespace(name="triage", build_scorer=lambda: scorer, label_set=lambda: LABELS)
    learned = []
    for max_error in (None, 0.3):
        if who == "tuned":
            learned.append(review.tuned_review(None, benchmark, None, None, max_error, None))
        else:
            fitted = SimpleNamespace(answer=lambda questions: given[questions[0]], certain=lambda: True)
            learned.append(review.baseline_review(None, benchmark, fitted, max_error, None))
    plain, bounded = learned
    assert plain.temperature == bounded.temperature == review.learn_temperature(given[500], LABELS)
    assert plain.temperature.value == pytest.approx(2, rel=0.2) and bounded.cut_off.rows == 2000
    assert review.learn_temperature(given[2000], LABELS).value < 1
    assert who == "baseline" or asked == {"held-out": 500, "review": 2000}, "monitoring reads the first one"
