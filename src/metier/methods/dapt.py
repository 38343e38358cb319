"""Domain-adaptive pretraining: continue training on raw domain text, with some general text against forgetting."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Interval

from metier.data.records import documents
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.methods._tuning import LearningRate, Tuning
from metier.recipes.settings import MOST, Count, PositiveCount, ShareBelowOne, TrainTokens, Weight

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel

MOST_REPEATS = 4
"""Repeated data is worth nearly as much as new for about four epochs (Muennighoff et al. 2023, NeurIPS)."""

DOMAIN, GENERAL = "domain text", "general text"
"""What the two kinds of rows are called in the log."""


@dataclass
class Method(Tuning):
    """Continued pretraining of an adapter on raw text (Gururangan et al. 2020, ACL), with replay of general text.

    Evaluates on held-out text during training: it keeps the adapter with the lowest loss on domain text whose loss on
    general text is within the margin.
    """

    lr: LearningRate = 5e-4
    """Peak learning rate, reached after the warm-up; how it falls then: `lr_scheduler`."""
    batch_tokens: PositiveCount = 2048
    """Tokens per step. Rows of similar length share a step."""
    max_train_tokens: TrainTokens = 0
    """Stop after so many tokens, replay included (0: after one pass over the text, or `epochs`)."""
    block_size: Annotated[int, Interval(ge=16, le=MOST)] = 512
    """Most tokens that are read in one piece."""
    replay: ShareBelowOne = 0.1
    """Share of the tokens that are general text."""
    replay_datasets: list[str] = field(default_factory=lambda: ["general"])
    """Where general text comes from. Of a dataset without training rows half of the held-out rows are replayed."""
    eval_steps: Count = 50
    """Steps between evaluations on held-out text (0: never, the last adapter is kept)."""
    eval_blocks: PositiveCount = 48
    """Most held-out blocks of each kind that an evaluation uses."""
    stall: Weight = 0.002
    """Nats per token by which an evaluation must improve on the best one before it."""
    patience: Count = 3
    """Evaluations without such a gain after which training ends."""
    general_margin: Weight = 0.02
    """Nats per token that the loss on general text may rise before training ends."""

    @property
    def reads(self) -> list[str]:
        """Names of all datasets whose rows it wants; none: all."""
        return [*self.datasets, *self.replay_datasets] if self.datasets else []

    def train(self, context: TrainingContext) -> dict[str, Any]:
        from metier.engine.training import trainer

        model = self.load(context)
        examples = self.examples(model, context)
        settings = {**vars(self), "seed": context.seed}
        # Replay stands among the examples already: a budget of tokens cuts both alike.
        return trainer.train(
            model,
            examples,
            self.lora(),
            settings,
            context.folder,
            context.progress,
            context.adapter,
            evaluator=self._look(model, context),
        )

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """Blocks of domain text, and as many of general text as `replay` asks for, drawn with the seed of the training.

        Raises `UserError` where there is no raw text.
        """
        general, domain = self._parted(context.rows)
        if not len(domain):
            raise UserError("There is no raw text to read. Name a dataset without labels, or leave `label` out of one.")
        mine = [replace(block, kind=DOMAIN) for block in self._blocks(model, domain)]
        if not self.replay:
            return mine
        held_general, _ = self._parted(context.valid)
        replayed = self._blocks(model, general if len(general) else _half(held_general, 0))
        if not replayed:
            raise UserError(
                f"There is no general text to replay: no row comes from {', '.join(self.replay_datasets)}. Add such a "
                "dataset to the recipe, or set `replay: 0`."
            )
        return mine + [replace(block, kind=GENERAL) for block in self._drawn(mine, replayed, context)]

    def _drawn(self, mine: list[Any], general: list[Any], context: TrainingContext) -> list[Any]:
        """General blocks in random order, again from the start where they do not do, but not more than four times."""
        wanted = self.replay / (1 - self.replay) * sum(map(len, mine))
        order = random.Random(f"replay:{context.seed}")
        chosen: list[Any] = []
        drawn = 0
        for _ in range(MOST_REPEATS):
            for block in order.sample(general, len(general)):
                if drawn >= wanted:
                    return chosen
                chosen.append(block)
                drawn += len(block)
        share = drawn / (sum(map(len, mine)) + drawn)
        context.progress.say(
            f"  replay: general text, {MOST_REPEATS} times over, is {share:.1%} of all tokens, not {self.replay:.0%}"
        )
        return chosen

    def _look(self, model: "LanguageModel", context: TrainingContext) -> Any:
        """The evaluations on held-out blocks; None where `eval_steps` is 0 or there is no held-out text."""
        if not self.eval_steps:
            return None
        general, domain = self._parted(context.valid)
        train_general, _ = self._parted(context.rows)
        kept = general if len(train_general) else _half(general, 1)
        held = {"domain": self._some(model, domain), "general": self._some(model, kept)}
        if not held["domain"]:
            context.progress.say("  no held-out domain text to evaluate on: the last adapter is kept")
            return None
        if not held["general"]:
            context.progress.say("  no held-out general text to look at: what is forgotten is seen in the end only")
        return HeldOut(self, held, context.progress.say)

    def _some(self, model: "LanguageModel", rows: pa.Table) -> list[list[int]]:
        blocks = self._blocks(model, rows)
        chosen = random.Random("looks").sample(blocks, min(self.eval_blocks, len(blocks)))
        return [[*block.prompt, *block.answers[0]] for block in chosen]

    def longest_row(self) -> int:
        return self.block_size

    def _blocks(self, model: "LanguageModel", rows: pa.Table) -> list[Any]:
        from metier.engine.training.blocks import blocks

        return [
            block
            for document in documents(rows)
            for block in blocks(model.encode(document.text), self.block_size, model.end_token)
        ]

    def _parted(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """(general text, raw domain text) of some rows; labeled rows and pairs are not read here."""
        raw = rows.filter(pc.and_(rows["label"].is_null(), rows["chosen"].is_null()))
        is_general = pc.is_in(raw["source"], pa.array(self.replay_datasets, pa.string()))
        return raw.filter(is_general), raw.filter(pc.invert(is_general))


@dataclass
class HeldOut:
    """Loss on held-out blocks of domain text and of general text, in nats a token."""

    method: Method
    blocks: dict[str, list[list[int]]]
    say: Any

    @property
    def every(self) -> int:
        return self.method.eval_steps

    def __call__(self, step: int, network: Any, before: list[dict[str, Any]]) -> Any:
        from metier.engine.training.eval_callback import EvalResult

        losses = {kind: _loss(network, blocks) for kind, blocks in self.blocks.items() if blocks}
        risen = losses["general"] - before[0]["general"] if before and "general" in losses else 0.0
        allowed = risen <= self.method.general_margin
        self.say(
            f"  step {step:,}: loss on domain text {losses['domain']:.3f} nats a token"
            + (f", on general text {losses['general']:.3f} ({risen:+.3f})" if "general" in losses else "")
            + ("" if allowed else ": more than the margin, training ends")
        )
        # What is outside the margin is worse than anything inside it.
        score = -losses["domain"] if allowed else -1e3 - risen
        return EvalResult(score, not allowed or self._stalls(score, before), losses)

    def _stalls(self, score: float, before: list[dict[str, Any]]) -> bool:
        scores = [row["score"] for row in before] + [score]
        recent, earlier = scores[-self.method.patience :], scores[: -self.method.patience]
        return bool(earlier) and max(recent) < max(earlier) + self.method.stall


def _loss(network: Any, blocks: Sequence[Sequence[int]]) -> float:
    from metier.engine.scoring.losses import LossScorer

    scorer = LossScorer(network, blocks)
    losses = [pair for batch in scorer.batches for pair in scorer.score(batch)]
    return sum(nats for nats, _ in losses) / sum(tokens for _, tokens in losses)


def _half(rows: pa.Table, which: int) -> pa.Table:
    """Every second row, from the first or from the second on."""
    return rows.take(pa.array(range(which, len(rows), 2), pa.int64()))
