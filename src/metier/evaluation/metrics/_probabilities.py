"""What answers say about how sure they are, as arrays: the ground of brier, nll, ece and accuracy_at_coverage."""

from dataclasses import dataclass

import numpy as np

from metier.errors import UserError
from metier.evaluation.predictions import Floats, Predictions


@dataclass(frozen=True)
class Stated:
    """The probabilities of all answers, summed up. NaN in the rows of answers that have none."""

    gold: Floats
    """(n,) probability of the right answer."""
    squares: Floats
    """(n,) sum of the squared probabilities."""
    confidence: Floats
    """(n,) the highest probability."""


def stated(predictions: Predictions) -> Stated | None:
    """None where no answer has probabilities: then there is nothing to work out (a majority class, free text)."""
    figures = np.full((3, len(predictions.answers)), np.nan)
    for position, answer in enumerate(predictions.answers):
        if answer.probabilities is None:
            continue
        probabilities = np.array(answer.probabilities)
        offered = answer.options or predictions.labels
        if len(probabilities) != len(offered) or answer.gold not in offered:
            raise UserError(
                f"Question {answer.id} has {len(probabilities)} probabilities for {len(offered)} answers to choose "
                f"from, and its right answer is '{answer.gold}'. A metric of probabilities needs one for each answer, "
                "the right one among them."
            )
        right = probabilities[offered.index(answer.gold)]
        figures[:, position] = right, probabilities @ probabilities, probabilities.max()
    return None if np.isnan(figures).all() else Stated(*figures)
