"""What the answers cost: the mean price of their mistakes."""

from dataclasses import dataclass, field

import numpy as np

from metier import costs as prices
from metier.metrics import Floats, Outcomes


@dataclass
class Metric:
    """Mean cost of an answer (cost-sensitive classification, Elkan 2001, IJCAI); 0 where all are right.

    An answer that could not be judged costs as much as the dearest mistake with that right label.
    """

    costs: dict[str, float] = field(default_factory=dict)
    """What a mistake costs: `right -> said`, miss_LABEL or false_LABEL; 1 where nothing is said."""

    higher_is_better = False
    unit = "cost an answer"
    share_of_right = False
    reads = "labels"

    def statistics(self, outcomes: Outcomes) -> Floats:
        table = prices.matrix(outcomes.labels, self.costs)
        found = table[outcomes.gold, outcomes.predicted]
        unjudged = outcomes.predicted < 0
        found[unjudged] = table.max(1)[outcomes.gold[unjudged]]
        return np.column_stack([found, np.ones(len(found))])

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]
