"""What llama.cpp is told about a model's layers: its keys, the names of the weights, and how they stand in the file.

llama.cpp rotates neighboring pairs (2i, 2i+1) of a head for the architecture `llama`, where transformers rotates the
two halves (i, i + d/2): the rows of the query and key weights are put into that order. For `gemma3` it multiplies by
the norm's weight, where transformers multiplies by one plus the weight. Tied embeddings are stored once. Weights of one
dimension stay in float32.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from metier.errors import UserError

Settings = dict[str, Any]
"""Key of the file -> value: whole numbers, floats, texts, booleans, or lists of them."""
LOCAL_ROPE = "sliding_attention"
ROPE_KEYS = {"rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings"}
LLAMA3_KEYS = {"low_freq_factor", "high_freq_factor"}
ROPE_DEFAULTS = {"beta_fast": 32, "beta_slow": 1, "truncate": True, "partial_rotary_factor": 1}
"""What llama.cpp computes with where its file says nothing."""


@dataclass(frozen=True)
class Architecture:
    """How llama.cpp computes the models of one kind."""

    name: str
    activation: str = "silu"
    rotates_pairs: bool = False
    """Whether it rotates neighbors, and not halves."""
    norm_offset: float = 0.0
    """What stands in the file beside a norm's weight."""
    special: Callable[[Any], Settings] = lambda config: {}
    """Settings that only this kind has. Raises `UserError` for what llama.cpp does not compute."""


def _qwen2(config: Any) -> Settings:
    _without(config, "use_sliding_window")
    return {}


def _gemma3(config: Any) -> Settings:
    _without(config, "attn_logit_softcapping", "final_logit_softcapping", "use_bidirectional_attention")
    types = list(config.layer_types)
    period = types.index("full_attention") + 1 if "full_attention" in types else len(types) + 1
    if types != [("sliding_attention", "full_attention")[(at + 1) % period == 0] for at in range(len(types))]:
        raise UserError("llama.cpp reads every n-th layer of a Gemma 3 model as global; this one has another order.")
    # The 27B model divides by hidden size over heads, which llama.cpp knows by its 62 layers.
    divisor = config.hidden_size // config.num_attention_heads if len(types) == 62 else config.head_dim
    if config.query_pre_attn_scalar != divisor:
        raise UserError(
            f"llama.cpp divides attention scores by the root of {divisor}, and this model by that of "
            f"{config.query_pre_attn_scalar} (query_pre_attn_scalar). Export it as `merged` or `vllm`."
        )
    local = config.rope_parameters[LOCAL_ROPE]
    _check_rope(local)
    if local.get("rope_type", "default") != "default":
        raise UserError("llama.cpp does not scale the rotary embedding of Gemma 3's local layers; this model does.")
    return {
        "attention.sliding_window": int(config.sliding_window),
        "attention.sliding_window_pattern": period,
        "rope.freq_base_swa": float(local["rope_theta"]),
    }


ARCHITECTURES = {
    "llama": Architecture("llama", rotates_pairs=True),
    "mistral": Architecture("llama", rotates_pairs=True),
    "qwen2": Architecture("qwen2", special=_qwen2),
    "qwen3": Architecture("qwen3", special=_qwen2),
    "gemma3_text": Architecture("gemma3", activation="gelu_pytorch_tanh", norm_offset=1.0, special=_gemma3),
}
"""By transformers' `model_type`."""


def architecture_of(config: Any) -> Architecture:
    """How llama.cpp computes a model. Raises `UserError` where it is none of those that are written here."""
    if config.model_type not in ARCHITECTURES:
        raise UserError(
            f"A model of the kind '{config.model_type}' cannot be written as GGUF here. There are: "
            f"{', '.join(sorted(ARCHITECTURES))}. Export it as `merged` or `vllm`."
        )
    return ARCHITECTURES[config.model_type]


def settings(config: Any) -> Settings:
    """What llama.cpp is told of a model. Raises `UserError` where it would compute something else."""
    kind = architecture_of(config)
    _without(config, "attention_bias", "mlp_bias")
    activation = getattr(config, "hidden_act", None) or config.hidden_activation
    if activation != kind.activation:
        raise UserError(f"llama.cpp computes '{kind.name}' with {kind.activation}, and this model has {activation}.")
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    own = {
        "vocab_size": config.vocab_size,
        "context_length": _context(config),
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        "rope.dimension_count": head_dim,
        **_rope(config),
        **kind.special(config),
    }
    return {f"{kind.name}.{key}": value for key, value in own.items()}


