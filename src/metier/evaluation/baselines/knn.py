"""The baseline that looks up: the answers of the training rows that are most like the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from metier.data.records import Question
from metier.data.representativeness import static_embeddings
from metier.errors import UserError
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, most_common, no_model
from metier.evaluation.baseline_state import BaselineState, damaged, read_state, refuse_another, write_state
from metier.evaluation.baselines._neighbors import Neighbors, text_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import Floats, MetricLike
from metier.evaluation.scoring import Prediction, Score, answered
from metier.recipes import plugins
from metier.runs.files import file_sha256, fingerprint

AT_A_TIME = 512
"""Questions whose likeness to all rows is in memory at once."""


@dataclass
class Baseline(BaselineLike):
    """The nearest training rows vote, each by how much it is like the question (cosine)."""

    neighbors: Annotated[int, Interval(ge=1, le=1_000)] = 5
    """How many training rows vote."""
    embeddings: str | None = None
    """Folder of static embeddings (model2vec: model.safetensors, tokenizer.json); left out: TF-IDF of words."""

    version = 1

    def ready(self) -> list[str]:
        return static_embeddings.problems(self.embeddings) if self.embeddings else []

    def fingerprint(self) -> str:
        if not self.embeddings:
            return ""
        folder = Path(self.embeddings).expanduser()
        files = [folder / name for name in (static_embeddings.WEIGHTS, static_embeddings.TOKENIZER)]
        return fingerprint([file_sha256(file) for file in files]) if all(map(Path.is_file, files)) else "missing"

    def fit(self, context: BaselineContext) -> "FittedKnn":
        prices = context.benchmark.metrics[0] if context.metric.prices_mistakes else None
        state = KnnState(
            version=self.version,
            prompt=context.benchmark.prompt,
            labels=tuple(context.labels),
            majority=most_common([row.answer for row in context.rows]),
            texts=tuple(text_of(row, context.benchmark.prompt) for row in context.rows),
            answers=tuple(row.answer for row in context.rows),
            neighbors=self.neighbors,
            embeddings=self.embeddings,
            embeddings_sha256=self.fingerprint(),
            metric=prices,
        )
        return _fitted(state)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedKnn":
        state = read_state(folder, KnnState, self.version)
        refuse_another(folder, "prompt", state.prompt, benchmark.prompt)
        refuse_another(folder, "label set", list(state.labels), list(labels))
        if len(state.texts) != len(state.answers) or not set(state.answers) <= set(state.labels):
            raise damaged(folder, "its texts and answers do not fit together")
        if state.embeddings_sha256 != self.fingerprint():
            raise UserError(
                f"The embeddings in {self.embeddings} are not those that the baseline in {folder} was made with. Put "
                "them back, or run `metier evaluate` on its run to make it again."
            )
        return _fitted(state)


class KnnState(BaselineState):
    """The rows that vote. What they are compared by follows from them."""

    prompt: str
    labels: tuple[str, ...]
    majority: str
    texts: tuple[str, ...]
    answers: tuple[str, ...]
    neighbors: int
    embeddings: str | None
    embeddings_sha256: str
    metric: str | dict[str, dict[str, Any] | None] | None
    """The metric whose prices decide which label is said; null: the likeliest label is said."""


def _fitted(state: KnnState) -> "FittedKnn":
    metric = plugins.build("metrics", *plugins.named(state.metric)) if state.metric else None
    return FittedKnn(state, metric)


@dataclass(frozen=True, eq=False)
class FittedKnn(FittedBaseline):
    """Rows that vote."""

    state: KnnState
    metric: MetricLike | None

    @property
    def name(self) -> str:
        by = "static embeddings" if self.state.embeddings else "TF-IDF"
        return f"nearest neighbors with {by}"

    @property
    def majority(self) -> str:
        return self.state.majority

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        state, shares = self.state, self.probabilities(questions)
        decided = self.metric.decide(shares, state.labels) if self.metric else shares.argmax(1)
        return [
            answered(
                question,
                question.render(state.prompt),
                Score(float(state.labels[at] == question.answer) if question.answer else None, state.labels[at]),
                probabilities=tuple(round(float(share), 6) for share in row),
            )
            for question, at, row in zip(questions, decided, shares, strict=True)
        ]

    def probabilities(self, questions: Sequence[Question]) -> Floats:
        """(questions, labels): the share of the votes; where no row is like the question at all, all rows vote."""
        state = self.state
        labels = {label: number for number, label in enumerate(state.labels)}
        given = np.array([labels[answer] for answer in state.answers])
        prior = np.bincount(given, minlength=len(labels)) / len(given)
        shares = np.zeros((len(questions), len(labels)))
        for begin in range(0, len(questions), AT_A_TIME):
            texts = [text_of(question, state.prompt) for question in questions[begin : begin + AT_A_TIME]]
            places, alike = self._neighbors.nearest(texts, state.neighbors)
            for row, (found, weights) in enumerate(zip(places, np.maximum(alike, 0.0), strict=True), start=begin):
                votes = np.bincount(given[found], weights, minlength=len(labels))
                shares[row] = votes / votes.sum() if votes.sum() > 0 else prior
        return shares

    def save(self, folder: Path) -> list[str]:
        return write_state(folder, self.state, {})

    @cached_property
    def _neighbors(self) -> Neighbors:
        return Neighbors(self.state.texts, self.state.embeddings)
