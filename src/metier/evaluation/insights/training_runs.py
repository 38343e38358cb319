"""Is it luck of one training run?"""

import numpy as np

from metier.evaluation.insight import Insight, InsightContext, number

WHAT = "Training runs"


def rows(asked: InsightContext) -> list[Insight]:
    """How many runs stand behind the figures, and how far apart they are."""
    values = asked.seeds
    if len(values) < 2:
        note = f"Seed {asked.seed} alone. Another seed gives somewhat other figures; metier run --seeds 3 says how far."
        return [Insight(WHAT, 1, note)]
    title, metric = asked.metric
    unit = metric.unit if metric.unit == "share" else ""
    spread = f"{number(min(values), unit)} to {number(max(values), unit)}"
    return [Insight(WHAT, len(values), f"{title} {number(float(np.mean(values)), unit)} in the mean, {spread}.")]
