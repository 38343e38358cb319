"""How often the model is right where it is surest, if somebody else takes the rest."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.certainty import equal_mass
from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions
from metier.recipes.settings import PositiveShare

BINS = 200
"""Steps of confidence. So many answers or fewer are each a step of its own, and the figure is exact."""


@dataclass
class Metric(MetricLike):
    """Accuracy on the most confident share of the answers (selective prediction: Geifman & El-Yaniv 2017, NeurIPS).

    An answer without probabilities among others that have them is unscored: it is wrong and ranked last.
    """

    coverage: PositiveShare = 0.8
    """The share of answers that the model keeps; the least confident others are sent to human review."""

    reads = "probabilities"

    def statistics(self, predictions: Predictions) -> Floats:
        n, given = len(predictions.answers), stated(predictions)
        if given is None:
            return np.full((n, 2), np.nan)
        confidence = np.nan_to_num(given.confidence, nan=0.0)
        step = equal_mass(confidence, BINS)
        counts = np.zeros((n, 2, int(step.max()) + 1))
        counts[np.arange(n), 0, step] = predictions.right
        counts[np.arange(n), 1, step] = 1
        return counts[..., ::-1].reshape(n, -1)  # the surest first

    def value(self, sums: Floats) -> Floats:
        right, n = np.moveaxis(sums.reshape(*sums.shape[:-1], 2, -1), -2, 0)
        kept = self.coverage * n.sum(-1, keepdims=True)
        # Of each step that part which still fits; within the last one the answers are equally sure, and any may go.
        part = np.clip(ratio(kept - (np.cumsum(n, -1) - n), n, otherwise=0.0), 0, 1)
        return ratio((part * right).sum(-1), kept[..., 0])
