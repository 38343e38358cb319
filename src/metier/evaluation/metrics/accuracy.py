"""Share of the questions answered right; an unscored answer counts as wrong."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Accuracy, between 0 and 1, as in scikit-learn. An unscored answer counts as wrong."""

    share_of_right = True

    def statistics(self, predictions: Predictions) -> Floats:
        return np.column_stack([predictions.right, np.ones(len(predictions.right))]).astype(float)

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]
