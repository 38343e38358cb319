"""Mean over the labels of the share that was found: a rare label weighs as much as a common one."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions, label_counts


@dataclass
class Metric(MetricLike):
    """Mean recall over the labels that occur among the right answers (Brodersen et al. 2010, ICPR; as scikit-learn).

    An unscored answer counts as wrong and lowers the recall of its label.
    """

    reads = "labels"

    def statistics(self, predictions: Predictions) -> Floats:
        return label_counts(predictions)[:, : 2 * len(predictions.labels)]

    def value(self, sums: Floats) -> Floats:
        hits, gold = np.moveaxis(sums.reshape(*sums.shape[:-1], 2, -1), -2, 0)
        return ratio(ratio(hits, gold, otherwise=0.0).sum(-1), (gold > 0).sum(-1))
