"""How much of the right text an answer says in the right order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.evaluation.metrics._ratio import ratio
from metier.evaluation.predictions import Floats, MetricLike, Predictions


@dataclass
class Metric(MetricLike):
    """Mean ROUGE-L: F1 of the longest common run of words, gaps allowed (Lin 2004, ACL workshop).

    An unscored answer counts as 0.
    """

    # By hand: `rouge-score` brings absl-py and nltk for these ten lines, and its pattern of words keeps ASCII only.

    def statistics(self, predictions: Predictions) -> Floats:
        values = [0.0 if a.answer is None else rouge_l(words(a.answer), words(a.gold)) for a in predictions.answers]
        return np.column_stack([values, np.ones(len(values))])

    def value(self, sums: Floats) -> Floats:
        return ratio(sums[..., 0], sums[..., 1])


def words(text: str) -> list[str]:
    """Runs of letters and digits in small letters, without stemming."""
    return re.findall(r"[^\W_]+", text.casefold())


def rouge_l(given: Sequence[str], wanted: Sequence[str]) -> float:
    """F1 of the longest common subsequence; two empty texts have nothing in common."""
    total = len(given) + len(wanted)
    return 2 * longest_common(given, wanted) / total if total else 0.0


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a whole row of the table in one integer (Hyyrö 2004, AWOCA)."""
    where: dict[str, int] = {}
    for position, word in enumerate(first):
        where[word] = where.get(word, 0) | 1 << position
    everywhere = (1 << len(first)) - 1
    row = everywhere
    for word in second:
        match = row & where.get(word, 0)
        row = ((row + match) | (row - match)) & everywhere
    return len(first) - row.bit_count()
