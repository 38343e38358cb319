"""Which of two answers does the model find likelier: the one that was preferred?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.scorers._room import fitted
from metier.evaluation.scoring import UNSCORED, BenchmarkLike, ModelLike, Prediction, Score, ScorerLike, answered, same

NO_PAIR = (
    "is no pair of two different answers, of which one was preferred: the scorer `preference` needs rows with `chosen` "
    "and `rejected`"
)


@dataclass
class Scorer(ScorerLike):
    """Log-likelihood of both answers after the question, each with its end token.

    Nothing depends on which of them stands first. Two that are exactly as likely are unscored: the model prefers
    neither.
    """

    length: Literal["token", "none"] = "token"
    """How the length of answers is corrected for: `token` (the mean of their tokens, as SimPO trains; Meng et al. 2024)
    or `none` (the sum, by which the shorter answer nearly always wins)."""

    version = 1
    gives = ("probabilities",)
    baseline = "longer_answer"

    def ask(
        self, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question], labels: Sequence[str]
    ) -> "PreferenceSession":
        return PreferenceSession(self, model, benchmark, questions)

    def judge(self, completion: str, question: Question) -> Score:
        return same(completion, question.answer)

    def ends(self, options: list[list[int]]) -> bool:
        """As `choice` says it; here the end token always belongs to an answer."""
        return True

    def length_adjustment(self) -> str:
        return self.length

    def misfit(self, question: Question) -> str | None:
        return None if others(question) else NO_PAIR


class PreferenceSession:
    """All questions of one benchmark before one model."""

    def __init__(
        self, scorer: Scorer, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question]
    ) -> None:
        for question in questions:
            if not others(question):
                raise UserError(f"Question {question.id} {NO_PAIR}.")
        self.questions, self.per_token, chat_template = questions, scorer.length == "token", benchmark.chat_template
        read = [model.read(benchmark.render(question), chat_template) for question in questions]
        self.prompts = [text for text, _ in read]
        # With the end token, as it was trained: where an answer ends is part of it.
        answers = [
            [[*model.answer(o, chat_template), model.end_token] for o in question.options] for question in questions
        ]
        self.tokens = [[len(answer) for answer in pair] for pair in answers]
        ids, room = [question.id for question in questions], [max(lengths) for lengths in self.tokens]
        prompts, self.truncated = fitted(model, benchmark, ids, [tokens for _, tokens in read], room)
        self.scores = model.options(prompts, answers)
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
        score = Score(float(preferred == question.answer), preferred) if fair[0] != fair[1] else UNSCORED
        shifted = np.exp(fair - fair.max())
        return answered(
            question,
            self.prompts[position],
            score,
            probabilities=tuple(round(float(p), 6) for p in shifted / shifted.sum()),
            log_likelihoods=tuple(round(float(nats), 5) for nats in log_likelihoods),
            options=question.options,
        )


def others(question: Question) -> tuple[str, ...]:
    """The answer that was not preferred; empty where the question is no pair."""
    others = tuple(option for option in question.options if option != question.answer)
    return others if len(question.options) == 2 and len(others) == 1 else ()
