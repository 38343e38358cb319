"""A network from files, refused unless every weight came from them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from metier.engine.model_files import check_adapter, check_model, check_size
from metier.errors import UserError, shown

MOST_NAMED = 3


def load_network(folder: Path, **settings: Any) -> Any:
    """The causal model in a folder. `settings` go to transformers' `from_pretrained`.

    Raises `UserError` where a weight is missing, has another shape, belongs to no layer, or is no number.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    check_model(folder)
    check_size(load_config(folder), folder)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it prints a table of what we say in a sentence
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **settings
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise UserError(f"The model in {folder} cannot be loaded: {shown(str(error), 300)}") from error
    finally:
        logging.set_verbosity(level)
    network, info = loaded
    for what in ("missing", "unexpected", "mismatched"):
        refuse(f"The weights in {folder} do not fit its config.json", what, map(_name, info[f"{what}_keys"]))
    check_numbers(network, folder)
    return network


def load_config(folder: Path) -> Any:
    """The configuration in a folder. Raises `UserError` where it is none that can be used."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a configuration's own checks raise
        raise UserError(f"{folder / 'config.json'} cannot be used: {shown(str(error), 300)}") from error


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder. Raises `UserError` where there is none, or it is garbage."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # the tokenizers library raises plain exceptions
        raise UserError(f"The tokenizer in {folder} cannot be loaded: {shown(str(error), 300)}") from error


def load_adapter(network: Any, folder: Path, trainable: bool = False) -> Any:
    """The network with the adapter in a folder. Raises `UserError` where it is damaged or made for another model."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    check_adapter(folder)
    try:
        adapted = PeftModel.from_pretrained(network, folder, is_trainable=trainable, local_files_only=True)
        wanted = set(get_peft_model_state_dict(adapted))
    except Exception as error:  # settings of an adapter reach many places of peft
        raise UserError(f"The adapter {folder} does not fit the model: {shown(str(error), 300)}") from error
    with safe_open(folder / "adapter_model.safetensors", "pt") as tensors:
        held = set(tensors.keys())
    refuse(f"The adapter {folder} does not fit the model", "missing", wanted - held)
    refuse(f"The adapter {folder} does not fit the model", "unexpected", held - wanted)
    check_numbers(adapted, folder)
    return adapted


def check_numbers(network: Any, folder: Path) -> None:
    """Raises `UserError` where a weight is NaN or infinite: every answer would be."""
    for name, weight in network.named_parameters():
        if weight.dtype.is_floating_point and not bool(torch.isfinite(weight).all()):
            raise UserError(
                f"The weight {shown(name)} in {folder} holds NaN or infinity. Fetch the model again, or train again "
                "with a lower `lr`."
            )


def refuse(what: str, fault: str, names: Iterable[str]) -> None:
    """Raises `UserError` that names the first of the weights with a fault, if there are any."""
    if found := sorted(names):
        more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
        listed = ", ".join(shown(name) for name in found[:MOST_NAMED])
        raise UserError(f"{what}: {fault} {listed}{more}. Fetch or save it again.")


def _name(entry: Any) -> str:
    """Of a mismatched weight transformers tells name and both shapes."""
    return entry if isinstance(entry, str) else str(entry[0])
