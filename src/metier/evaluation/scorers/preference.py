"""Which of two answers does the model find likelier: the one that was preferred?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.scorers._room import fitted
from metier.evaluation.scoring import Prediction, Score, answered, same

NEITHER = Score(None, None)
NO_PAIR = (
    "is no pair of two different answers, of which one was preferred: the scorer `preference` needs rows with `chosen` "
    "and `rejected`"
)


@dataclass
class Scorer:
    """Log-likelihood of both answers behind the question, each with its end token.

    Nothing depends on which of them stands first. Two that are exactly as likely could not be judged: the model prefers
    neither.
    """

    length: Literal["token", "none"] = "token"
    """How the length of answers is made up for: `token` (the mean of their tokens, as SimPO trains; Meng et al. 2024)
    or `none` (the sum, by which the shorter answer nearly always wins)."""

    version = 1
    chooses = False
    gives = ("probabilities",)

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> "ScoringSession":
        return ScoringSession(self, model, benchmark, questions)

    def judge(self, said: str, question: Question) -> Score:
        return same(said, question.answer)

    def ends(self, options: list[list[int]]) -> bool:
        """As `choice` says it; here the end token always belongs to an answer."""
        return True

    def misfit(self, question: Question) -> str | None:
        return None if _others(question) else NO_PAIR

    def baseline(
        self, benchmark: Any, asked: Sequence[Question], learned: Sequence[Question]
    ) -> tuple[str, list[Prediction]]:
        """(what it is called, its answers): the longer of two answers, in characters, or the shorter one where that
        was preferred in more of the pairs learned from."""
        sign = 1 if sum(np.sign(_longer_by(question)) for question in learned) >= 0 else -1
        answers = []
        for question in asked:
            longer_by, other = sign * _longer_by(question), _others(question)[0]
            prefers = Score(1.0, question.answer) if longer_by > 0 else Score(0.0, other)
            judged = prefers if longer_by else NEITHER
            answers.append(answered(question, benchmark.render(question), judged, options=question.options))
        return f"the {'longer' if sign > 0 else 'shorter'} answer", answers


class ScoringSession:
    """All questions of one benchmark before one model."""

    def __init__(self, scorer: Scorer, model: Any, benchmark: Any, questions: Sequence[Question]) -> None:
        for question in questions:
            if not _others(question):
                raise UserError(f"Question {question.id} {NO_PAIR}.")
        self.questions, self.per_token, chat_template = questions, scorer.length == "token", benchmark.chat_template
        read = [model.read(benchmark.render(question), chat_template) for question in questions]
        self.prompts = [text for text, _ in read]
        # With the end token, as it was trained: where an answer ends is part of it.
        said = [
            [[*model.answer(o, chat_template), model.end_token] for o in question.options] for question in questions
        ]
        self.tokens = [[len(answer) for answer in pair] for pair in said]
        ids, room = [question.id for question in questions], [max(lengths) for lengths in self.tokens]
        prompts, self.truncated = fitted(model, benchmark, ids, [tokens for _, tokens in read], room)
        self.scores = model.options(prompts, said)
        self.batches: list[list[int]] = self.scores.batches

    def answer(self, batch: list[int]) -> list[Prediction]:
        return [self._judge(position, scores) for position, scores in zip(batch, self.scores.score(batch), strict=True)]

    def _judge(self, position: int, log_likelihoods: np.ndarray) -> Prediction:
        question = self.questions[position]
        if not np.isfinite(log_likelihoods).all():
            # A model that gives no numbers is broken, and must not look like one that answers wrong.
            raise FloatingPointError(f"question {question.id}: log-likelihoods {log_likelihoods}")
        fair = log_likelihoods / self.tokens[position] if self.per_token else log_likelihoods
        preferred = question.options[int(fair.argmax())]
        score = Score(float(preferred == question.answer), preferred) if fair[0] != fair[1] else NEITHER
        shifted = np.exp(fair - fair.max())
        return answered(
            question,
            self.prompts[position],
            score,
            probabilities=tuple(round(float(p), 6) for p in shifted / shifted.sum()),
            log_likelihoods=tuple(round(float(nats), 5) for nats in log_likelihoods),
            options=question.options,
        )


def _others(question: Question) -> tuple[str, ...]:
    """The answer that was not preferred; empty where the question is no pair."""
    others = tuple(option for option in question.options if option != question.answer)
    return others if len(question.options) == 2 and len(others) == 1 else ()


def _longer_by(question: Question) -> int:
    """Characters by which the preferred answer is longer than the other."""
    return len(question.answer) - len(_others(question)[0])
