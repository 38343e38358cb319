"""The answer is the label that the model finds likeliest, out of a fixed set."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.records import Question
from metier.scorers import Answer, prompt_hash


class Scorer:
    """Log-likelihood of every label behind the question (no free text, so a base model is not punished for chatting).

    Labels are compared by the sum of their tokens' log-probabilities, as lm-evaluation-harness does for `acc`. Where
    one label begins with another, the end token belongs to the answer, else the shorter one could not lose.
    """

    version = 1

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> "LabelAsking":
        return LabelAsking(model, benchmark, questions, labels)


class LabelAsking:
    """All questions of one benchmark before one model."""

    def __init__(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> None:
        self.questions, self.labels = questions, list(labels)
        self.prompts = [question.render(benchmark.prompt) for question in questions]
        options = [model.encode_answer(label) for label in self.labels]
        if _one_begins_another(options):
            options = [[*option, model.end_token] for option in options]
        self.options = model.options([model.encode(prompt) for prompt in self.prompts], options)
        self.batches: list[list[int]] = self.options.batches

    def answer(self, batch: list[int]) -> list[Answer]:
        return [
            self._judge(position, scores) for position, scores in zip(batch, self.options.score(batch), strict=True)
        ]

    def _judge(self, position: int, log_likelihoods: np.ndarray) -> Answer:
        if not np.isfinite(log_likelihoods).all():
            # A model that gives no numbers is broken, and must not look like one that answers wrong.
            raise FloatingPointError(f"question {self.questions[position].id}: log-likelihoods {log_likelihoods}")
        question, prompt = self.questions[position], self.prompts[position]
        shifted = np.exp(log_likelihoods - log_likelihoods.max())
        chosen = self.labels[int(log_likelihoods.argmax())]
        return Answer(
            id=question.id,
            prompt=prompt,
            prompt_hash=prompt_hash(prompt),
            answer=chosen,
            gold=question.answer,
            value=float(chosen == question.answer),
            probabilities=tuple(round(float(p), 6) for p in shifted / shifted.sum()),
            group=question.group,
        )


def _one_begins_another(options: list[list[int]]) -> bool:
    ordered = sorted(options)
    return any(longer[: len(shorter)] == shorter for shorter, longer in zip(ordered, ordered[1:], strict=False))
