"""Mean negative log-likelihood of text, in nats a token."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Summed loss over summed tokens, so that a long text weighs more than a short one (cross-entropy, as
    transformers' causal models report it). A text whose loss is no number leaves no figure at all."""

    higher_is_better = False
    unit = "nats a token"
    reads = "losses"

    def statistics(self, predictions: Predictions) -> Floats:
        return np.column_stack([predictions.value, predictions.weight])

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]
