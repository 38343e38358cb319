"""Share of the questions answered right; an answer that could not be judged is not right."""

import numpy as np

from metier.metrics import Floats, Outcomes


class Metric:
    """Accuracy, between 0 and 1."""

    higher_is_better = True
    unit = "share"

    def statistics(self, outcomes: Outcomes) -> Floats:
        right = (outcomes.predicted >= 0) & (outcomes.predicted == outcomes.gold)
        return np.column_stack([right, np.ones(len(right))]).astype(float)

    def value(self, sums: Floats) -> Floats:
        return sums[..., 0] / sums[..., 1]
