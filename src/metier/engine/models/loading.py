"""Networks, tokenizers and adapters from folders: whole, or refused by the name of what is wrong."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from metier.engine.models import model_files
from metier.engine.models.model_files import first_line, understood
from metier.errors import UserError

NAMED = 3
"""So many weights are named in a message, then how many more there are."""
MORE = 2.0
"""A config that asks for so many times the numbers that the files hold is not tried: it may ask for any memory."""
BUFFERS = 1 << 30
"""Most numbers that a model may work out at its start, beside its weights."""


def network(folder: Path, **how: Any) -> Any:
    """The causal model in a folder, with every weight from its safetensors. Raises `UserError` where one is missing,
    has no place in the model, has another shape or is no number."""
    from transformers import AutoModelForCausalLM

    stored = model_files.check_model(folder)
    _check_size(folder, stored)
    with understood(f"The model in {folder} cannot be loaded", folder), quiet():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told below, by name
            **how,
        )
        loaded_network, report = loaded
    check_loaded(folder, report)
    check_finite(folder, loaded_network.named_parameters())
    return loaded_network


def check_loaded(source: Path, report: Mapping[str, Any]) -> None:
    """Raises `UserError` where transformers drew a weight at random or left one aside, both of which it only warns
    of. Tied weights, and what it knows to be of no use, it does not count."""
    refuse(
        f"The weights of {source} do not fit the model",
        {
            "in other shapes than config.json asks for": [name for name, *_ in report["mismatched_keys"]],
            "missing, and would be drawn at random": report["missing_keys"],
            "without a place in the model": report["unexpected_keys"],
        },
    )
    if report.get("error_msgs"):
        raise UserError(
            f"The weights of {source} do not fit the model: {first_line(ValueError(report['error_msgs'][0]))}"
        )


def refuse(what: str, faults: Mapping[str, Iterable[str]]) -> None:
    """Raises `UserError` with the names of the first fault that has any."""
    for fault, names in faults.items():
        if names := sorted(names):
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            raise UserError(f"{what}. Weights {fault}: {', '.join(names[:NAMED])}{more}. Fetch or save them again.")


def check_finite(source: Path, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Raises `UserError` where a weight is NaN or infinite. A sum is looked at first: it costs one reading."""
    broken = [
        name
        for name, weight in weights
        if weight.is_floating_point() and not torch.isfinite(weight.sum()) and not torch.isfinite(weight).all()
    ]
    refuse(f"The weights of {source} are not all numbers", {"with NaN or infinity": broken})


def config(folder: Path) -> Any:
    """The configuration in a folder."""
    from transformers import AutoConfig

    with understood(f"{folder / 'config.json'} cannot be used", folder), quiet():
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


def tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder."""
    from transformers import AutoTokenizer

    with understood(f"The tokenizer in {folder} cannot be loaded", folder), quiet():
        loaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        loaded("a")["input_ids"]
    return loaded


def with_adapter(network: Any, folder: Path, is_trainable: bool = False, name: str = "default") -> Any:
    """The network with the LoRA adapter in a folder. Raises `UserError` where it is torn, or was made for another
    model."""
    from peft import PeftModel

    stored = model_files.check_adapter(folder)
    with understood(f"The adapter {folder} does not fit the model", folder), quiet():
        adapted = PeftModel.from_pretrained(network, folder, is_trainable=is_trainable, adapter_name=name)
    check_adapter(adapted, folder, stored, name)
    return adapted


def add_adapter(network: Any, folder: Path, name: str) -> None:
    """One adapter more, beside those that a network has."""
    stored = model_files.check_adapter(folder)
    with understood(f"The adapter {folder} does not fit the model", folder), quiet():
        network.load_adapter(folder, adapter_name=name)
    check_adapter(network, folder, stored, name)


def check_adapter(network: Any, folder: Path, stored: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raises `UserError` where peft left a weight of the adapter at its start, or one of the file aside."""
    from peft import get_peft_model_state_dict

    with quiet():
        wanted = get_peft_model_state_dict(network, adapter_name=name)
    refuse(
        f"The adapter {folder} does not fit the model",
        {
            "missing": set(wanted) - set(stored),
            "without a place in the model": set(stored) - set(wanted),
            "in other shapes": [key for key in set(wanted) & set(stored) if tuple(wanted[key].shape) != stored[key]],
        },
    )
    check_finite(folder, wanted.items())


def put_whole(network: Any, folder: Path) -> Any:
    """The network with all the weights in a folder in place of its own."""
    from safetensors.torch import load_file

    model_files.check_model(folder)
    tensors: dict[str, torch.Tensor] = {}
    for file in model_files.weight_files(folder):
        tensors |= load_file(file)
    with understood(f"The weights in {folder} do not fit the model", folder):
        keys = network.load_state_dict(tensors, strict=False)
    state = network.state_dict()
    places = {state[name].data_ptr() for name in tensors if name in state}
    missing = {name for name in keys.missing_keys if state[name].data_ptr() not in places}  # tied ones aside
    check_loaded(folder, {"missing_keys": missing, "unexpected_keys": keys.unexpected_keys, "mismatched_keys": []})
    check_finite(folder, network.named_parameters())
    return network


@contextmanager
def quiet() -> Iterator[None]:
    """The libraries' reports aside: what they only warn of is an error here, in our own words."""
    from transformers.utils import logging

    was = logging.get_verbosity()
    logging.disable_progress_bar()  # loading takes a second, and its bar would tear ours
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(was)


def _check_size(folder: Path, stored: Mapping[str, tuple[int, ...]]) -> None:
    """Raises `UserError` where the config asks for far more numbers than the files hold, before they take memory."""
    from transformers import AutoModelForCausalLM

    settings = config(folder)
    with understood(f"{folder / 'config.json'} cannot be used", folder), quiet(), torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(settings, trust_remote_code=False)
        wanted = sum(weight.numel() for weight in empty.parameters())
        buffers = sum(buffer.numel() for buffer in empty.buffers())
    held = sum(math.prod(shape) for shape in stored.values())
    packed = getattr(settings, "quantization_config", None) is not None  # several weights in a number
    if buffers > BUFFERS or not packed and wanted > MORE * held + 1_000_000:
        raise UserError(
            f"{folder / 'config.json'} asks for a model of {wanted + buffers:,} numbers, and the weights in the folder "
            f"are {held:,}. Put the config back that belongs to them."
        )
