"""The report's section on training: what each method logged, as a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from metier.runs.run import Run

if TYPE_CHECKING:
    from markupsafe import Markup

    from metier.reporting.figures.loss import Line


class KindLoss(BaseModel):
    """The mean loss of one kind of row, and the tokens that it is of."""

    model_config = ConfigDict(frozen=True)

    loss: float
    tokens: int


class LogLine(BaseModel):
    """A line of log.jsonl, as far as a curve needs it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: int
    loss: float
    unit: str = ""
    """What the loss is counted in, where it is a figure with a unit."""
    reward: float | None = None
    """The mean reward, where training has rewards: its loss says nothing then."""
    kinds: dict[str, KindLoss] = {}
    """Kind of row -> its own loss; empty where all rows are of one kind, and in logs that do not tell them apart."""


@dataclass(frozen=True)
class TrainingCurve:
    """One method's curve."""

    name: str
    picture: "Markup"
    unit: str
    kinds: tuple[str, ...]


def training_curves(run: Run) -> tuple[TrainingCurve, ...]:
    """The curve of each method that logged something, in their order."""
    from markupsafe import Markup

    from metier.reporting.figures.loss import loss_curve

    curves = []
    for folder in sorted(log.parent.name for log in (run.folder / "train").glob("*/log.jsonl")):
        if log := training_log(run, f"train/{folder}"):
            lines = curve_lines(log)
            what, unit = ("reward", "") if log[-1].reward is not None else ("loss", log[-1].unit)
            picture = loss_curve(lines, f"{what} ({unit})" if unit else what, f"Training, {folder}")
            kinds = tuple(line.name for line in lines) if len(lines) > 1 else ()
            curves.append(TrainingCurve(folder, Markup(picture), unit, kinds))
    return tuple(curves)


def settings_tried(run: Run) -> tuple[dict[str, Any], ...]:
    """What a search over settings came to, the best first; nothing where no method searched."""
    marks = (run.result(f"train/{log.parent.name}") for log in sorted((run.folder / "train").glob("*/log.jsonl")))
    tried = [one for mark in marks for one in mark.get("tried", ())]
    return tuple(sorted(tried, key=lambda one: (-one["trained"] / one["steps"], -max(s for _, s in one["scores"]))))


def base_shares(run: Run) -> tuple[tuple[float, float], ...]:
    """(share of the base weights, figure on held-out rows) as a search tried them; nothing where none did."""
    marks = (run.result(f"train/{log.parent.name}") for log in sorted((run.folder / "train").glob("*/log.jsonl")))
    return tuple((share, score) for mark in marks for share, score in mark.get("base_shares", ()))


def training_log(run: Run, stage: str) -> tuple[LogLine, ...]:
    """The lines of one method's log.jsonl. Raises `UserError` where it was changed since."""
    text = run.output(stage, f"{stage}/log.jsonl").read_text(encoding="utf-8")
    return tuple(LogLine.model_validate_json(line) for line in text.splitlines())


def curve_lines(log: Sequence[LogLine]) -> "list[Line]":
    """What is drawn: the reward where there is one, else the loss of each kind of row, else the loss."""
    names = sorted({name for line in log for name in line.kinds})
    if log[-1].reward is not None:
        return [_as_line("reward", [(line.step, line.reward or 0.0, 1.0) for line in log])]
    if not names:
        return [_as_line("loss", [(line.step, line.loss, 1.0) for line in log])]
    return [
        _as_line(name, [(line.step, own.loss, own.tokens) for line in log if (own := line.kinds.get(name))])
        for name in names
    ]


def _as_line(name: str, points: Sequence[tuple[int, float, float]]) -> "Line":
    import numpy as np

    from metier.reporting.figures.loss import Line

    steps, values, weights = np.array(points, dtype=float).T
    return Line(name, steps, values, weights)
