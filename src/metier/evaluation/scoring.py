"""Scorers: how a model is asked and how its answer is judged; one file each.

Every scorer is also a reward: `judge` takes an answer in words, so reinforcement learning and a report use one ruler.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import xxhash
from numpy.typing import NDArray

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.patterns import TooSlow


@dataclass(frozen=True)
class Score:
    """The score of an answer."""

    value: float | None
    """1 right, 0 wrong, between them for a part; None: unscored."""
    answer: str | None
    """The answer as it was understood; None: nothing could be read out of it."""
    parts: dict[str, float] | None = None
    """Counts that a metric adds up over all answers (hits, wanted, given)."""


UNSCORED = Score(None, None)


@dataclass(frozen=True)
class Prediction:
    """What a model answered to one question: a line of evaluate/BENCHMARK/*.jsonl."""

    id: str
    prompt: str
    """The rendered text that the model read."""
    prompt_hash: str
    answer: str | None
    """None: unscored."""
    gold: str
    value: float | None
    """1 right, 0 wrong, between them for a part, or a sum of losses; None: unscored."""
    weight: float = 1.0
    probabilities: tuple[float, ...] | None = None
    """One a label (or option), in the order of the label set (or options); they add up to 1."""
    log_likelihoods: tuple[float, ...] | None = None
    """One a label (or option), in the same order: what the probabilities were made of, in nats."""
    group: str | None = None
    completion: str | None = None
    """The words of a free answer, before anything was read out of them."""
    options: tuple[str, ...] | None = None
    """What could be chosen, where it differs from question to question."""
    parts: dict[str, float] | None = None
    slices: dict[str, str] | None = None
    """What kind of question it is, in the columns that the benchmark declares."""

    def to_json(self) -> dict[str, Any]:
        """Without the fields that this kind of answer does not have."""
        always = ("answer", "value")
        return {key: value for key, value in asdict(self).items() if value is not None or key in always}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Prediction":
        tuples = {
            key: tuple(row[key]) for key in ("probabilities", "log_likelihoods", "options") if row.get(key) is not None
        }
        return cls(**{**row, **tuples})


Questions = Sequence[Question]
Labels = Sequence[str]
Scored = TypeVar("Scored", covariant=True)


class Batches(Protocol[Scored]):
    """Questions in batches that are fixed before the first is answered."""

    @property
    def batches(self) -> list[list[int]]:
        """Positions of the questions that are answered together."""

    def score(self, batch: Sequence[int]) -> Sequence[Scored]:
        """What the model makes of one batch, in its order."""


class ModelLike(Protocol):
    """What a scorer asks of a model. Prompts and answers are lists of tokens."""

    @property
    def tokenizer(self) -> Any: ...
    @property
    def context(self) -> int:
        """Most tokens that the model reads at once."""

    @property
    def end_token(self) -> int: ...
    def read(self, prompt: str, chat_template: bool = False) -> tuple[str, list[int]]:
        """What the model reads, as text and as tokens."""

    def answer(self, answer: str, chat_template: bool = False) -> list[int]:
        """The tokens of an answer behind a prompt."""

    def options(
        self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]
    ) -> Batches[NDArray[np.float64]]:
        """Log-likelihoods, in nats, of each prompt's own options."""

    def texts(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop: Sequence[str] = ()
    ) -> Batches[tuple[str, int, bool]]:
        """Greedy answers: their words, the number of their tokens, and whether they ended by themselves."""

    def losses(self, texts: Sequence[Sequence[int]]) -> Batches[tuple[float, int]]:
        """Summed loss of whole texts, in nats, and how many tokens it is of."""


class BenchmarkLike(Protocol):
    """What a scorer asks of a benchmark."""

    @property
    def name(self) -> str: ...
    @property
    def chat_template(self) -> bool: ...
    @property
    def too_long(self) -> str: ...
    def render(self, question: Question) -> str:
        """What the model reads."""


class ScoringSession(Protocol):
    """A scorer at work: the batches are fixed before the first answer, so that a killed run goes on identically."""

    @property
    def batches(self) -> list[list[int]]:
        """Positions of the questions that are answered together."""

    @property
    def truncated(self) -> int:
        """How many prompts were truncated on the left, because they are longer than the model's context."""

    def answer(self, batch: list[int]) -> list[Prediction]:
        """The answers of one batch, in its order."""


class TooLong(UserError):
    """Some questions do not fit into the model's context."""


@dataclass(frozen=True)
class FreeText:
    """How an answer in the model's own words is made."""

    max_new_tokens: int
    stop: tuple[str, ...]
    """Where it ends, besides the end token."""


class ScorerLike(Protocol):
    """What the file of a scorer defines as `Scorer`, a dataclass whose fields are its settings; derive it from this."""

    version: ClassVar[int] = 1
    """Raised when answers would come out differently, so that no stale answer is used."""
    chooses: ClassVar[bool] = False
    """Whether the answer is one of a label set, the same for all questions."""
    gives: ClassVar[tuple[str, ...]] = ()
    """What its answers have besides a value, for metrics that read it: probabilities, fields (the counts of `fields`)
    or losses."""
    baseline: ClassVar[str | None] = None
    """The baseline (a plug-in's name) that a tuned model has to beat; None: there is none."""

    def ask(self, model: ModelLike, benchmark: BenchmarkLike, questions: Questions, labels: Labels) -> ScoringSession:
        """Get ready to ask all questions."""
        raise NotImplementedError

    def judge(self, completion: str, question: Question) -> Score:
        """The score of a free-text answer."""
        raise NotImplementedError

    def read(self, completion: str, question: Question) -> str | None:
        """The answer that stands in the model's words; None where none can be read out of them."""
        return " ".join(completion.split()) or None

    def misfit(self, question: Question) -> str | None:
        """Why a question cannot be scored whatever is answered; None where it can."""
        return None

    def free_text(self) -> FreeText | None:
        """How the model's own words are made into an answer; None where it only chooses or reads."""
        return None

    def length_adjustment(self) -> str:
        """How likelihoods are made up for the length of options; `none`: their sums are compared."""
        return "none"

    def ends(self, options: list[list[int]]) -> bool:
        """Whether the end token belongs to these options, given in tokens."""
        return False


def answered(question: Question, prompt: str, score: Score, **more: Any) -> Prediction:
    """The line of one question."""
    return Prediction(
        id=question.id,
        prompt=prompt,
        prompt_hash=prompt_hash(prompt),
        gold=question.answer,
        group=question.group,
        slices=question.slices or None,
        answer=score.answer,
        value=score.value,
        parts=score.parts,
        **more,
    )


def plain(text: str) -> str:
    """A free answer or a label as they are compared: white space and case aside."""
    return " ".join(text.split()).casefold()


def same(completion: str, gold: str) -> Score:
    """Right where the words are the same, white space and case aside."""
    return Score(float(plain(completion) == plain(gold)), " ".join(completion.split()) or None)


def judged(scorer: ScorerLike, completion: str, question: Question) -> Score:
    """The score of a free-text answer; what comes behind the scorer's first stop string is left out."""
    written = scorer.free_text()
    cuts = [completion.find(stop) for stop in written.stop if stop in completion] if written else []
    return scorer.judge(completion[: min(cuts)] if cuts else completion, question)


def scored(scorer: ScorerLike, completion: str, question: Question) -> Score:
    """As `judged`; an answer that a scorer's pattern takes too long on is unscored."""
    try:
        return judged(scorer, completion, question)
    except TooSlow:
        return UNSCORED


def misfit(scorer: ScorerLike, question: Question) -> str | None:
    """Why a scorer can judge no answer to a question, not even the right one; None where it can."""
    return failing(lambda: judged(scorer, question.answer, question)) or scorer.misfit(question)


def failing(judge: Callable[[], object]) -> str | None:
    """Why a judgment cannot be made; None where it can."""
    try:
        judge()
    except KeyError as error:
        return f"it lacks the column {error}"
    except (ValueError, re.error) as error:
        return str(error)
    return None


def prompt_hash(prompt: str) -> str:
    return xxhash.xxh3_64_hexdigest(prompt.encode())
