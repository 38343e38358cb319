"""How far the stated probabilities lie from what was true."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions

WORST = 2.0


@dataclass
class Metric(MetricLike):
    """Squared error of the probabilities, summed over the labels: 0 is best, 2 worst (Brier 1950).

    For two labels that is twice what `brier_score_loss` of scikit-learn gives for one of them. An answer without
    probabilities among others that have them is unscored and counts as the worst.
    """

    higher_is_better = False
    unit = "squared error"
    reads = "probabilities"

    def statistics(self, predictions: Predictions) -> Floats:
        n, given = len(predictions.answers), stated(predictions)
        if given is None:
            return np.full((n, 2), np.nan)
        error = given.squares - 2 * given.gold + 1  # sum of (p - y)^2, where y is 1 for the right answer
        return np.column_stack([np.nan_to_num(error, nan=WORST), np.ones(n)])

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])
