"""Questions that the report shows as they are, drawn at random so that no one chooses good ones."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from metier.evaluation.scoring import Prediction

SHOWN = 3
LONGEST = 700
"""Characters of a question that are shown; of a longer one its begin and its end."""


@dataclass(frozen=True)
class Example:
    """One question with what each model answered."""

    text: str
    gold: str
    base: str
    tuned: str
    baseline: str | None
    """None: there is no baseline."""


@dataclass(frozen=True)
class Examples:
    """A draw from the questions of one kind."""

    title: str
    what: str
    """Which questions these are."""
    count: int
    """How many there are in all."""
    rows: tuple[Example, ...]


KINDS = {
    (False, True): ("Fixed", "wrong before tuning, right after"),
    (True, False): ("Broken", "right before tuning, wrong after"),
    (False, False): ("Still wrong", "wrong before and after"),
}
"""(right before, right after) -> how the report calls these questions."""


def draw_examples(
    base: Sequence[Prediction], tuned: Sequence[Prediction], baseline: Sequence[Prediction], seed: int
) -> tuple[Examples, ...]:
    """Fixed, broken, and still wrong questions. `baseline` is empty where there is none."""
    found: dict[tuple[bool, bool], list[Example]] = {kind: [] for kind in KINDS}
    for at, (before, after) in enumerate(zip(base, tuned, strict=True)):
        kind = (_right(before), _right(after))
        if kind in found:
            theirs = _answer(baseline[at]) if baseline else None
            found[kind].append(Example(_clipped(after.prompt), after.gold, _answer(before), _answer(after), theirs))
    return tuple(
        Examples(title, what, len(found[kind]), _drawn(found[kind], seed)) for kind, (title, what) in KINDS.items()
    )


def _drawn(examples: list[Example], seed: int) -> tuple[Example, ...]:
    return tuple(random.Random(f"examples:{seed}").sample(examples, min(SHOWN, len(examples))))


def _right(answer: Prediction) -> bool:
    return answer.value is not None and answer.value >= 1


def _answer(answer: Prediction) -> str:
    return "(unscored)" if answer.answer is None else answer.answer


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} […] {text[-LONGEST // 2 :]}"
