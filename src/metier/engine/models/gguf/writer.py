"""A model as one GGUF file, weight by weight."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from metier.engine.models.gguf import architecture
from metier.engine.models.gguf.vocabulary import vocabulary
from metier.errors import UserError, nearest
from metier.runs.files import write

QUANTIZATIONS = ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
"""What the library `gguf` writes. K-quants it only reads."""


def write_gguf(
    network: Any,
    tokenizer: Any,
    file: Path,
    quantization: str,
    about: Mapping[str, Any],
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write a model and its tokenizer; the file is there completely or not at all. One weight stands in memory twice.

    `about`: further keys and values, `general.name` among them. Raises `UserError` where llama.cpp would not compute
    what the model computes.
    """
    if quantization not in QUANTIZATIONS:
        raise UserError(f"There is no quantization '{quantization}'.{nearest(quantization, QUANTIZATIONS)}")
    values = expected(network.config, tokenizer, rows_of(network))
    from gguf import LlamaFileType

    file_type = int(LlamaFileType[f"MOSTLY_{quantization.upper()}"])
    write(file, lambda path: _fill(path, network, quantization, {**about, "general.file_type": file_type, **values}))
    say(f"{file.name}: {file.stat().st_size / 1e6:,.0f} MB, {quantization}")


def expected(config: Any, tokenizer: Any, rows: int) -> dict[str, Any]:
    """Everything but names and weights that stands in the file of a model."""
    kind = architecture.architecture_of(config)
    return {"general.architecture": kind.name, **architecture.settings(config), **vocabulary(tokenizer, rows)}


def rows_of(network: Any) -> int:
    return int(network.get_input_embeddings().weight.shape[0])


def _fill(path: Path, network: Any, quantization: str, values: Mapping[str, Any]) -> None:
    from gguf import GGML_QUANT_VERSION, GGUFWriter
    from gguf.quants import quant_shape_to_byte_shape

    writer = GGUFWriter(None, str(values["general.architecture"]))
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for key, value in values.items():
        if key != "general.architecture":
            _put(writer, key, value)
    for name, weight in architecture.tensors(network):
        kind = _stored_type(weight, quantization)
        if kind.name in ("F32", "F16"):
            stored = np.dtype(np.float32 if kind.name == "F32" else np.float16)
            writer.add_tensor_info(name, weight.shape, stored, weight.numel() * stored.itemsize)
        else:
            shape = quant_shape_to_byte_shape(tuple(weight.shape), kind)
            writer.add_tensor_info(name, shape, np.dtype(np.uint8), int(np.prod(shape)), raw_dtype=kind)
    try:
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, weight in architecture.tensors(network):
            writer.write_tensor_data(_stored(name, weight, quantization))
    finally:
        writer.close()


def _put(writer: Any, key: str, value: Any) -> None:
    """A value under a key, in the type that llama.cpp reads it as."""
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, list(value))


def _stored_type(weight: torch.Tensor, quantization: str) -> Any:
    """The type in which a weight is stored: those of one dimension stay float32, and rows that do not fill whole blocks
    are stored in float16."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if weight.ndim == 1:
        return GGMLQuantizationType.F32
    kind = GGMLQuantizationType[quantization.upper()]
    block, _ = GGML_QUANT_SIZES[kind]
    return kind if weight.shape[-1] % block == 0 else GGMLQuantizationType.F16


def _stored(name: str, weight: torch.Tensor, quantization: str) -> NDArray[Any]:
    from gguf.quants import quantize

    values = weight.to(device="cpu", dtype=torch.float32).contiguous().numpy()
    kind = _stored_type(weight, quantization)
    if kind.name == "F16" and np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise UserError(f"The weight {name} has numbers beyond what float16 holds. Use `--quantization bf16`.")
    return quantize(values, kind)
