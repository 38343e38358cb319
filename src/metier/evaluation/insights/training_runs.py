"""How far the result depends on the training run."""

import numpy as np

from metier.evaluation.insight import Insight, InsightContext, number

WHAT = "Training runs"


def rows(context: InsightContext) -> list[Insight]:
    """The number of training runs, and how far apart their figures are."""
    values = context.seeds
    if len(values) < 2:
        note = (
            f"One run, seed {context.seed}. Another seed gives slightly different figures: see `metier run --seeds 3`."
        )
        return [Insight(WHAT, 1, note)]
    title, metric = context.metric
    unit = metric.unit if metric.unit == "share" else ""
    spread = f"{number(min(values), unit)} to {number(max(values), unit)}"
    return [Insight(WHAT, len(values), f"{title} {number(float(np.mean(values)), unit)} on average, {spread}.")]
