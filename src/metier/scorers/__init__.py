"""Scorers: how a model is asked and how its answer is judged; one file each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import xxhash

from metier.records import Question


@dataclass(frozen=True)
class Answer:
    """What a model answered to one question: a line of evaluate/*/BENCHMARK.jsonl."""

    id: str
    prompt: str
    prompt_hash: str
    answer: str | None
    """None: could not be judged."""
    gold: str
    value: float | None
    """1 right, 0 wrong, or a sum of losses; None: could not be judged."""
    weight: float = 1.0
    probabilities: tuple[float, ...] | None = None
    """One a label, in the order of the label set; they add up to 1."""
    group: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Answer":
        row = {**row, "probabilities": tuple(row["probabilities"]) if row["probabilities"] is not None else None}
        return cls(**row)


class Asking(Protocol):
    """A scorer at work: the batches are fixed before the first answer, so that a killed run goes on identically."""

    batches: list[list[int]]
    """Positions of the questions that are answered together."""

    def answer(self, batch: list[int]) -> list[Answer]:
        """The answers of one batch, in its order."""


class ScorerLike(Protocol):
    """What the file of a scorer defines as `Scorer`."""

    version: int
    """Raised when answers would come out differently, so that no stale answer is used."""

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> Asking:
        """Get ready to ask all questions."""


def prompt_hash(prompt: str) -> str:
    return xxhash.xxh3_64_hexdigest(prompt.encode())
