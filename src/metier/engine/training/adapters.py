"""A network made ready for training, with a new adapter or one to go on with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from metier.engine.models import loading
from metier.engine.models.model import LanguageModel, default_dtype
from metier.engine.models.weights import is_whole
from metier.engine.training import answers, fused_lora
from metier.engine.training.answers import Reader
from metier.engine.trees import attention as tree_attention
from metier.engine.trees.examples import Example
from metier.errors import UserError


@dataclass(frozen=True)
class Tuned:
    """A network with its adapter, and the way in which it reads examples."""

    network: Any
    read: Reader
    low_precision: bool
    """Whether autocast is needed: bfloat16 weights below an adapter that does not cast by itself, or float32 weights
    that are all trained where the hardware multiplies bfloat16."""
    attention: str = "sdpa"
    """The network's own attention, as it was: what answers are scored with."""

    def release(self) -> None:
        """Take the adapter and the attention off again, so that the network can be used for something else."""
        network = self.network.unload() if isinstance(self.network, PeftModel) else self.network
        network.set_attn_implementation(self.attention)


def tuned(
    model: LanguageModel,
    lora: LoraConfig | None,
    start: Path | None,
    examples: Sequence[Example],
    whole: bool = False,
) -> Tuned:
    """The model with the adapter or all the weights in `start`, with a new adapter, or bare where both are None.

    `whole`: all weights are to be trained.
    """
    attention = model.network.config._attn_implementation
    read = answers.fitting(model.network, examples, model.warn)
    set_attention(model.network, read)
    network = with_adapter(model.network, lora, start)
    layers = fused_lora.fuse(network)
    adapted = sum(hasattr(module, "lora_A") for module in network.modules())
    low = default_dtype() if whole else model.network.dtype if layers < adapted else torch.float32
    return Tuned(network, read, low == torch.bfloat16, attention)


def set_attention(network: Any, read: Reader) -> None:
    """Tree attention for trees. For rows on a CPU eager attention is faster than SDPA, whose backward pass alone took
    a fifth of a step on short rows (7.3 ms a layer for 20 rows of 25 tokens); on a GPU the library chooses."""
    if read is answers.by_trees:
        network.set_attn_implementation(tree_attention.NAME)
    elif not torch.cuda.is_available():
        network.set_attn_implementation("eager")


def with_adapter(network: Any, lora: LoraConfig | None, start: Path | None) -> Any:
    """The network with a new adapter, or with what is in `start`. Raises `UserError` where it has no such layers, and
    where the adapter was made for another model."""
    if start:
        return loading.put_whole(network, start) if is_whole(start) else loading.with_adapter(network, start, True)
    try:
        return get_peft_model(network, lora) if lora else network
    except (ValueError, RuntimeError) as error:
        layers = {name.split(".")[-1] for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)}
        raise UserError(f"The adapter does not fit: {error} This model has: {', '.join(sorted(layers))}.") from error
