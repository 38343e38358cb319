"""Evaluations during training: the best adapter is kept, and training ends early where more of it does not help."""

import copy
import json
import shutil
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import PeftModel
from transformers import TrainerCallback

from metier.engine.models.memory import for_answering, for_training
from metier.engine.models.model import default_dtype
from metier.engine.scoring.likelihood import cast_weights
from metier.engine.training.weight_average import WeightAverage
from metier.runs.distributed import unwrapped
from metier.runs.files import write_text

FILE, BEST = "evaluations.jsonl", "checkpoints/best"


@dataclass(frozen=True)
class EvalResult:
    """What an evaluation measured."""

    score: float
    """Higher is better; the adapter of the best one is kept."""
    stop: bool
    figures: dict[str, float]
    """What else stands in the line of evaluations.jsonl."""


class Evaluator(Protocol):
    """How good the adapter is now."""

    every: int
    """Steps from one evaluation to the next; the first is before the first step."""

    def __call__(self, step: int, network: Any, before: list[dict[str, Any]]) -> EvalResult:
        """`before`: the lines of the earlier evaluations. The network comes in evaluation mode, without gradients."""


class EvalCallback(TrainerCallback):
    """Evaluates, writes a line each to evaluations.jsonl, and keeps the best adapter in `folder`/best.

    A resumed run drops the looks behind its checkpoint; a best adapter from behind it is made again. `steps`: the steps
    to evaluate at, instead of the evaluator's own. `average`: what is evaluated and kept in place of the last weights.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        folder: Path,
        attention: str,
        steps: Collection[int] | None = None,
        average: WeightAverage | None = None,
    ) -> None:
        self.evaluator, self.folder, self.attention = evaluator, folder, attention
        self.steps, self.average = steps, average

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            done = state.global_step  # at 0 the first evaluation is done again
            kept = [row for row in read(self.folder) if done and row["step"] <= done]
            write_text(self.folder / FILE, "".join(json.dumps(row) + "\n" for row in kept))
        if state.global_step == 0 and self.steps is None:
            self._look(state, control, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = state.global_step
        due = step % self.evaluator.every == 0 if self.steps is None else step in self.steps
        if due or step == state.max_steps:
            self._look(state, control, kwargs["model"])

    def _look(self, state: Any, control: Any, network: Any) -> None:
        network = unwrapped(network)
        with self.average.applied(network) if self.average else nullcontext():
            self._evaluate(state, control, network)

    def _evaluate(self, state: Any, control: Any, network: Any) -> None:
        before = [row for row in read(self.folder) if row["step"] < state.global_step]
        training = network.config._attn_implementation
        network.set_attn_implementation(self.attention)
        network.eval()
        for_answering()
        head = network.get_output_embeddings().weight
        trained = head.requires_grad
        head.requires_grad_(True)  # frozen, as below an adapter, it would be copied for each row (see `model.load`)
        with torch.no_grad():
            seen = self.evaluator(state.global_step, as_it_answers(network), before)
        head.requires_grad_(trained)
        for_training()
        network.train()
        network.set_attn_implementation(training)
        control.should_training_stop = control.should_training_stop or seen.stop
        if not state.is_world_process_zero:
            return
        best = all(seen.score > row["score"] for row in before)
        if best:
            shutil.rmtree(self.folder / BEST, ignore_errors=True)
            network.save_pretrained(str(self.folder / BEST), safe_serialization=True)
        row = {"step": state.global_step, "score": seen.score, "best": best, "stop": seen.stop, **seen.figures}
        with open(self.folder / FILE, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    @staticmethod
    def keep_best(folder: Path) -> None:
        """The best adapter replaces the last one, where there were evaluations. It stays with the checkpoints, for a
        call that is killed before the stage is sealed."""
        if (folder / BEST).is_dir():
            shutil.rmtree(folder / "adapter")
            shutil.copytree(folder / BEST, folder / "adapter")


def as_it_answers(network: Any) -> Any:
    """The network in the number format that its answers will be scored in. All weights are trained in float32; asked
    like that a processor with bfloat16 takes several times as long, so a copy (270 MB of smollm2-135m) is asked."""
    if isinstance(network, PeftModel) or network.dtype == default_dtype():
        return network
    network = copy.deepcopy(network)
    cast_weights(network, default_dtype())
    return network


def stopped(folder: Path, step: int) -> bool:
    """Whether an evaluation up to this step ended the training."""
    return any(row["step"] <= step and row.get("stop") for row in read(folder))


def read(folder: Path) -> list[dict[str, Any]]:
    """The evaluations so far; a line that a kill cut off is left out."""
    file = folder / FILE
    results = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
            results.append({**row, "step": int(row["step"]), "score": float(row["score"])})
        except (ValueError, KeyError, TypeError):
            break
    return results
