"""How surprised the model is by a text: the summed loss of its tokens."""

import math
from collections.abc import Sequence
from typing import Any

from metier.records import Question
from metier.scorers import Answer, prompt_hash


class Scorer:
    """Negative log-likelihood of the rendered text, in nats; `weight` is the number of predicted tokens."""

    version = 1

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> "LossAsking":
        return LossAsking(model, benchmark, questions)


class LossAsking:
    """All texts of one benchmark before one model."""

    def __init__(self, model: Any, benchmark: Any, questions: Sequence[Question]) -> None:
        self.questions = questions
        self.texts = [question.render(benchmark.prompt) for question in questions]
        self.losses = model.losses([model.encode(text) for text in self.texts])
        self.batches: list[list[int]] = self.losses.batches

    def answer(self, batch: list[int]) -> list[Answer]:
        pairs = list(zip(batch, self.losses.score(batch), strict=True))
        for position, (nats, _) in pairs:
            if not math.isfinite(nats):
                raise FloatingPointError(f"question {self.questions[position].id}: loss {nats}")
        return [
            Answer(
                id=self.questions[position].id,
                prompt=self.texts[position],
                prompt_hash=prompt_hash(self.texts[position]),
                answer=None,
                gold="",
                value=nats,
                weight=tokens,
                group=self.questions[position].group,
            )
            for position, (nats, tokens) in pairs
        ]
