"""How surprised the model is by a text: the summed loss of its tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metier.data.records import Question
from metier.evaluation.scoring import (
    UNSCORED,
    BenchmarkLike,
    ModelLike,
    Prediction,
    Questions,
    Score,
    ScorerLike,
    answered,
)


@dataclass
class Scorer(ScorerLike):
    """Negative log-likelihood of the rendered text, in nats; `weight` is the number of predicted tokens."""

    version = 3
    gives = ("losses",)

    def ask(
        self, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question], labels: Sequence[str]
    ) -> "LossSession":
        return LossSession(model, benchmark, questions)

    def judge(self, completion: str, question: Question) -> Score:
        return UNSCORED  # a text that the model wrote has no loss to compare


class LossSession:
    """All texts of one benchmark before one model; long ones are read in pieces, so that none is truncated."""

    truncated = 0

    def __init__(self, model: ModelLike, benchmark: BenchmarkLike, questions: Questions) -> None:
        self.questions = questions
        read = [model.read(benchmark.render(question), False) for question in questions]
        self.texts = [text for text, _ in read]
        self.losses = model.losses([tokens for _, tokens in read])
        self.batches: list[list[int]] = self.losses.batches

    def answer(self, batch: list[int]) -> list[Prediction]:
        return [self._line(p, *scored) for p, scored in zip(batch, self.losses.score(batch), strict=True)]

    def _line(self, position: int, nats: float, tokens: int) -> Prediction:
        question, text = self.questions[position], self.texts[position]
        if not math.isfinite(nats):
            raise FloatingPointError(f"question {question.id}: loss {nats}")
        size = {"bytes": float(len(text.encode()))}
        return answered(question, text, Score(nats, None, size), weight=float(tokens))
