"""The baseline of preferences: the longer of two answers."""

from dataclasses import dataclass

import numpy as np

from metier.data.records import Question
from metier.evaluation.baseline import BaselineAnswers, BaselineContext
from metier.evaluation.scorers.preference import others
from metier.evaluation.scoring import UNSCORED, Score, answered


@dataclass
class Baseline:
    """The longer of two answers, in characters, or the shorter one where that was preferred in more of the training
    pairs. Two answers of one length are unscored."""

    version = 1

    def answer(self, context: BaselineContext) -> BaselineAnswers:
        sign = 1 if sum(np.sign(_longer_by(question)) for question in context.rows) >= 0 else -1
        answers = []
        for question in context.questions:
            longer_by, other = sign * _longer_by(question), others(question)[0]
            prefers = Score(1.0, question.answer) if longer_by > 0 else Score(0.0, other)
            score = prefers if longer_by else UNSCORED
            answers.append(answered(question, context.benchmark.render(question), score, options=question.options))
        return BaselineAnswers(f"the {'longer' if sign > 0 else 'shorter'} answer", answers)


def _longer_by(question: Question) -> int:
    """Characters by which the preferred answer is longer than the other."""
    return len(question.answer) - len(others(question)[0])
