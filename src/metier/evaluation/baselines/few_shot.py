"""The baseline without training: the base model, with solved training examples before each question."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

from annotated_types import Interval
from pydantic import BaseModel, ConfigDict

from metier.data.records import Question
from metier.evaluation.asking import answer_batch
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, no_model
from metier.evaluation.baseline_state import BaselineState, read_state, refuse_another, write_state
from metier.evaluation.baselines._neighbors import Neighbors, text_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import ModelLike, Prediction
from metier.runs.progress import Progress


@dataclass
class Baseline(BaselineLike):
    """The base model, with the k training examples that are most like the question (TF-IDF) solved before it."""

    examples: Annotated[int, Interval(ge=1, le=100)] = 4
    """How many solved examples stand before a question; fewer where the model's context is too short for them."""

    version = 1
    fast = False

    def misfit(self, benchmark: Benchmark) -> str | None:
        scorer = benchmark.build_scorer()
        if "losses" in scorer.gives or scorer.baseline == "longer_answer":
            return "it solves examples, and the scorer compares likelihoods of given texts"
        return None

    def fit(self, context: BaselineContext) -> "FittedFewShot":
        rows = tuple(Example.of(row, context.benchmark) for row in context.rows)
        state = FewShotState(version=self.version, prompt=context.benchmark.prompt, examples=self.examples, rows=rows)
        return FittedFewShot(state, context.benchmark, context.labels, context.load_model, context.progress)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedFewShot":
        state = read_state(folder, FewShotState, self.version)
        refuse_another(folder, "prompt", state.prompt, benchmark.prompt)
        return FittedFewShot(state, benchmark, labels, load_model, Progress())


class Example(BaseModel):
    """A training row as it stands solved before a question."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """What it is found by."""
    solved: str

    @classmethod
    def of(cls, row: Question, benchmark: Benchmark) -> "Example":
        """As `num_fewshot` of a benchmark writes its examples."""
        return cls(text=text_of(row, benchmark.prompt), solved=f"{row.render(benchmark.prompt)} {row.answer}\n\n")


class FewShotState(BaselineState):
    """The examples there are."""

    prompt: str
    examples: int
    rows: tuple[Example, ...]


@dataclass(frozen=True, eq=False)
class Prompted:
    """A benchmark whose questions have solved examples before them."""

    benchmark: Benchmark
    before: dict[str, str] = field(default_factory=dict)
    """Id of a question -> what stands before it."""

    @property
    def name(self) -> str:
        return self.benchmark.name

    @property
    def chat_template(self) -> bool:
        return self.benchmark.chat_template

    @property
    def too_long(self) -> str:
        return self.benchmark.too_long

    def render(self, question: Question) -> str:
        """What the model reads."""
        return self.before.get(question.id, "") + self.benchmark.render(question)


@dataclass(frozen=True, eq=False)
class FittedFewShot(FittedBaseline):
    """The base model and its examples."""

    state: FewShotState
    benchmark: Benchmark
    labels: Sequence[str]
    load_model: LoadModel
    progress: Progress

    @property
    def name(self) -> str:
        return f"few-shot prompting with {self.state.examples} solved examples"

    def certain(self) -> bool:
        return False

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        if not questions:
            return []
        model = self._model
        prompted = Prompted(self.benchmark, self._examples(model, questions))
        session = self.benchmark.build_scorer().ask(model, prompted, questions, self.labels)
        answers: dict[int, Prediction] = {}
        self.progress.begin(f"evaluate: few_shot, {self.benchmark.name}", len(questions), "questions")
        for batch in session.batches:
            answers |= dict(zip(batch, answer_batch(session, batch, questions), strict=True))
            self.progress.advance(len(batch))
        self.progress.end()
        return [answers[position] for position in range(len(questions))]

    def save(self, folder: Path) -> list[str]:
        return write_state(folder, self.state, {})

    @cached_property
    def _model(self) -> ModelLike:
        return self.load_model()

    @cached_property
    def _neighbors(self) -> Neighbors:
        return Neighbors(tuple(row.text for row in self.state.rows))

    def _examples(self, model: ModelLike, questions: Sequence[Question]) -> dict[str, str]:
        """Id -> the examples, the most alike right before the question; the least alike ones go where there is no
        room."""
        places, _ = self._neighbors.nearest([text_of(one, self.state.prompt) for one in questions], self.state.examples)
        before, short = {}, 0
        for question, found in zip(questions, places, strict=True):
            solved, room = [self.state.rows[at].solved for at in found], self._room(model, question)
            while solved and self._tokens(model, solved, question) > room:
                solved.pop()
            short += len(solved) < len(found)
            before[question.id] = "".join(reversed(solved))
        if short:
            self.progress.warn(
                f"  {self.benchmark.name}: {short:,} of {len(questions):,} questions have fewer than "
                f"{self.state.examples} solved examples: the model's context has no room for more"
            )
        return before

    def _tokens(self, model: ModelLike, solved: Sequence[str], question: Question) -> int:
        prompt = "".join(reversed(solved)) + self.benchmark.render(question)
        return len(model.read(prompt, self.benchmark.chat_template)[1])

    def _room(self, model: ModelLike, question: Question) -> int:
        """Most tokens of a prompt, with its answer behind it and an end token."""
        written = self.benchmark.build_scorer().free_text()
        if written:
            return model.context + 1 - written.max_new_tokens
        offered = self.labels or question.options
        lengths = [len(model.answer(option, self.benchmark.chat_template)) for option in offered]
        return model.context - max(lengths, default=0)
