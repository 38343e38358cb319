"""Precision and recall of the labels that matter, in one figure."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from metier.errors import shown
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Micro-averaged F1 over some labels; with one label its own F1 (van Rijsbergen 1979; as scikit-learn's `labels`).

    An unscored answer is a miss where a named label was right, and a false alarm for none.
    """

    positive: list[str]
    """The labels that count, such as [fraud]; all others are "none of these"."""

    reads = "labels"

    def problems(self) -> list[str]:
        if twice := [label for label, count in Counter(self.positive).items() if count > 1]:
            return [f"positive: {shown(twice[0])} is listed twice."]
        return [] if self.positive else ["positive: name at least one label."]

    def statistics(self, predictions: Predictions) -> Floats:
        named = [predictions.index(label) for label in self.positive]
        wanted, given = np.isin(predictions.gold, named), np.isin(predictions.predicted, named)
        hits = wanted & (predictions.predicted == predictions.gold)
        return np.column_stack([hits, wanted, given]).astype(float)

    def value(self, sums: Floats) -> Floats:
        # NaN where a draw has none of the labels, neither wanted nor given; scikit-learn warns and says 0.
        return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])
