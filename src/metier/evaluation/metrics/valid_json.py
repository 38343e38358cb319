"""Share of the answers that a program could read."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._parts import parts
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Mean of `valid`, which the scorer `fields` counts; an unscored answer is not valid."""

    # A share, but not of right answers: McNemar's test would count other questions than this figure does.
    reads = "fields"

    part = "valid"

    def statistics(self, predictions: Predictions) -> Floats:
        return np.column_stack([parts(predictions, self.part, unscored=0.0), np.ones(len(predictions.answers))])

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])
