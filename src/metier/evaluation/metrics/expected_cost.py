"""What the answers cost: the mean price of their mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metier.evaluation import costs as prices
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Mean cost of an answer (cost-sensitive classification, Elkan 2001, IJCAI); 0 where all are right.

    An unscored answer costs as much as the most expensive mistake with that right label.
    """

    costs: dict[str, float] = field(default_factory=dict)
    """What a mistake costs: `right -> predicted`, miss_LABEL or false_LABEL; any other mistake costs 1."""

    higher_is_better = False
    unit = "cost an answer"
    reads = "labels"
    prices_mistakes = True

    def problems(self) -> list[str]:
        return prices.cost_problems(self.costs)

    def decide(self, probabilities: Floats, labels: Sequence[str]) -> NDArray[np.int64]:
        """(n, labels) probabilities -> (n,) the label of least expected cost: what the baseline says where this
        metric decides, since a model may have learned the prices too (`min_risk`)."""
        return prices.decide(probabilities, prices.matrix(labels, self.costs))

    def statistics(self, predictions: Predictions) -> Floats:
        table = prices.matrix(predictions.labels, self.costs)
        paid = table[predictions.gold, predictions.predicted]
        unscored = predictions.predicted < 0
        paid[unscored] = table.max(1)[predictions.gold[unscored]]
        return np.column_stack([paid, np.ones(len(paid))])

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]
