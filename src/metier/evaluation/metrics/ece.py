"""Whether the model is right as often as it says it is."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval

from metier.evaluation.certainty import equal_mass
from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Expected calibration error over bins of equally many answers (Naeini et al. 2015, AAAI; Nixon et al. 2019).

    An answer without probabilities among others that have them is unscored and counts as wrong in full
    confidence. The figure of a perfect model is above zero in a small sample, and that of a bootstrap draw of it even
    more so: read the interval as a range of what such a sample shows, and use `brier` or `nll` to decide.
    """

    bins: Annotated[int, Interval(ge=1, le=1_000)] = 10
    """Number of groups of similar confidence. More show finer errors and more noise."""

    higher_is_better = False
    reads = "probabilities"

    def statistics(self, predictions: Predictions) -> Floats:
        n, given = len(predictions.answers), stated(predictions)
        if given is None:
            return np.full((n, self.bins + 1), np.nan)
        confidence = np.nan_to_num(given.confidence, nan=1.0)
        gaps = np.zeros((n, self.bins + 1))
        gaps[:, -1] = 1
        gaps[np.arange(n), equal_mass(confidence, self.bins)] = confidence - predictions.right
        return gaps

    def value(self, sums: Floats) -> Floats:
        return ratio(np.abs(sums[..., :-1]).sum(-1), sums[..., -1])
