"""A network made ready for training, with a new adapter or one to go on with."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from metier.errors import UserError


def for_training(network: Any) -> Any:
    """The network with the attention that trains fastest here; on a GPU the library chooses.

    On a CPU eager attention is faster than SDPA for short rows, whose backward pass alone took a fifth of a step (7.3
    ms a layer for 20 rows of 25 tokens). Scoring has no backward pass, and there SDPA is 1.1 to 1.4 times faster.
    """
    if not torch.cuda.is_available():
        network.set_attn_implementation("eager")
    return network


def with_adapter(network: Any, lora: LoraConfig, start: Path | None) -> Any:
    """The network with a new adapter, or with the one in `start`. Raises `UserError` where it has no such layers."""
    try:
        return PeftModel.from_pretrained(network, start, is_trainable=True) if start else get_peft_model(network, lora)
    except ValueError as error:
        layers = {name.split(".")[-1] for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)}
        raise UserError(f"The adapter does not fit: {error} This model has: {', '.join(sorted(layers))}.") from error
