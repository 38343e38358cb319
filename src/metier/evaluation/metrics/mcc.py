"""Correlation of right and given labels: 1 is perfect, 0 is no better than chance whatever the shares of the labels."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions, label_counts


@dataclass
class Metric(MetricLike):
    """Matthews correlation coefficient for any number of labels (Gorodkin 2004, Comput. Biol. Chem. 28).

    An unscored answer counts as a label of its own, which is never right. Zero where all right or all
    given labels are the same, as in scikit-learn: such answers tell nothing apart.
    """

    unit = "correlation"
    reads = "labels"

    def statistics(self, predictions: Predictions) -> Floats:
        size = len(predictions.labels)
        counts = label_counts(predictions)
        hits = counts[:, :size].sum(1)
        return np.column_stack([hits, np.ones(len(hits)), counts[:, size:]])

    def value(self, sums: Floats) -> Floats:
        hits, n = sums[..., 0], sums[..., 1]
        gold, chosen = np.moveaxis(sums[..., 2:].reshape(*sums.shape[:-1], 2, -1), -2, 0)
        unscored = n - chosen.sum(-1)
        covariance = hits * n - (gold * chosen).sum(-1)
        spread_gold = n * n - (gold * gold).sum(-1)
        spread_chosen = n * n - (chosen * chosen).sum(-1) - unscored * unscored
        return ratio(covariance, np.sqrt(spread_gold * spread_chosen), otherwise=0.0)