def _context(config: Any) -> int:
    """Tokens that the model reads at once. Where every layer sees only a window, llama.cpp sees all of `llama`: up to
    the window both compute the same."""
    window = getattr(config, "sliding_window", None) if config.model_type == "mistral" else None
    return min(config.max_position_embeddings, window or config.max_position_embeddings)


def _global_rope(config: Any) -> dict[str, Any]:
    """The rotary parameters of the layers that see everything."""
    rope: dict[str, Any] = config.rope_parameters
    return rope.get("full_attention", rope)


def _check_rope(rope: Mapping[str, Any]) -> None:
    """Raises `UserError` for parameters that would change what is computed, and that the file does not hold."""
    kind = rope.get("rope_type", "default")
    written = ROPE_KEYS | (LLAMA3_KEYS if kind == "llama3" else set())
    for key, value in rope.items():
        if key not in written and value is not None and value != ROPE_DEFAULTS.get(key):
            raise UserError(
                f"The rotary parameter `{key}: {value}` (rope_type '{kind}') cannot be written as GGUF here. Export "
                "the model as `merged` or `vllm`."
            )


def _rope(config: Any) -> Settings:
    rope = _global_rope(config)
    _check_rope(rope)
    kind, base = rope.get("rope_type", "default"), {"rope.freq_base": float(rope["rope_theta"])}
    if kind in ("default", "llama3"):  # llama3 has factors of its own, as a tensor
        return base
    if kind == "linear":
        return {**base, "rope.scaling.type": "linear", "rope.scaling.factor": float(rope["factor"])}
    if kind == "yarn":
        return {
            **base,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": float(rope["factor"]),
            "rope.scaling.original_context_length": int(
                rope.get("original_max_position_embeddings") or config.max_position_embeddings
            ),
        }
    raise UserError(f"Rotary scaling '{kind}' cannot be written as GGUF here. Export the model as `merged` or `vllm`.")


def tensors(network: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Name in the file and weight, one after the other, as llama.cpp expects them.

    Raises `UserError` where it has no place for a weight.
    """
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

    config = network.config
    kind = architecture_of(config)
    known: dict[str, MODEL_ARCH] = {name: arch for arch, name in MODEL_ARCH_NAMES.items()}
    names = get_tensor_name_map(known[kind.name], config.num_hidden_layers)
    if (factors := _llama3_factors(config)) is not None:
        yield "rope_freqs.weight", factors
    for name, weight in network.named_parameters():
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if stored is None:
            raise UserError(f"llama.cpp has no place for the weight {name} of a model of the kind '{kind.name}'.")
        yield stored, _as_stored(kind, config, name, weight.detach())


def _as_stored(kind: Architecture, config: Any, name: str, weight: torch.Tensor) -> torch.Tensor:
    if kind.norm_offset and name.endswith("norm.weight"):
        return weight.float() + kind.norm_offset
    if kind.rotates_pairs and ".q_proj." in name:
        return _in_pairs(weight, config.num_attention_heads)
    if kind.rotates_pairs and ".k_proj." in name:
        return _in_pairs(weight, config.num_key_value_heads)
    return weight


def _in_pairs(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of each head with those that are rotated together beside each other."""
    halves = weight.view(heads, 2, -1, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape)


def _llama3_factors(config: Any) -> torch.Tensor | None:
    """By what llama.cpp divides each frequency of a model with Llama 3's rotary scaling; None for others."""
    rope = _global_rope(config)
    if rope.get("rope_type") != "llama3":
        return None
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    factor, low, high = (float(rope[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    frequencies = float(rope["rope_theta"]) ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)  # in the trained context
    smooth = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).float()


def _without(config: Any, *features: str) -> None:
    if has := [name for name in features if getattr(config, name, None)]:
        raise UserError(
            f"llama.cpp does not compute `{has[0]}: {getattr(config, has[0])}` for models of the kind "
            f"'{config.model_type}'. Export it as `merged` or `vllm`."
        )
