"""Training: the loop of transformers, and batches in which no token stands twice and no logit is computed for nothing.

The loss is any function of the answers' log-probabilities, so tuning, preferences and risk share all that is here.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from metier.engine.models.memory import for_training
from metier.engine.models.model import LanguageModel
from metier.engine.training import answers, checkpoints
from metier.engine.training.adapters import Tuned, tuned
from metier.engine.training.answers import Scores, by_trees
from metier.engine.training.distillation import Distillation, Teacher
from metier.engine.training.eval_callback import EvalCallback, Evaluator, stopped
from metier.engine.training.kind_losses import KindLosses
from metier.engine.training.logging_callback import LoggingCallback
from metier.engine.training.weight_average import WeightAverage
from metier.engine.trees import batches
from metier.engine.trees.batches import Batch
from metier.engine.trees.examples import Example
from metier.errors import UserError
from metier.runs import distributed
from metier.runs.progress import Progress

Objective = Callable[[list[int], Scores], torch.Tensor]
"""(positions of a batch's examples, for each (answers,) summed log-probabilities) -> their mean loss, a scalar."""


@dataclass(frozen=True)
class Leg:
    """A part of a training, after which somebody decides whether it goes on."""

    pause_at: int
    """The step after which it stops, with a checkpoint to go on from."""
    evaluate_at: frozenset[int]
    """The steps after which the evaluator looks, beside the last one."""


class Pause(TrainerCallback):
    """Ends a leg: the next call goes on as if there had been no stop."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step >= self.step:
            control.should_save = control.should_training_stop = True


class FittingTrainer(Trainer):
    """Trainer whose full memory ends in advice; `budget` is the recipe's `batch_tokens`."""

    budget: int

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Raises `UserError` where a batch does not fit into memory, forward or backward."""
        try:
            return super().training_step(*args, **kwargs)
        except (MemoryError, RuntimeError) as error:
            raise _memory(error, self.budget) from error


class AnswerTrainer(FittingTrainer):
    """Trainer whose batches are planned beforehand, and whose loss is an `Objective`.

    Several processes share each batch: a process takes every n-th tree of it, and its loss is scaled so that the
    averaged gradients are those of one process.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        plan: list[Batch],
        network: Tuned,
        objective: Objective | None,
        budget: int,
        kinds: KindLosses | None = None,
        teacher: Teacher | None = None,
        **kwargs: Any,
    ) -> None:
        self.examples, self.plan, self.read, self.teacher = examples, plan, network.read, teacher
        self.objective: Objective | None = objective
        self.budget, self.kinds = budget, kinds
        self.low_precision: bool = network.low_precision
        super().__init__(model=network.network, train_dataset=cast(Any, range(len(plan))), **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        numbers: Any = range(len(self.plan))
        return DataLoader(numbers, batch_sampler=[[number] for number in numbers], collate_fn=_number)

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        batch = self.plan[int(inputs["number"])]
        processes = self.args.world_size
        trees = batch[self.args.process_index :: processes] or batch[:1]
        silent = self.args.process_index >= len(batch)  # it answers with the others, and adds nothing
        whole, mine = batches.flat(batch), batches.flat(trees)
        low = torch.autocast(self.args.device.type, torch.bfloat16) if self.low_precision else nullcontext()
        with low:
            scores = self.read(model, [self.examples[position] for position in mine], batches.places(trees))
        if self.objective is None:
            learned = sum(len(a) for position in whole for a in self.examples[position].answers)
            loss = -torch.cat(scores).sum() / learned
            if self.kinds and not silent:
                self.kinds.add([self.examples[position] for position in mine], scores)
        else:
            loss = self.objective(mine, scores) * len(mine) / len(whole)
        if self.teacher:
            with torch.autocast(self.args.device.type, torch.bfloat16) if self.low_precision else nullcontext():
                loss = loss + self.teacher.loss(model, int(inputs["number"])) / processes
        return loss * (0.0 if silent else processes)


def train(
    model: LanguageModel,
    examples: Sequence[Example],
    lora: LoraConfig | None,
    settings: dict,
    folder: Path,
    progress: Progress,
    start: Path | None = None,
    objective: Objective | None = None,
    evaluator: Evaluator | None = None,
    leg: Leg | None = None,
    distillation: Distillation | None = None,
) -> dict[str, Any]:
    """Train an adapter into `folder`/adapter, from scratch or from the adapter `start`; returns what it cost. Without
    `lora` all weights are trained, and saved there.

    `settings`: epochs, max_train_tokens, lr, batch_tokens, warmup_ratio, lr_scheduler, decay_ratio, average_ratio,
    weight_decay, max_grad_norm, save_steps, seed. `objective`: left out, the mean negative log-likelihood of a learned
    token. `evaluator`: measures now and then how good the adapter is; the best one is kept. `leg`: the part of the
    training to do now. `distillation`: general text on which the model is to stay with the base model. Goes on from the
    newest whole checkpoint in `folder`/checkpoints. Raises `UserError` on a loss that is not a number, and where memory
    does not suffice.
    """
    torch.manual_seed(settings["seed"])  # before the adapter exists: its weights start at random
    network = tuned(model, lora, start, examples, whole=lora is None)
    plan = _plan(examples, settings, shared=network.read is by_trees)
    average = WeightAverage(round(settings["average_ratio"] * len(plan))) if settings.get("average_ratio") else None
    steps = leg.evaluate_at if leg else None
    # In this order: the average of a step is there before it is evaluated or saved, and the seal comes last.
    callbacks = [*([average] if average else []), checkpoints.Seal()]
    unit, kinds = "nats a token" if objective is None else "", KindLosses(examples)
    callbacks += [LoggingCallback(folder / "log.jsonl", progress, unit, kinds)]
    callbacks += [EvalCallback(evaluator, folder, network.attention, steps, average)] if evaluator else []
    callbacks += [Pause(leg.pause_at)] if leg else []
    trainer = AnswerTrainer(
        args=config(settings, folder, len(plan)),
        processing_class=model.tokenizer,
        callbacks=callbacks,
        examples=examples,
        plan=plan,
        network=network,
        objective=objective,
        budget=settings["batch_tokens"],
        kinds=kinds,
        teacher=Teacher(distillation, network.network, network.read is by_trees, settings["seed"])
        if distillation
        else None,
    )
    cost = finish(trainer, folder, average)
    return cost | _tokens(examples, plan[: cost["steps"]], shared=network.read is by_trees)


def is_shared(model: LanguageModel, examples: Sequence[Example]) -> bool:
    """Whether `train` would read these examples as token trees."""
    return answers.fitting(model.network, examples, model.warn) is by_trees


def steps(examples: Sequence[Example], settings: dict, shared: bool) -> int:
    """How many steps `train` would take with these settings."""
    return len(_plan(examples, settings, shared))


def _plan(examples: Sequence[Example], settings: dict, shared: bool) -> list[Batch]:
    """All epochs as one list of batches: the order is a function of the seed alone, and going on after a kill is
    skipping its beginning. The trainer sees a single epoch."""
    most = settings.get("max_train_tokens", 0)
    return batches.plan(examples, settings["batch_tokens"], settings["seed"], settings["epochs"], most, shared)


def _tokens(examples: Sequence[Example], done: list[Batch], shared: bool) -> dict[str, int]:
    """`tokens` of the rows as they stand in these batches, and `tokens_read`, those fed to the model."""
    tokens = sum(len(examples[position]) for batch in done for position in batches.flat(batch))
    read = sum(batches.tokens_read(examples, batch) for batch in done) if shared else tokens
    return {"tokens": tokens, "tokens_read": read}


def finish(trainer: Any, folder: Path, average: WeightAverage | None = None) -> dict[str, Any]:
    """Train to the end, from the newest whole checkpoint in `folder`/checkpoints, and save `folder`/adapter: the best
    one where an evaluator measured it, else the last, or the average of the last ones."""
    trainer.remove_callback(PrinterCallback)  # LoggingCallback says it, once
    # The first removes broken ones before the others look.
    resume = checkpoints.newest(folder / "checkpoints") if distributed.first() else None
    distributed.wait()
    resume = resume or checkpoints.newest(folder / "checkpoints")
    before = checkpoints.seconds(resume) if resume else 0.0
    resumed_at = int(resume.name.split("-")[1]) if resume else 0
    if resume and stopped(folder, resumed_at):  # killed between this checkpoint and the stage's seal
        trainer.plan = trainer.plan[:resumed_at]
    for_training()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if trainer.is_world_process_zero():
        network = trainer.accelerator.unwrap_model(trainer.model)
        with average.applied(network) if average else nullcontext():
            network.save_pretrained(str(folder / "adapter"), safe_serialization=True)
        EvalCallback.keep_best(folder)
    return {
        "steps": trainer.state.global_step,
        "resumed_at_step": resumed_at,
        "seconds_before": round(before, 1),
    }


def log_probabilities(
    model: LanguageModel,
    examples: Sequence[Example],
    start: Path | None,
    batch_tokens: int,
    progress: Progress,
    whole: bool = False,
) -> list[NDArray[np.float64]]:
    """For each example (answers,) the log-probabilities, in nats, that the model with the adapter `start` gives now.

    What a method holds its model against (the reference of DPO and of a KL term); worked out once, without gradients.
    `whole`: all weights are to be trained. They are then read in the number format of the training, or the model would
    differ from its reference before the first step.
    """
    network = tuned(model, None, start, examples, whole=whole)
    results: list[Any] = [None] * len(examples)
    progress.begin("reference", len(examples), "rows")
    low = torch.autocast(model.network.device.type, torch.bfloat16, enabled=network.low_precision)
    with torch.no_grad(), low:
        for batch in batches.plan(examples, batch_tokens, seed=0, epochs=1, shared=network.read is by_trees):
            mine = batches.flat(batch)
            read = network.read(network.network, [examples[position] for position in mine], batches.places(batch))
            for position, scores in zip(mine, read, strict=True):
                results[position] = scores.double().cpu().numpy()
            progress.advance(len(mine))
    progress.end()
    network.release()
    return results


def config(settings: dict, folder: Path, steps: int) -> TrainingArguments:
    """The recipe's settings in the trainer's words."""
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=1,
        learning_rate=settings["lr"],
        lr_scheduler_type=settings["lr_scheduler"],
        lr_scheduler_kwargs=scheduler_settings(settings, steps),
        warmup_steps=settings["warmup_ratio"],
        weight_decay=settings["weight_decay"],
        max_grad_norm=settings["max_grad_norm"],
        optim="adamw_torch_fused",
        use_cpu=not torch.cuda.is_available(),
        seed=settings["seed"],
        save_strategy="steps",
        save_steps=settings["save_steps"],
        save_total_limit=2,
        logging_steps=_log_every(steps, settings["save_steps"]),
        logging_nan_inf_filter=False,  # a loss that is not a number must be seen
        report_to=settings.get("report_to") or "none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,  # every trained weight is in every batch's loss
        remove_unused_columns=False,
    )


def scheduler_settings(settings: dict, steps: int) -> dict[str, Any]:
    """What transformers' schedule takes beside the warm-up."""
    if settings["lr_scheduler"] != "warmup_stable_decay":
        return {}
    return {"num_decay_steps": max(1, round(settings["decay_ratio"] * steps)), "decay_type": "linear"}


def _log_every(steps: int, save_steps: int) -> int:
    """About 100 lines in all, and one at each checkpoint, which does not keep a loss that waits for its line."""
    return max(every for every in range(1, max(1, steps // 100) + 1) if save_steps % every == 0)


def _number(batch: list[int]) -> dict[str, torch.Tensor]:
    return {"number": torch.tensor(batch)}


def _memory(error: Exception, budget: int) -> Exception:
    """A full memory as advice; any other error as it is."""
    full = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
    if not full:
        return error
    return UserError(
        f"A batch of {budget:,} tokens does not fit into memory. Set the method's `batch_tokens` to "
        f"{max(64, budget // 2):,} or less, or `max_length` lower, and start again in another folder (`--out`)."
    )
