"""F1 of each label, averaged by how often the label is the right answer."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions, label_counts


@dataclass
class Metric(MetricLike):
    """Weighted F1 as in scikit-learn (`average="weighted"`).

    An unscored answer is a miss for the right label and a false alarm for none.
    """

    reads = "labels"

    def statistics(self, predictions: Predictions) -> Floats:
        return label_counts(predictions)

    def value(self, sums: Floats) -> Floats:
        hits, gold, chosen = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
        f1 = ratio(2 * hits, gold + chosen, otherwise=0.0)
        return ratio((gold * f1).sum(-1), gold.sum(-1))
