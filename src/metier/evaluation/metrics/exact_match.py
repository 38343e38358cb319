"""Share of free answers that are right word for word, as their scorer compares them."""

from dataclasses import dataclass

from metier.evaluation.metrics.accuracy import Metric as Accuracy


@dataclass
class Metric(Accuracy):
    """Exact match (Rajpurkar et al. 2016, EMNLP): accuracy under the name that free text has for it.

    The scorer says what is the same (`generate`: white space and case aside). An unscored answer counts as wrong.
    """
