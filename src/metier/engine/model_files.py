"""What stands in a folder of a model or of an adapter, looked at before any library opens it.

The libraries fall back: on a pickle where an index names one, on the hub where a file is missing, on random weights
where a tensor is. Here each of these is a message that names the file.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from metier.errors import UserError, shown

READ = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.jinja",
    "chat_templates/*",
)
"""What the loaders of transformers and peft read, and so what a hash of a model covers."""
PICKLES = ("*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
MOST_JSON_BYTES = 64 << 20
"""A configuration has kilobytes, a tokenizer of 256,000 tokens 35 MB."""
LARGEST_PARAMETER_RATIO = 16
"""Parameters that a configuration may ask for, for each number in the files. 4-bit weights are packed 8 to a number."""
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


def files_sha256(folder: Path) -> str:
    """Hash of every file in a folder that changes answers: names and contents, in order of name."""
    digest = hashlib.sha256()
    found = {file for pattern in READ for file in folder.glob(pattern) if file.is_file()}
    for file in sorted(found):
        digest.update(str(file.relative_to(folder)).encode())
        with open(file, "rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def check_model(folder: Path) -> None:
    """Raises `UserError` where a folder's files are no model of safetensors, or would have a library open others."""
    config = read_object(folder / "config.json")
    if "transformers_weights" in config:
        raise UserError(
            f"{folder / 'config.json'} names its own file of weights (transformers_weights), which may be a pickle. "
            "Take the key out, and save the weights as model.safetensors."
        )
    if (folder / ADAPTER_CONFIG).exists():
        raise UserError(
            f"{folder} holds an adapter ({ADAPTER_CONFIG}) beside a model, and the adapter would be loaded too. Merge "
            "it into the model, or name a folder without it."
        )
    for index in sorted(folder.glob("*.index.json")):
        _check_index(index)
    numbers = sum(_numbers(file) for file in sorted(folder.glob("*.safetensors")))
    if not numbers:
        raise UserError(f"The safetensors in {folder} hold no weights. Save the model again with `save_pretrained`.")
    layers = config.get("num_hidden_layers")
    if isinstance(layers, int) and layers > numbers:
        raise UserError(f"{folder / 'config.json'} asks for {shown(layers)} layers, and the weights are {numbers:,}.")


def check_adapter(folder: Path) -> None:
    """Raises `UserError` where a folder is no adapter of safetensors."""
    if not (folder / ADAPTER).is_file():
        pickles = sorted(file.name for file in folder.glob("adapter_model.*"))
        why = f"its weights are a pickle ({pickles[0]}), which is not opened" if pickles else f"it has no {ADAPTER}"
        raise UserError(f"{folder} is no adapter that can be used: {why}. Train it again, or put the file back.")
    read_object(folder / ADAPTER_CONFIG)
    _numbers(folder / ADAPTER)


def check_size(config: Any, folder: Path) -> None:
    """Raises `UserError` where a configuration asks for far more parameters than the files hold, before memory is
    asked for."""
    import torch
    from transformers import AutoModelForCausalLM

    held = sum(_numbers(file) for file in sorted(folder.glob("*.safetensors")))
    try:
        with torch.device("meta"):
            wanted = AutoModelForCausalLM.from_config(config, trust_remote_code=False).num_parameters()
    except Exception as error:  # whatever a model's own code makes of strange settings
        raise UserError(
            f"{folder / 'config.json'} is the configuration of no model: {shown(str(error), 300)}"
        ) from error
    if wanted > LARGEST_PARAMETER_RATIO * held:
        raise UserError(
            f"{folder / 'config.json'} asks for {wanted:,} parameters, and the safetensors beside it hold {held:,}. "
            "Put the configuration of these weights there."
        )


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object. Raises `UserError` that names the file where it is none."""
    if not file.is_file():
        raise UserError(f"{file} is missing. Save the model or adapter again with `save_pretrained`.")
    if file.stat().st_size > MOST_JSON_BYTES:
        raise UserError(f"{file} has {file.stat().st_size:,} bytes, too many for a file of settings.")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not valid JSON. Put back the file that belongs there.") from error
    if not isinstance(found, dict):
        raise UserError(
            f"{file} is a JSON {type(found).__name__}, not an object. Put back the file that belongs there."
        )
    return found


def _check_index(index: Path) -> None:
    shards = read_object(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise UserError(f"{index} maps no weights to files. Save the model again with `save_pretrained`.")
    for shard in sorted({str(shard) for shard in shards.values()}):
        if not shard.endswith(".safetensors") or Path(shard).name != shard:
            raise UserError(
                f"{index} names {shown(shard)}, which is no .safetensors file beside it. Metier opens no pickle and no "
                "file elsewhere: save the model again with safe_serialization=True."
            )
        if not (index.parent / shard).is_file():
            raise UserError(f"{index} names {shown(shard)}, which is missing. Fetch the model again.")


def _numbers(file: Path) -> int:
    """How many numbers the tensors of a file have. Raises `UserError` where the file is truncated or garbage."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as tensors:
            return sum(_product(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    except (SafetensorError, OSError, struct.error, ValueError) as error:
        raise UserError(f"{file} is damaged ({shown(str(error), 200)}). Fetch or save it again.") from error


def _product(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
