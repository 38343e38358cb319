"""If a person takes the answers of which the model is least sure: how good is the rest, and what does that hold?"""

import numpy as np

from metier.evaluation.insight import Insight, InsightContext, measured, number, within
from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics.accuracy_at_coverage import Metric
from metier.evaluation.stats import effective_clusters, wilson

COVERAGE = 0.8
RIGHT = f"Right in the {100 * COVERAGE:.0f} % of which it is surest"
TO_A_PERSON = "Goes to a person"


def rows(asked: InsightContext) -> list[Insight]:
    """Two rows: accuracy at 80 % coverage (Geifman & El-Yaniv 2017, NeurIPS), and what the other 20 % hold."""
    given = stated(asked.tuned)
    if given is None or not asked.right_or_wrong:
        return [Insight(RIGHT, None, "These answers have no probabilities, so nobody knows which are the sure ones.")]
    n, wrong = len(asked.tuned.gold), int((~asked.tuned.right).sum())
    found = measured(Metric(COVERAGE), asked.tuned, asked.seed)
    kept = COVERAGE * n
    if found.value in (0, 1):  # every draw gives the same, which is no proof that it is so
        clusters = effective_clusters(np.unique(asked.tuned.groups, return_inverse=True)[1])
        found = wilson(round(found.value * COVERAGE * clusters), round(COVERAGE * clusters))
    caught = max(0.0, wrong - kept * (1 - found.value))
    edge = np.sort(np.nan_to_num(given.confidence))[::-1][max(0, round(kept) - 1)]
    sent, below = n - round(kept), int((np.nan_to_num(given.confidence) < edge).sum())
    who = "those" if below == sent else f"{below:,}"
    ties = f" and {sent - below:,} of those as sure" if below < sent else ""
    note = (
        f"{sent:,} of {n:,}: {who} of which it is less sure than {edge:.3f}{ties} (read off this test; choose your "
        "own on other rows)"
    )
    held = f"; {100 * caught / wrong:.0f} % of its mistakes are among them." if wrong else "; it made no mistake."
    return [
        Insight(RIGHT, found.value, f"{within(found, 'share')}; of all {number(1 - wrong / n, 'share')}.", "share"),
        Insight(TO_A_PERSON, sent / n, note + held, "share"),
    ]
