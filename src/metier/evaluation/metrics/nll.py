"""How surprised the model is by the right answer."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions

LEAST = 1e-6
"""What smaller probabilities count as (13.8 nats): they are saved with six digits, so a zero only says "less"."""


@dataclass
class Metric(MetricLike):
    """Mean negative logarithm of the right answer's probability, clipped at 1e-6 (the logarithmic score, Good 1952).

    An answer without probabilities among others that have them is unscored and counts as one that gave the
    right answer the probability 1e-6.
    """

    higher_is_better = False
    unit = "nats an answer"
    reads = "probabilities"

    def statistics(self, predictions: Predictions) -> Floats:
        n, given = len(predictions.answers), stated(predictions)
        if given is None:
            return np.full((n, 2), np.nan)
        surprise = -np.log(np.clip(np.nan_to_num(given.gold, nan=0.0), LEAST, 1.0))
        return np.column_stack([surprise, np.ones(n)])

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])
