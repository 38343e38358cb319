"""How many bits the model needs to write down a byte of the text."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._parts import parts
from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Summed loss in bits over summed UTF-8 bytes (Gao et al. 2020, The Pile): comparable across tokenizers.

    An unscored text leaves no figure (NaN), as in `perplexity`.
    """

    higher_is_better = False
    unit = "bits a byte"
    reads = "losses"

    def statistics(self, predictions: Predictions) -> Floats:
        return np.column_stack([predictions.value / np.log(2), parts(predictions, "bytes", unscored=0.0)])

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])
