"""What the model said before, kept while it learns something else: learning without forgetting (Li and Hoiem 2016).

Beside the rows of a step the model reads a little general text, and every next-token distribution on it is held to the
base model's. Text that is learned as it stands is learned by heart after a few passes; a distribution is not, so the
same paragraphs serve a long training.
"""

import copy
import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel

from metier.engine.models.model import default_dtype
from metier.engine.scoring.likelihood import cast_weights
from metier.engine.training.answers import row_logits, tree_logits
from metier.engine.trees.examples import Example
from metier.runs.distributed import unwrapped


@dataclass(frozen=True)
class Distillation:
    """What to hold the model to, and how firmly."""

    texts: Sequence[Example]
    """Raw text in blocks: a block's first token is only read."""
    weight: float
    """Of the divergence, in nats a token, beside the loss of the rows."""
    tokens: int
    """Of general text in a step."""


class Teacher:
    """The base model beside the one that is trained."""

    def __init__(self, plan: Distillation, network: Any, trees: bool, seed: int) -> None:
        self.plan, self.logits = plan, tree_logits if trees else row_logits
        self.base = None if isinstance(network, PeftModel) else _frozen(network)
        self.order = list(range(len(plan.texts)))
        random.Random(f"distillation:{seed}").shuffle(self.order)
        longest = max(map(len, plan.texts))
        self.texts_a_step = max(1, plan.tokens // longest)

    def loss(self, network: Any, step: int) -> torch.Tensor:
        """The weighted divergence of the model from the base model on the texts of a step: Kullback-Leibler, nats a
        token, from the base model's distribution."""
        first = step * self.texts_a_step
        texts = [self.plan.texts[self.order[at % len(self.order)]] for at in range(first, first + self.texts_a_step)]
        own = unwrapped(network)
        with torch.no_grad(), nullcontext() if self.base is not None else own.disable_adapter():
            aim = torch.log_softmax(self.logits(own if self.base is None else self.base, texts).float(), -1)
        now = torch.log_softmax(self.logits(network, texts).float(), -1)
        return self.plan.weight * torch.nn.functional.kl_div(now, aim, reduction="batchmean", log_target=True)


def _frozen(network: Any) -> Any:
    """A copy that stays as it is, in the number format that answers are scored in."""
    base = copy.deepcopy(network).requires_grad_(False)
    cast_weights(base, default_dtype())
    return base.eval()
