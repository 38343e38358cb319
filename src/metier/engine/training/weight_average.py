"""The trained weights averaged over the last steps: less of the luck that the last batch brings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from metier.errors import UserError
from metier.runs import distributed

FILE = "average.safetensors"


class WeightAverage(TrainerCallback):
    """An exponential moving average of the trained weights (Polyak and Juditsky 1992) over about `window` steps.

    At a constant learning rate it measures what a decay would give (Hägele et al. 2024, NeurIPS), so that settings can
    be compared before the learning rate falls. It stands in each checkpoint, so going on gives the same weights.
    """

    def __init__(self, window: int) -> None:
        self.window = max(1, window)
        self.mean: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}" / FILE
        if state.global_step == 0:
            self.mean = {name: weight.detach().clone() for name, weight in _trained(kwargs["model"])}
        elif checkpoint.is_file():
            self.mean = {name: value.to(kwargs["model"].device) for name, value in load_file(checkpoint).items()}
        else:
            raise UserError(f"{checkpoint.parent} has no {FILE}. Remove {args.output_dir}, and it is trained again.")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        share = 1 / min(state.global_step, self.window)  # of the first steps the plain mean
        with torch.no_grad():
            for name, weight in _trained(kwargs["model"]):
                self.mean[name].lerp_(weight, share)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if distributed.first():
            save_file(self.mean, Path(args.output_dir) / f"checkpoint-{state.global_step}" / FILE)

    @contextmanager
    def applied(self, network: Any) -> Iterator[None]:
        """The network with the averaged weights; afterwards it has its own again."""
        own = {name: weight.detach().clone() for name, weight in _trained(network)}
        _put(network, self.mean)
        try:
            yield
        finally:
            _put(network, own)


def _trained(network: Any) -> list[tuple[str, torch.Tensor]]:
    named = distributed.unwrapped(network).named_parameters()
    return [(name, weight) for name, weight in named if weight.requires_grad]


def _put(network: Any, values: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, weight in _trained(network):
            weight.copy_(values[name])
