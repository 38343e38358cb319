"""The answer is the label that the model finds likeliest, out of one set for all questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier.data.records import Question
from metier.evaluation.scorers.choice import ChoiceSession
from metier.evaluation.scorers.choice import Scorer as Choice


@dataclass
class Scorer(Choice):
    """As `choice`, with the benchmark's label set behind every question."""

    version = Choice.version + 1
    chooses = True

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> ChoiceSession:
        return ChoiceSession(self, model, benchmark, questions, [labels] * len(questions))

    def misfit(self, question: Question) -> str | None:
        return None  # the options are the benchmark's labels, which are looked at as a whole
