"""The answer is the label that the model finds likeliest, out of one set for all questions."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.data.records import Question
from metier.evaluation.scorers.choice import ChoiceSession
from metier.evaluation.scorers.choice import Scorer as Choice
from metier.evaluation.scoring import BenchmarkLike, ModelLike


@dataclass
class Scorer(Choice):
    """As `choice`, with the benchmark's label set behind every question."""

    version = Choice.version + 1
    chooses = True
    baseline = "tfidf"

    def ask(
        self, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question], labels: Sequence[str]
    ) -> ChoiceSession:
        return ChoiceSession(self, model, benchmark, questions, [labels] * len(questions))

    def misfit(self, question: Question) -> str | None:
        return None  # the options are the benchmark's labels, which are looked at as a whole
