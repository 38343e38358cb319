"""Successive halving over settings: all train a little, the better half goes on from where it is, the best to the end.

Jamieson and Talwalkar 2016 (AISTATS). All candidates learn the same rows in the same order, each by a schedule of its
own whole training, so stopping one early has not changed what the others learned.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import HeldOutEvaluator
from metier.methods.sft import Method as Sft

if TYPE_CHECKING:
    from metier.engine.trees.examples import Example

RUNGS = (0.12, 0.3)
"""Shares of a whole training after which the candidates are compared, and half of them go on."""
LAST = (0.85,)
"""Where the one that is trained to the end is evaluated on the way, besides: a long training can learn by heart."""


@dataclass(frozen=True)
class Candidate:
    """Settings that are tried."""

    name: str
    method: Sft
    steps: int
    """Of a whole training."""
    examples: "Sequence[Example]" = field(compare=False, repr=False)
    """The rows as it reads them."""

    def step_at(self, share: float) -> int:
        return max(1, round(share * self.steps))


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    best: Candidate
    folder: Path
    """Where its adapter and its logs are."""
    cost: dict[str, Any]
    """Of its own training."""
    tried: "list[Tried]"


@dataclass(frozen=True)
class Tried:
    """How far a candidate came: a row of the report's table."""

    name: str
    steps: int
    """Of a whole training."""
    trained: int
    """Steps that were taken."""
    scores: tuple[tuple[int, float], ...]
    """(step, figure on held-out rows); higher is better."""


def whole_cost(candidates: int) -> float:
    """What the search costs, in whole trainings: the best one to its end, the others to where they stop."""
    cost, done, left = 0.0, 0.0, candidates
    for rung in RUNGS:
        if left == 1:
            break
        cost, done, left = cost + left * (rung - done), rung, (left + 1) // 2
    return cost + 1 - done


def search(context: TrainingContext, candidates: list[Candidate], eval_questions: int) -> Found:
    """The candidate that is best on held-out rows, trained to its end, and how far each came. A killed search goes on
    where it was."""
    left = candidates
    for rung in RUNGS:
        if len(left) == 1:
            break
        scores = {one.name: _score_at(context, one, rung, eval_questions) for one in left}
        left = sorted(left, key=lambda one: -scores[one.name])[: (len(left) + 1) // 2]
        for one in candidates:
            if one not in left:  # 1.6 GB of a small model's weights and optimizer
                shutil.rmtree(_folder(context, one) / "checkpoints", ignore_errors=True)
    best = left[0]
    cost = _train_to(context, best, best.steps, eval_questions)
    return Found(best, _folder(context, best), cost, [_tried(context, one) for one in candidates])


def _score_at(context: TrainingContext, one: Candidate, share: float, eval_questions: int) -> float:
    """A candidate's figure after this share of its whole training, which it is trained up to."""
    folder, stop = _folder(context, one), one.step_at(share)
    if (score := _scored(folder, stop)) is not None:
        return score
    _train_to(context, one, stop, eval_questions)
    return dict(_scores(folder)).get(stop, 0.0)  # no rows are held out: the first candidate goes on


def _train_to(context: TrainingContext, one: Candidate, stop: int, eval_questions: int) -> dict[str, Any]:
    """Train a candidate up to a step; what all of its training cost so far."""
    from metier.engine.training.trainer import Leg

    context.progress.say(f"  {one.name}: to step {stop:,} of {one.steps:,}")
    own = replace(context, folder=_folder(context, one))
    model = one.method.load(own)
    evaluator = HeldOutEvaluator.of(model, own, one.steps, 0, eval_questions)
    looks = frozenset(one.step_at(part) for part in (*RUNGS, *LAST, 1.0))
    return one.method.fit(own, model, evaluator, Leg(stop, looks), one.examples)


def _folder(context: TrainingContext, one: Candidate) -> Path:
    return context.folder / "search" / one.name


def _scored(folder: Path, step: int) -> float | None:
    """The figure at a step, where that was trained before and is not lost."""
    from metier.engine.training import checkpoints

    newest = checkpoints.newest(folder / "checkpoints")
    reached = int(newest.name.split("-")[1]) if newest else 0
    return dict(_scores(folder)).get(step) if reached >= step or not (folder / "checkpoints").is_dir() else None


def _scores(folder: Path) -> list[tuple[int, float]]:
    from metier.engine.training import eval_callback

    return [(row["step"], row["score"]) for row in eval_callback.read(folder)]


def _tried(context: TrainingContext, one: Candidate) -> Tried:
    scores = tuple(_scores(_folder(context, one)))
    return Tried(one.name, one.steps, max((step for step, _ in scores), default=0), scores)
