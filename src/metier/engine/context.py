"""How many tokens a model reads at once, and what does not fit."""

from typing import Any

STATED_LIMIT = 131_072
"""Tokens that a model may read which states no context of its own (layers with a recurrent state): a bound for memory,
not for the model."""


def context_of(config: Any) -> int:
    """Most tokens of a prompt and its answer together, by a model's configuration."""
    stated = getattr(config.get_text_config(), "max_position_embeddings", None)
    return stated if isinstance(stated, int) and stated > 0 else STATED_LIMIT
