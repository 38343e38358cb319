"""What a training says as it goes: log.jsonl, and the progress bar."""

import json
import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from metier.engine.training.kind_losses import KindLosses
from metier.errors import UserError
from metier.runs import distributed
from metier.runs.files import write_text
from metier.runs.progress import Progress

OF_REWARDS = ("reward", "reward_std", "kl", "entropy", "groups_without_signal")
"""What reinforcement learning logs beside the loss."""


class LoggingCallback(TrainerCallback):
    """log.jsonl, a line a few steps, and the progress bar. A resumed run cuts the lines behind its checkpoint.

    `unit`: what the loss is counted in, where it is a figure with a unit; `kinds`: the losses of each kind of row.
    """

    def __init__(self, file: Path, progress: Progress, unit: str = "", kinds: KindLosses | None = None) -> None:
        self.file, self.progress, self.unit, self.kinds, self.step = file, progress, unit, kinds, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not distributed.first():
            return
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        kept = [line for line in lines if _step_of(line) <= state.global_step]
        write_text(self.file, "".join(line + "\n" for line in kept))
        self.progress.begin("training", state.max_steps, "steps", done=state.global_step)
        self.step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.progress.advance(state.global_step - self.step)
        self.step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:
            by_kind = self.kinds.taken() if self.kinds else {}  # every process has to add its own
            row: dict[str, Any] = {
                "step": state.global_step,
                **{key: float(logs[key]) for key in ("loss", "learning_rate", "grad_norm")},
                **{key: float(logs[key]) for key in OF_REWARDS if logs.get(key) is not None},
                **({"unit": self.unit} if self.unit else {}),
                **({"kinds": by_kind} if by_kind else {}),
            }
            if not math.isfinite(row["loss"]):
                raise UserError(
                    f"The loss became {row['loss']} before step {state.global_step}. Look for rows of garbage "
                    "in curate/train.parquet, or lower `lr` and start again in another folder (`--out`)."
                )
            if not distributed.first():
                return
            with open(self.file, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.progress.end()


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line torn by a kill
