"""Mean over the labels of the harmonic mean of precision and recall."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.predictions import Floats, MetricLike, Predictions, label_counts


@dataclass
class Metric(MetricLike):
    """Macro-averaged F1 as in scikit-learn, over the labels that occur among right or given answers.

    An unscored answer is a miss of the right label and no false alarm of another.
    """

    reads = "labels"

    def statistics(self, predictions: Predictions) -> Floats:
        return label_counts(predictions)

    def value(self, sums: Floats) -> Floats:
        hits, gold, chosen = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
        occurring = gold + chosen > 0
        f1 = np.divide(2 * hits, gold + chosen, out=np.zeros_like(hits), where=occurring)
        result: Floats = f1.sum(-1) / occurring.sum(-1)
        return result
