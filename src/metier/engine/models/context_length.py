"""How many tokens a model reads at once."""

from typing import Any

STATED_LIMIT = 131_072
"""Tokens that a model may read which states no context of its own (layers with a recurrent state): a bound for memory,
not for the model."""
STATED = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")
"""What configurations call the context; most know the first name beside their own."""
SANE = 100_000_000
"""Numbers from here on are no statement: transformers writes 10^30 where a tokenizer knows of no limit."""


def context_of(config: Any, tokenizer: Any) -> int:
    """Most tokens that a model reads at once, by its configuration, or by its tokenizer where that says nothing.

    The tokenizer's number alone is often a default: that of Qwen2.5 is four times the model's.
    """
    text = config.get_text_config()
    for stated in (*(getattr(text, name, None) for name in STATED), getattr(tokenizer, "model_max_length", None)):
        if isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated < SANE:
            return int(stated)
    return STATED_LIMIT
