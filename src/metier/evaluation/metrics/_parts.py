"""The counts that a scorer leaves in an answer's `parts`."""

import numpy as np

from metier.errors import UserError
from metier.evaluation.predictions import Floats, Predictions


def parts(predictions: Predictions, *names: str, unscored: float | None = None) -> Floats:
    """(n, names): the named counts of each answer; `unscored` for unscored answers, which have none.

    Raises `UserError` where they are missing otherwise: the benchmark's scorer does not fit its metric.
    """
    table = np.empty((len(predictions.answers), len(names)))
    for position, answer in enumerate(predictions.answers):
        given = answer.parts or {}
        missing = [name for name in names if name not in given]
        if missing and (unscored is None or answer.value is not None):
            raise UserError(
                f"A metric needs the count '{missing[0]}' of every answer, and question {answer.id} has none. "
                "Use a scorer that counts it: `fields` for hits, wanted, given, valid and exact; `loss` for bytes."
            )
        table[position] = [given.get(name, unscored) for name in names]
    return table
