"""Between how many equally likely tokens the model feels it has to choose."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics.loss import Metric as Loss
from metier.evaluation.predictions import Floats


@dataclass
class Metric(Loss):
    """exp of summed loss over summed tokens (Jelinek et al. 1977, JASA 62), so that a long text weighs more.

    Comparable between models of one tokenizer only; see `bits_per_byte`. An unscored text leaves no
    figure (NaN): without it the figure would be that of another, perhaps easier, set of texts.
    """

    unit = "choices a token"

    def value(self, sums: Floats) -> Floats:
        return np.exp(super().value(sums))
