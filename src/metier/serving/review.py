"""How sure an answer is, and which answers a person should look at: both are learned from held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from metier.errors import UserError
from metier.evaluation import certainty, risk
from metier.evaluation.answers import HELD_OUT, REVIEW, read_answers
from metier.evaluation.asking import Model, ask
from metier.evaluation.baseline import FittedBaseline
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.held_out import MOST, MOST_FOR_REVIEW, held_out_questions
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.runs.run import Run
from metier.stages.candidates import Mixture


@dataclass(frozen=True)
class Verdicts:
    """What a prediction says besides its answer."""

    certainty: float
    second: str
    second_certainty: float
    review: bool


@dataclass(frozen=True)
class Review:
    """The temperature of a model's probabilities, and the cut-off below which a person looks at an answer."""

    labels: Sequence[str]
    temperature: certainty.Temperature
    cut_off: risk.CutOff | None
    """None: nobody asked for review."""

    def probabilities(self, prediction: Prediction) -> dict[str, float]:
        """Of each label or option, calibrated; empty where the answer was written."""
        logs = certainty.log_probabilities(prediction)
        if not len(logs):
            return {}
        shares = certainty.calibrated(logs, self.temperature.value).tolist()
        return dict(zip(prediction.options or self.labels, shares, strict=True))

    def of(self, prediction: Prediction) -> Verdicts | None:
        """None where the answer was written, or there is none to choose."""
        logs = certainty.log_probabilities(prediction)
        if not len(logs):
            return None
        shares = certainty.calibrated(logs, self.temperature.value)
        offered, order = prediction.options or self.labels, np.argsort(-shares, kind="stable")
        first = float(shares[order[0]])
        review = bool(self.cut_off.to_review([first])[0]) if self.cut_off else False
        second, its = (offered[order[1]], float(shares[order[1]])) if len(order) > 1 else ("", 0.0)
        return Verdicts(first, second, its, review)


def learn_temperature(held_out: Sequence[Prediction], labels: Sequence[str]) -> certainty.Temperature:
    """From the answers to the same held-out rows in each call, so that monitoring finds the same one."""
    return certainty.fit_temperature(*certainty.options(as_predictions(held_out, labels)))


def learn(
    temperature: certainty.Temperature,
    held_out: Sequence[Prediction],
    labels: Sequence[str],
    max_error: float | None,
    share: float | None,
) -> Review:
    """The cut-off from the answers to held-out rows. `max_error`: share of the answers nobody reviews that may be
    wrong; `share`: of all rows that a person can look at. Raises `UserError` where `max_error` cannot be promised."""
    table = as_predictions(held_out, labels)
    sure = certainty.certainties(certainty.options(table)[0], temperature.value)
    cut_off: risk.CutOff | risk.Unmet | None = None
    if max_error is not None:
        cut_off = risk.cut_off_for_error(sure, table.right, max_error, table.groups)
    elif share is not None:
        cut_off = risk.cut_off_for_review(sure, table.right, share, table.groups)
    if isinstance(cut_off, risk.Unmet):
        raise UserError(unmet(cut_off))
    return Review(labels, temperature, cut_off)


def tuned_review(
    run: Run,
    benchmark: Benchmark,
    model: Model,
    mixture: Mixture | None,
    max_error: float | None,
    share: float | None,
) -> Review | None:
    """What a tuned model's answers to held-out rows teach; asked once a run. None where its answers are written.
    `mixture`: what is mixed into them; None: nothing.

    Raises as `learn`, and where a review is asked for and the answers are written.
    """
    if "probabilities" not in benchmark.build_scorer().gives:
        if max_error is not None or share is not None:
            raise UserError(
                f"The answers of '{benchmark.name}' are written and have no certainty. Leave out the review."
            )
        return None
    labels = benchmark.label_set()
    held_out = _asked(run, benchmark, model, mixture, HELD_OUT, MOST)
    temperature = learn_temperature(held_out, labels)
    more = held_out if max_error is None else _asked(run, benchmark, model, mixture, REVIEW, MOST_FOR_REVIEW)
    return learn(temperature, more, labels, max_error, share)


def _asked(
    run: Run, benchmark: Benchmark, model: Model, mixture: Mixture | None, who: str, most: int
) -> list[Prediction]:
    questions = held_out_questions(run, benchmark, most)
    if not questions:
        return []
    # These rows were cut in training too, so a long one must not stop this.
    ask(run, who, replace(benchmark, too_long="truncate"), questions, model)
    answers = read_answers(run, who, benchmark.name)
    return mixture.answer(questions, answers) if mixture else answers


def baseline_review(
    run: Run, benchmark: Benchmark, fitted: FittedBaseline, max_error: float | None, share: float | None
) -> Review | None:
    """The same for a run's baseline; None where its answers have no certainty, or cost something."""
    if not fitted.certain():
        if max_error is not None or share is not None:
            raise UserError(f"No certainty is known of the answers of {fitted.name}. Leave out the review.")
        return None
    labels = benchmark.label_set()
    temperature = learn_temperature(fitted.answer(held_out_questions(run, benchmark, MOST)), labels)
    more = fitted.answer(held_out_questions(run, benchmark, MOST_FOR_REVIEW))
    return learn(temperature, more, labels, max_error, share)


def unmet(wish: risk.Unmet) -> str:
    """Why an error cannot be promised, and what can."""
    lowest = f" The lowest error that can be promised is {wish.lowest:.3f}." if wish.lowest is not None else ""
    more = f" About {wish.rows_needed:,} held-out rows would be needed, not {wish.rows:,}." if wish.rows_needed else ""
    return f"--max-error {wish.max_error:g} cannot be promised: {wish.why}{lowest}{more}"


def announcement(review: Review) -> str:
    """What will happen, in words, before a row is answered."""
    if review.cut_off is None:
        return "No answer is sent to review. `--max-error 0.05` or `--review 0.2` sends unsure ones to a person."
    it = review.cut_off
    return (
        f"About {100 * it.review.value:.1f} % of the rows will need a person (95 % CI {100 * it.review.low:.1f} to "
        f"{100 * it.review.high:.1f}), by {it.rows:,} held-out rows. {it.guarantee}"
    )
