"""How often the right answer is among the likeliest few."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions
from metier.recipes.settings import PositiveCount


@dataclass
class Metric(MetricLike):
    """Share of questions whose right answer is among the `k` likeliest (GTPA@k of DDXPlus, Fansi Tchango et al. 2022);
    answers as likely as the right one stand before it.

    An answer without probabilities among others that have them is wrong.
    """

    k: PositiveCount = 3
    """So many of the likeliest answers are looked at."""

    reads = "probabilities"

    def statistics(self, predictions: Predictions) -> Floats:
        n, given = len(predictions.answers), stated(predictions)
        if given is None:
            return np.full((n, 2), np.nan)
        # NaN, an answer without probabilities, is like none of them.
        before = [
            np.count_nonzero(np.array(answer.probabilities or ()) >= gold) - 1
            for answer, gold in zip(predictions.answers, given.gold, strict=True)
        ]
        found = (np.array(before) < self.k) & ~np.isnan(given.gold)
        return np.column_stack([found, np.ones(n)]).astype(float)

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])
