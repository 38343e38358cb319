"""TRL's GRPOTrainer where a prompt with its group of sampled answers stands in a batch once.

TRL reads the prompt again for each answer of the group, to sample it and to learn from it, and on a CPU it runs the LM
head over all of the prompt's tokens as well. Here one reading of the prompt is copied for sampling (`engine/sampling`),
and one token tree learns from the whole group; loss, advantages and everything else are TRL's.
"""

import shutil
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import LoraConfig
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from metier.engine.models.model import LanguageModel
from metier.engine.rl.sampling import Sampler
from metier.engine.training import answers, checkpoints
from metier.engine.training.adapters import Tuned, set_attention, tuned, with_adapter
from metier.engine.training.logging_callback import LoggingCallback
from metier.engine.training.trainer import FittingTrainer, finish, scheduler_settings
from metier.engine.trees.examples import Example
from metier.engine.trees.packing import pack
from metier.runs.progress import Progress

SILENT = "groups_without_signal"
UNSCORED = "unscored"
FIRST_STEPS = 5
NO_SIGNAL = (
    "in every group all answers got the same reward, so there was nothing to learn from. Train with `sft` first, raise "
    "`temperature` or `num_generations`, or give a reward that tells answers apart."
)


class GroupTrainer(FittingTrainer, GRPOTrainer):
    """GRPOTrainer that reads each prompt once. `trees`: whether the network has tree attention, for all that learns."""

    def __init__(self, *args: Any, trees: bool, budget: int, **kwargs: Any) -> None:
        self.trees, self.budget = trees, budget
        super().__init__(*args, **kwargs)

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: Any,
        attention_mask: Any,
        logits_to_keep: int,
        *args: Any,
        **others: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        if not self.trees or self.aux_loss_enabled:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **others
            )
        rows = [ids[mask.bool()].tolist() for ids, mask in zip(input_ids, attention_mask, strict=True)]
        sizes = attention_mask[:, -logits_to_keep:].sum(1).tolist()
        with self.accelerator.autocast():
            steps, entropy = by_groups(
                model, [(row[:-size], row[-size:]) for row, size in zip(rows, sizes, strict=True)], self.temperature
            )
        padded = [torch.nn.utils.rnn.pad_sequence(list(part), batch_first=True) for part in (steps, entropy)]
        wide = [torch.nn.functional.pad(part, (0, logits_to_keep - part.shape[1])) for part in padded]
        return wide[0], wide[1], None

    def _calculate_rewards(self, *args: Any) -> torch.Tensor:
        """(answers, rewards); notes in how many groups all answers get the same reward, which teaches nothing."""
        rewards: torch.Tensor = super()._calculate_rewards(*args)
        groups = (rewards * self.reward_weights.to(rewards.device)).sum(1).view(-1, int(self.num_generations or 1))
        silent = (groups.amax(1) - groups.amin(1)) < 1e-6
        self._metrics["train"][SILENT].append(silent.float().mean().item())
        return rewards


