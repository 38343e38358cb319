"""How good the most confident answers are when the least confident ones are sent to human review."""

import numpy as np

from metier.evaluation.insight import Insight, InsightContext, measured, number, within
from metier.evaluation.metrics._probabilities import stated
from metier.evaluation.metrics.accuracy_at_coverage import Metric
from metier.evaluation.stats import effective_clusters, wilson

COVERAGE = 0.8
RIGHT = f"Accuracy on the {100 * COVERAGE:.0f} % most confident answers"
REVIEW = "Sent to human review"


def rows(context: InsightContext) -> list[Insight]:
    """Two rows: accuracy at 80 % coverage (Geifman & El-Yaniv 2017, NeurIPS), and what the other 20 % contain."""
    given = stated(context.tuned)
    if given is None or not context.right_or_wrong:
        return [Insight(RIGHT, None, "These answers have no probabilities, so they cannot be ranked by confidence.")]
    n, wrong = len(context.tuned.gold), int((~context.tuned.right).sum())
    accuracy = measured(Metric(COVERAGE), context.tuned, context.seed)
    kept = COVERAGE * n
    if accuracy.value in (0, 1):  # all bootstrap draws are equal here, so their interval would have no width
        clusters = effective_clusters(np.unique(context.tuned.groups, return_inverse=True)[1])
        accuracy = wilson(round(accuracy.value * COVERAGE * clusters), round(COVERAGE * clusters))
    caught = max(0.0, wrong - kept * (1 - accuracy.value))
    edge = np.sort(np.nan_to_num(given.confidence))[::-1][max(0, round(kept) - 1)]
    sent, below = n - round(kept), int((np.nan_to_num(given.confidence) < edge).sum())
    who, ties = "those", ""
    if below < sent:
        who, ties = f"{below:,}", f" and {sent - below:,} equal to it"
    note = (
        f"{sent:,} of {n:,} answers: {who} with a probability below {edge:.3f}{ties} (taken from this test; choose "
        "your own threshold on other rows)"
    )
    held = f". They contain {100 * caught / wrong:.0f} % of its mistakes." if wrong else ". It made no mistake."
    return [
        Insight(
            RIGHT,
            accuracy.value,
            f"{within(accuracy, 'share')}; all answers {number(1 - wrong / n, 'share')}.",
            "share",
        ),
        Insight(REVIEW, sent / n, f"{note}{held}", "share"),
    ]
