"""Scorers: how a model is asked and how its answer is judged; one file each.

Every scorer is also a reward: `judge` takes an answer in words, so reinforcement learning and a report use one ruler.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import xxhash

from metier.data.records import Question
from metier.evaluation.patterns import TooSlow


@dataclass(frozen=True)
class Score:
    """What an answer is worth."""

    value: float | None
    """1 right, 0 wrong, between them for a part; None: could not be judged."""
    answer: str | None
    """The answer as it was understood; None: nothing could be read out of it."""
    parts: dict[str, float] | None = None
    """Counts that a metric adds up over all answers (hits, wanted, given)."""


UNJUDGED = Score(None, None)


@dataclass(frozen=True)
class Prediction:
    """What a model answered to one question: a line of evaluate/*/BENCHMARK.jsonl."""

    id: str
    prompt: str
    """The rendered text that the model read."""
    prompt_hash: str
    answer: str | None
    """None: could not be judged."""
    gold: str
    value: float | None
    """1 right, 0 wrong, between them for a part, or a sum of losses; None: could not be judged."""
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


class ScoringSession(Protocol):
    """A scorer at work: the batches are fixed before the first answer, so that a killed run goes on identically."""

    batches: list[list[int]]
    """Positions of the questions that are answered together."""
    truncated: int
    """How many prompts lost their beginning, because they are longer than the model's context."""

    def answer(self, batch: list[int]) -> list[Prediction]:
        """The answers of one batch, in its order."""


class ScorerLike(Protocol):
    """What the file of a scorer defines as `Scorer`, a dataclass whose fields are its settings."""

    version: int
    """Raised when answers would come out differently, so that no stale answer is used."""
    chooses: bool
    """Whether the answer is one of a label set, so that a baseline can be held against it."""
    # `gives = ("probabilities",)` where its answers have more than a value, for metrics that read it: probabilities,
    # fields (the counts of `fields`) or losses. `misfit(question)` says why a question cannot be judged, where some
    # cannot.

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> ScoringSession:
        """Get ready to ask all questions."""

    def judge(self, completion: str, question: Question) -> Score:
        """What an answer in words is worth."""


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


def judged(scorer: Any, completion: str, question: Question) -> Score:
    """What an answer in words is worth; what comes behind the scorer's first stop string is not heard."""
    cuts = [completion.find(stop) for stop in getattr(scorer, "stop", None) or () if stop in completion]
    score: Score = scorer.judge(completion[: min(cuts)] if cuts else completion, question)
    return score


def scored(scorer: Any, completion: str, question: Question) -> Score:
    """As `judged`; what a scorer's pattern takes too long on could not be judged."""
    try:
        return judged(scorer, completion, question)
    except TooSlow:
        return UNJUDGED


def misfit(scorer: Any, question: Question) -> str | None:
    """Why a scorer can judge no answer to a question, not even the right one; None where it can."""
    own: Callable[[Question], str | None] = getattr(scorer, "misfit", lambda _: None)
    return failing(lambda: judged(scorer, question.answer, question)) or own(question)


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
