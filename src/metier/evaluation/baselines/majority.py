"""The baseline that does not look: always the most common training label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.data.records import Question
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, most_common, no_model
from metier.evaluation.baseline_state import BaselineState, read_state, refuse_another, write_state
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, Score, answered


@dataclass
class Baseline(BaselineLike):
    """Always the most common training label; its probabilities are the labels' shares of the training rows."""

    version = 1

    def fit(self, context: BaselineContext) -> "FittedMajority":
        answers = [row.answer for row in context.rows]
        counts = Counter(answers)
        shares = tuple(round(counts[label] / len(answers), 6) for label in context.labels)
        state = MajorityState(
            version=self.version, labels=tuple(context.labels), majority=most_common(answers), shares=shares
        )
        return FittedMajority(state, context.benchmark)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedMajority":
        state = read_state(folder, MajorityState, self.version)
        refuse_another(folder, "label set", list(state.labels), list(labels))
        return FittedMajority(state, benchmark)


class MajorityState(BaselineState):
    """What was learned."""

    labels: tuple[str, ...]
    majority: str
    shares: tuple[float, ...]
    """Of the training rows, one a label."""


@dataclass(frozen=True)
class FittedMajority(FittedBaseline):
    """Always one label."""

    state: MajorityState
    benchmark: Benchmark

    name = "the most common label"

    @property
    def majority(self) -> str:
        return self.state.majority

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Prediction:
        label = self.state.majority
        score = Score(float(question.answer == label) if question.answer else None, label)
        return answered(question, self.benchmark.render(question), score, probabilities=self.state.shares)

    def save(self, folder: Path) -> list[str]:
        return write_state(folder, self.state, {})
