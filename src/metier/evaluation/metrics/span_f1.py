"""Precision and recall of the pieces of information that an answer should hold."""

from dataclasses import dataclass

from metier.evaluation.metrics._parts import parts
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Micro-averaged F1 over all items of all answers (Tjong Kim Sang & De Meulder 2003, CoNLL).

    An unscored answer gives nothing and misses all that was wanted; its scorer must count that.
    """

    reads = "fields"

    def statistics(self, predictions: Predictions) -> Floats:
        return parts(predictions, "hits", "wanted", "given")

    def value(self, sums: Floats) -> Floats:
        return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])
