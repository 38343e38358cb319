"""A thin subclass of TRL's SFTTrainer: the LM head on target positions only, and batches by token budget."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import datasets
import torch
from peft import LoraConfig
from peft.helpers import disable_input_dtype_casting
from torch.utils.data import DataLoader
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from metier.engine import batches, checkpoints
from metier.engine.adapters import for_training, with_adapter
from metier.engine.journal import Journal
from metier.engine.model import LanguageModel
from metier.progress import Progress

IGNORED = -100


@dataclass(frozen=True)
class Example:
    """Token lists: what the model reads and what it learns to answer, the end token included."""

    prompt: list[int]
    target: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.target)


class TargetOnlyTrainer(SFTTrainer):
    """SFTTrainer with the head on target rows only.

    On a CPU, TRL 1.16 runs the LM head over every position; here 49,152 logits are computed for the answer's tokens
    alone. Loss and gradients are the same (tests/test_trainer.py holds them against TRL's own).
    """

    def __init__(self, *args: Any, plan: list[list[int]], **kwargs: Any) -> None:
        self.plan = plan
        super().__init__(*args, **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(cast(Any, self.train_dataset), batch_sampler=self.plan, collate_fn=self.data_collator)

    def compute_loss(
        self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs["labels"][:, 1:]
        keep = torch.zeros_like(inputs["labels"], dtype=torch.bool)
        keep[:, :-1] = targets != IGNORED
        with ExitStack() as stack:
            if inputs["input_ids"].device.type == "cpu" and self.args.bf16:
                # Under autocast the float32 adapters multiply in bfloat16, so casting their inputs up is a detour.
                stack.enter_context(disable_input_dtype_casting(model))
            output = model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                logits_to_keep=keep,
                use_cache=False,
            )
        losses = torch.nn.functional.cross_entropy(output.logits.float(), targets[targets != IGNORED], reduction="sum")
        count = keep.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses / count
        return (loss, output) if return_outputs else loss


def columns(examples: Sequence[Example]) -> dict[str, list[list[int]]]:
    """`input_ids` and `labels` as TRL takes them ready-made: labels are ignored where the prompt stands."""
    return {
        "input_ids": [example.prompt + example.target for example in examples],
        "labels": [[IGNORED] * len(example.prompt) + example.target for example in examples],
    }


def collate(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Right-padded tensors (rows, longest)."""
    width = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for number, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[number, :length] = torch.tensor(row["input_ids"])
        labels[number, :length] = torch.tensor(row["labels"])
        mask[number, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def train(
    model: LanguageModel,
    examples: Sequence[Example],
    lora: LoraConfig,
    settings: dict,
    folder: Path,
    progress: Progress,
    start: Path | None = None,
) -> dict[str, float]:
    """Train an adapter into `folder`/adapter, from scratch or from the adapter `start`; returns what it cost.

    `settings`: epochs, tokens, lr, batch_tokens, warmup, schedule, weight_decay, max_grad_norm, checkpoint_every, seed.
    Goes on from the newest whole checkpoint in `folder`/checkpoints. Raises `UserError` on a loss that is not
    a number.
    """
    network = for_training(model.network)
    torch.manual_seed(settings["seed"])  # before the adapter exists: its weights start at random
    peft_model = with_adapter(network, lora, start)
    lengths = [len(example) for example in examples]
    # All epochs as one list of batches: the order is a function of the seed alone, and going on after a kill is
    # skipping its beginning. The trainer sees a single epoch.
    plan = batches.plan(
        lengths, settings["batch_tokens"], settings["seed"], settings["epochs"], settings.get("tokens", 0)
    )
    trainer = TargetOnlyTrainer(
        model=peft_model,
        args=config(settings, folder, len(plan), bf16=network.dtype == torch.bfloat16),
        train_dataset=datasets.Dataset.from_dict(columns(examples)),
        data_collator=collate,
        processing_class=model.tokenizer,
        callbacks=[checkpoints.Seal(), Journal(folder / "log.jsonl", progress)],
        plan=plan,
    )
    return finish(trainer, folder) | {"tokens": sum(lengths[position] for batch in plan for position in batch)}


def finish(trainer: Any, folder: Path) -> dict[str, float]:
    """Train to the end, from the newest whole checkpoint in `folder`/checkpoints, and save `folder`/adapter."""
    trainer.remove_callback(PrinterCallback)  # the journal says it, once
    resume = checkpoints.newest(folder / "checkpoints")
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    trainer.model.save_pretrained(str(folder / "adapter"), safe_serialization=True)
    return {
        "steps": trainer.state.global_step,
        "resumed_at_step": int(resume.name.split("-")[1]) if resume else 0,
        "seconds_this_time": round(time.monotonic() - started, 1),
    }


def config(settings: dict, folder: Path, steps: int, bf16: bool) -> SFTConfig:
    """The recipe's settings in the trainer's words; what TRL would prepare itself is done already."""
    return SFTConfig(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=1,
        learning_rate=settings["lr"],
        lr_scheduler_type=settings["schedule"],
        warmup_steps=settings["warmup"],
        weight_decay=settings["weight_decay"],
        max_grad_norm=settings["max_grad_norm"],
        optim="adamw_torch_fused",
        bf16=bf16,
        gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
        seed=settings["seed"],
        save_strategy="steps",
        save_steps=settings["checkpoint_every"],
        save_total_limit=2,
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,  # a loss that is not a number must be seen
        report_to="none",
        disable_tqdm=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        remove_unused_columns=False,
    )
