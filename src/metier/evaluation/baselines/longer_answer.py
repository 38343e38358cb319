"""The baseline of preferences: the longer of two answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from metier.data.records import Question
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, no_model
from metier.evaluation.baseline_state import BaselineState, read_state, write_state
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scorers.preference import others
from metier.evaluation.scoring import UNSCORED, Prediction, Score, answered


@dataclass
class Baseline(BaselineLike):
    """The longer of two answers, in characters, or the shorter one where that was preferred in more of the training
    pairs. Two answers of one length are unscored."""

    version = 1

    def fit(self, context: BaselineContext) -> "FittedLength":
        sign: Literal[1, -1] = 1 if sum(np.sign(_longer_by(question)) for question in context.rows) >= 0 else -1
        return FittedLength(LengthState(version=self.version, sign=sign), context.benchmark)

    def misfit(self, benchmark: Benchmark) -> str | None:
        if benchmark.build_scorer().baseline == "longer_answer":
            return None
        return "it chooses the longer of two answers, and the scorer is not `preference`"

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedLength":
        return FittedLength(read_state(folder, LengthState, self.version), benchmark)


class LengthState(BaselineState):
    """What was learned."""

    sign: Literal[1, -1]
    """1: the longer answer; -1: the shorter one."""


@dataclass(frozen=True)
class FittedLength(FittedBaseline):
    """Always the longer answer, or always the shorter one."""

    state: LengthState
    benchmark: Benchmark

    majority = None

    @property
    def name(self) -> str:
        return f"the {'longer' if self.state.sign > 0 else 'shorter'} answer"

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        answers = []
        for question in questions:
            longer_by, other = self.state.sign * _longer_by(question), others(question)[0]
            prefers = Score(1.0, question.answer) if longer_by > 0 else Score(0.0, other)
            score = prefers if longer_by else UNSCORED
            answers.append(answered(question, self.benchmark.render(question), score, options=question.options))
        return answers

    def save(self, folder: Path) -> list[str]:
        return write_state(folder, self.state, {})


def _longer_by(question: Question) -> int:
    """Characters by which the preferred answer is longer than the other."""
    return len(question.answer) - len(others(question)[0])
