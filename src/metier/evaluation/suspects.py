"""Test questions whose recorded answer looks wrong: the tuned model and the baseline both give the same other one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.evaluation.answers import TUNED, Answers
from metier.evaluation.scoring import Prediction

SURE = 0.5
"""The least certainty of the less certain of the two: both think the other label likelier than all others together."""


@dataclass(frozen=True)
class Suspect:
    """A test question whose recorded label looks wrong."""

    question: int
    """Its number among the benchmark's questions, counted from 0, which is its row in samples.parquet."""
    label: str
    """As it is recorded."""
    suggestion: str
    """What both models answer."""
    score: float
    """How sure they are of it, from 0 to 1."""


def suspects(answers: Answers, benchmark: str) -> list[Suspect]:
    """The suspect questions of a benchmark, the surest first; none where it has no baseline or no probabilities."""
    return suspects_of(answers.of(TUNED, benchmark), answers.baseline(benchmark), answers.labels(benchmark))


def suspects_of(
    tuned: Sequence[Prediction], baseline: Sequence[Prediction], labels: Sequence[str], least: float = SURE
) -> list[Suspect]:
    """The questions that both models answer alike and otherwise than recorded, with a certainty of `least` or more."""
    found = []
    for number, (one, other) in enumerate(zip(tuned, baseline, strict=False)):
        first, second = _shares(one, labels), _shares(other, labels)
        if first is None or second is None or len(first) != len(second):
            continue
        options = one.options or labels
        likeliest = int(first.argmax())
        if likeliest != second.argmax() or options[likeliest] == one.gold:
            continue
        if (score := float(min(first[likeliest], second[likeliest]))) >= least:
            found.append(Suspect(number, one.gold, options[likeliest], score))
    return sorted(found, key=lambda suspect: -suspect.score)


def _shares(answer: Prediction, labels: Sequence[str]) -> np.ndarray | None:
    """(k,) the probability of each label or option; None where the answer has none."""
    if answer.probabilities is None or len(answer.probabilities) != len(answer.options or labels):
        return None
    return np.array(answer.probabilities)
