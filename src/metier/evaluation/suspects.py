"""Test questions whose recorded label looks wrong: neither the tuned model nor the baseline believes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.evaluation.answers import TUNED, Answers
from metier.evaluation.predictions import Floats
from metier.evaluation.scoring import Prediction

UNLIKELY = 0.05
"""The highest probability that either model may give to the recorded label. docs/labels.md has what the list holds."""


@dataclass(frozen=True)
class Suspect:
    """A test question whose recorded label looks wrong."""

    question: int
    """Its row in samples.parquet, counted from 0."""
    label: str
    """As it is recorded."""
    suggestion: str
    """Of the other labels the one that both models together find likeliest."""
    score: float
    """How certain it is, up to 1: one less the higher of both probabilities of the recorded label."""


def suspects(answers: Answers, benchmark: str) -> list[Suspect]:
    """The suspect questions of a benchmark, the most certain first; none where it has no baseline, or its answers have
    no probabilities."""
    return suspects_of(answers.of(TUNED, benchmark), answers.baseline(benchmark), answers.labels(benchmark))


def suspects_of(
    tuned: Sequence[Prediction], baseline: Sequence[Prediction], labels: Sequence[str], most: float = UNLIKELY
) -> list[Suspect]:
    """The questions to which both models answer otherwise than recorded, and give the recorded label a probability of
    at most `most`."""
    # Not by the certainty of their answer: the recorded label's own probability ranks better. docs/labels.md
    found = []
    for number, (one, other) in enumerate(zip(tuned, baseline, strict=False)):
        options = list(one.options or labels)
        shares = [share for answer in (one, other) if (share := _shares(answer, options)) is not None]
        if len(shares) < 2 or one.gold not in options:
            continue
        recorded = options.index(one.gold)
        own = max(float(share[recorded]) for share in shares)
        if own > most or any(share.argmax() == recorded for share in shares):
            continue
        together = np.sum(shares, 0)
        together[recorded] = -1.0
        found.append(Suspect(number, one.gold, options[int(together.argmax())], 1 - own))
    return sorted(found, key=lambda suspect: -suspect.score)


def _shares(answer: Prediction, options: Sequence[str]) -> Floats | None:
    """(k,) the probability of each label or option; None where the answer has none."""
    if answer.probabilities is None or len(answer.probabilities) != len(options):
        return None
    return np.array(answer.probabilities)
