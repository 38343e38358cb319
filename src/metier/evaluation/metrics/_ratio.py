"""Division for metrics: a bootstrap draw may leave nothing to divide by."""

import numpy as np

from metier.evaluation.predictions import Floats


def ratio(top: Floats, bottom: Floats, otherwise: float = np.nan) -> Floats:
    """top / bottom, and `otherwise` where the bottom is zero; without a warning."""
    top, bottom = np.broadcast_arrays(top, bottom)
    filled = np.full(top.shape, otherwise, dtype=float)
    np.divide(top, bottom, out=filled, where=bottom != 0)
    return filled