def by_groups(
    network: Any, rows: Sequence[tuple[list[int], list[int]]], temperature: float
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """For each (prompt, answer) the log-probability of the answer's tokens, with gradients, and the entropy there,
    without; in nats, of the model at this temperature. The network's attention must be `tree_attention.NAME`."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, (prompt, _) in enumerate(rows):
        places[tuple(prompt)].append(place)
    examples = [Example(list(prompt), tuple(rows[place][1] for place in own)) for prompt, own in places.items()]
    forest = pack(examples).to(next(network.parameters()).device)
    logits = network(
        input_ids=forest.ids,
        position_ids=forest.positions,
        logits_to_keep=forest.keep,
        forest=forest,
        use_cache=False,
    ).logits.flatten(0, -2)
    logits = logits if temperature == 1 else logits / temperature
    steps = answers.log_probabilities(logits, forest.predictor, forest.learned)
    entropy = entropies(logits.detach())[forest.predictor]
    order = [place for own in places.values() for place in own]
    results: list[list[torch.Tensor]] = [[steps[:0]] * len(rows), [steps[:0]] * len(rows)]
    for number, place in enumerate(order):
        mine = forest.answer == number  # an answer's steps stand in its own order
        results[0][place], results[1][place] = steps[mine], entropy[mine]
    return results[0], results[1]


def entropies(logits: torch.Tensor) -> torch.Tensor:
    """(rows,) float32 entropy in nats of (rows, vocabulary) logits, in slices for the memory's sake."""
    parts = [torch.log_softmax(part.float(), -1) for part in logits.split(256)]
    return torch.cat([-(part.exp() * part).sum(-1) for part in parts])


class SignalCallback(TrainerCallback):
    """Says once, after the first steps, that no group of answers had anything to choose between."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if SILENT not in kwargs["logs"]:
            return
        shares = history(state.log_history, SILENT)
        if len(shares) == FIRST_STEPS and min(shares) == 1:
            self.progress.say(f"  After {FIRST_STEPS} steps: {NO_SIGNAL}")


def history(log: Sequence[dict[str, Any]], name: str) -> list[float]:
    """What was logged under a name, a value a step, from the first step on; a resumed run remembers."""
    return [entry[name] for entry in log if entry.get(name) is not None]


def train(
    model: LanguageModel,
    examples: Sequence[Example],
    rewards: Sequence[tuple[str, float, Callable[[int, str], float | None]]],
    plan: Sequence[int],
    lora: LoraConfig,
    settings: dict,
    folder: Path,
    progress: Progress,
    start: Path | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train an adapter into `folder`/adapter, from scratch or from `start`; returns what it cost, and the log.

    `rewards`: (name, weight, score of an answer in words to the prompt of an example; None: unscored); `plan`: the
    positions of all steps' examples; `settings`: prompts_per_step, num_generations, temperature, max_new_tokens, stop,
    scale_rewards, beta and those of an optimizer. Goes on from the newest whole checkpoint in `folder`/checkpoints.
    """
    sampler = Sampler(model, [example.prompt for example in examples], settings["max_new_tokens"], settings["stop"])
    torch.manual_seed(settings["seed"])  # before the adapter exists: its weights start at random
    network = _network(model, lora, start, examples, with_reference=bool(settings["beta"]))
    trees = network.read is answers.by_trees
    longest = max(map(len, sampler.prompts))
    _say_small_passes(settings, longest, trees, progress)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using 'rollout_func'")  # experimental; pyproject keeps trl below 2
        trainer = GroupTrainer(
            model=network.network,
            reward_funcs=[rewarding(name, score) for name, _, score in rewards],
            args=config(
                {**settings, "scheduler": scheduler_settings(settings, len(plan) // settings["prompts_per_step"])},
                [weight for _, weight, _ in rewards],
                longest,
                trees,
                folder,
                network.low_precision,
            ),
            train_dataset=datasets.Dataset.from_dict({"prompt": [str(position) for position in plan]}),
            processing_class=model.tokenizer,
            callbacks=[checkpoints.Seal(), LoggingCallback(folder / "log.jsonl", progress), SignalCallback(progress)],
            rollout_func=sampler,
            trees=trees,
            budget=settings["batch_tokens"],
        )
    cost = finish(trainer, folder)
    shutil.rmtree(folder / "adapter" / "ref", ignore_errors=True)  # the frozen copy
    return cost, trainer.state.log_history


def _network(
    model: LanguageModel, lora: LoraConfig, start: Path | None, examples: Sequence[Example], with_reference: bool
) -> Tuned:
    """The model with the adapter that is trained. For a reference TRL adds a frozen copy of the adapter, and two
    adapters do not fuse."""
    if not with_reference:
        return tuned(model, lora, start, examples)
    read = answers.fitting(model.network, examples, model.warn)
    set_attention(model.network, read)
    return Tuned(with_adapter(model.network, lora, start), read, model.network.dtype == torch.bfloat16)


def _say_small_passes(settings: dict, longest: int, trees: bool, progress: Progress) -> None:
    """Warns where rewards are scaled by batch and a pass holds fewer questions than a step."""
    part = questions_at_once(settings, longest, trees)
    if settings["scale_rewards"] == "batch" and part < settings["prompts_per_step"]:
        progress.say(
            f"  scale_rewards: `batch` is a pass here, {part} of a step's {settings['prompts_per_step']} questions: "
            f"more do not fit into `batch_tokens` {settings['batch_tokens']:,}. Raise that, or use "
            "`scale_rewards: none`."
        )


def rewarding(name: str, score: Callable[[int, str], float | None]) -> Callable[..., list[float]]:
    """A reward as TRL calls it: an unscored answer gets 0, and is counted."""

    def reward(prompts: list[str], completions: list[str], log_metric: Any, **others: Any) -> list[float]:
        scores = [score(int(position), text) for position, text in zip(prompts, completions, strict=True)]
        log_metric(f"{UNSCORED}/{name}", sum(value is None for value in scores) / len(scores))
        return [value or 0.0 for value in scores]

    reward.__name__ = name
    return reward


def questions_at_once(settings: dict, longest: int, trees: bool) -> int:
    """How many of a step's questions, each with its group, a pass holds: the step is so many passes of one size.
    `longest`: tokens of the longest prompt."""
    read = 1 if trees else settings["num_generations"]
    tokens = read * longest + settings["num_generations"] * settings["max_new_tokens"]
    most = max(
        n for n in range(1, settings["prompts_per_step"] + 1) if n == 1 or n * tokens <= settings["batch_tokens"]
    )
    return next(n for n in range(most, 0, -1) if settings["prompts_per_step"] % n == 0)


def config(
    settings: dict, weights: list[float], longest: int, trees: bool, folder: Path, low_precision: bool
) -> GRPOConfig:
    """The recipe's settings in the trainer's words. `longest`: tokens of the longest prompt."""
    at_once = questions_at_once(settings, longest, trees)
    return GRPOConfig(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=1,
        per_device_train_batch_size=at_once * settings["num_generations"],
        # A pass samples its own groups, so that none is torn apart between passes.
        steps_per_generation=1,
        gradient_accumulation_steps=settings["prompts_per_step"] // at_once,
        num_generations=settings["num_generations"],
        max_completion_length=settings["max_new_tokens"],
        temperature=settings["temperature"],
        beta=settings["beta"],
        reward_weights=weights,
        scale_rewards=settings["scale_rewards"],
        shuffle_dataset=False,  # the plan is shuffled, all epochs in one list, so that going on is skipping
        learning_rate=settings["lr"],
        lr_scheduler_type=settings["lr_scheduler"],
        lr_scheduler_kwargs=settings.get("scheduler", {}),
        warmup_steps=settings["warmup_ratio"],
        weight_decay=settings["weight_decay"],
        max_grad_norm=settings["max_grad_norm"],
        optim="adamw_torch_fused",
        bf16=low_precision,
        gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
        seed=settings["seed"],
        save_strategy="steps",
        save_steps=settings["save_steps"],
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is not a number must be seen
        report_to=settings.get("report_to") or "none",
        disable_tqdm=True,
    )
