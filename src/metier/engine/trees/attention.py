"""Attention over a forest: every token sees the common prefix and its own ancestors.

Linear layers see a flat row; the padded rows exist in here only, for as long as a layer's attention takes. The weights
are kept for the backward pass once, in the type of the model, where the eager attention of transformers keeps them in
float32 as well, repeats keys for grouped heads and casts to and fro. The mathematics is section 3.2.1 of Vaswani et al.
2017 and nothing else.
"""

from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface

from metier.engine.trees.packing import PackedBatch

NAME = "metier_trees"
BLOCK = 96
"""Least cells of a block of queries."""


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    *,
    forest: PackedBatch,
    scaling: float,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it: (1, heads, tokens, size) queries, keys and values with fewer heads -> (1, tokens,
    heads, size)."""
    if attention_mask is not None or dropout:
        raise ValueError("tree attention takes no further mask and no dropout")
    # Under autocast the rotation leaves queries and keys in float32 beside values in bfloat16.
    flat = [states[0].transpose(0, 1).to(value.dtype) for states in (query, key, value)]
    # On a GPU autocast would leave the weights in float32, which the products of the backward pass do not mix.
    with torch.autocast(value.device.type, enabled=False):
        return _Attention.apply(flat[0] * scaling, flat[1], flat[2], forest)[None], None


AttentionInterface.register(NAME, attend)


class _Attention(torch.autograd.Function):
    """(tokens, heads, size) scaled queries, (tokens, kv heads, size) keys and values -> (tokens, heads, size)."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, forest: PackedBatch
    ) -> torch.Tensor:
        parts, weights, outs = _parts(forest, key.shape[1]), [], []
        for part in parts:
            queries, keys, values = part.asking(query), part.asked(key), part.asked(value)
            parted = []
            for block in part.blocks:
                seen = part.before + block.stop
                scores = torch.bmm(_flat(queries, block), keys[:, :seen].transpose(1, 2))
                part.hide(scores, block)
                weights.append(torch.softmax(scores, -1))  # bfloat16 is summed in float32 inside
                parted.append(torch.bmm(weights[-1], values[:, :seen]))
            outs.append(part.home(_joined(parted, queries)))
        ctx.save_for_backward(query, key, value, *weights)
        ctx.parts = parts
        return torch.cat(outs)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        query, key, value, *saved = ctx.saved_tensors
        d_query, d_key, d_value = [], torch.zeros_like(key), torch.zeros_like(value)
        of_blocks = iter(saved)
        for part in ctx.parts:
            queries, keys, values, grad = part.asking(query), part.asked(key), part.asked(value), part.asking(grads[0])
            d_queries, d_keys, d_values = [], torch.zeros_like(keys), torch.zeros_like(values)
            for block in part.blocks:
                seen, weights, mine = part.before + block.stop, next(of_blocks), _flat(grad, block)
                d_values[:, :seen].baddbmm_(weights.transpose(1, 2), mine)
                d_weights = torch.bmm(mine, values[:, :seen].transpose(1, 2))
                d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
                d_queries.append(torch.bmm(d_scores, keys[:, :seen]))
                d_keys[:, :seen].baddbmm_(d_scores.transpose(1, 2), _flat(queries, block))
            d_query.append(part.home(_joined(d_queries, queries)))
            part.add(d_key, d_keys)
            part.add(d_value, d_values)
        return torch.cat(d_query), d_key, d_value, None


def _flat(states: torch.Tensor, block: slice) -> torch.Tensor:
    """(rows, group, width, size) -> (rows, group * block, size)"""
    return states[:, :, block].flatten(1, 2)


def _joined(blocks: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Blocks as `_flat` gives them -> (rows, group, width, size)"""
    parted = [block.view(len(like), like.shape[1], -1, like.shape[-1]) for block in blocks]
    return parted[0] if len(parted) == 1 else torch.cat(parted, 2)


def _blocks(width: int) -> list[slice]:
    """Cells cut so that a block sees those before it and itself: nothing stands behind what it sees (preorder), so of
    scores that are hidden anyway up to a half is never computed."""
    count = max(1, width // BLOCK)
    edges = [width * number // count for number in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


class _Prefix:
    """The common prefix, as one row: each token sees those before it."""

    before = 0

    def __init__(self, forest: PackedBatch, kv_heads: int) -> None:
        self.size, self.kv_heads, self.blocks = forest.prefix, kv_heads, _blocks(forest.prefix)
        self.hidden = torch.ones(self.size, self.size, dtype=torch.bool, device=forest.ids.device).triu(1)

    def asking(self, states: torch.Tensor) -> torch.Tensor:
        """(kv heads, group, prefix, size)"""
        mine = states[: self.size].view(self.size, self.kv_heads, -1, states.shape[-1])
        return mine.permute(1, 2, 0, 3)

    def asked(self, states: torch.Tensor) -> torch.Tensor:
        """(kv heads, prefix, size)"""
        return states[: self.size].transpose(0, 1)

    def hide(self, scores: torch.Tensor, block: slice) -> None:
        parted = scores.view(self.kv_heads, -1, block.stop - block.start, block.stop)
        parted.masked_fill_(self.hidden[block, : block.stop], -torch.inf)

    def home(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows as `asking` gives them -> (prefix, heads, size)"""
        return rows.permute(2, 0, 1, 3).flatten(1, 2)

    def add(self, total: torch.Tensor, rows: torch.Tensor) -> None:
        """Gradients of what was asked, into (tokens, kv heads, size)."""
        total[: self.size] += rows.transpose(0, 1)


class _Trees:
    """The trees behind the prefix, padded to the widest: each token sees the prefix and its own ancestors."""

    def __init__(self, forest: PackedBatch, kv_heads: int) -> None:
        self.before, self.kv_heads, self.cells, self.place = forest.prefix, kv_heads, forest.cells, forest.home
        self.items, self.width = forest.cells.shape
        self.hidden, self.padding = forest.hidden, forest.padding.flatten()[:, None]
        self.blocks = _blocks(self.width)

    def asking(self, states: torch.Tensor) -> torch.Tensor:
        """(items * kv heads, group, width, size)"""
        size = states.shape[-1]
        rows = self._rows(states).view(self.items, self.width, self.kv_heads, -1, size)
        return rows.permute(0, 2, 3, 1, 4).reshape(self.items * self.kv_heads, -1, self.width, size)

    def asked(self, states: torch.Tensor) -> torch.Tensor:
        """(items * kv heads, prefix + width, size)"""
        size = states.shape[-1]
        own = self._rows(states).view(self.items, self.width, self.kv_heads, size).transpose(1, 2)
        before = states[: self.before].transpose(0, 1).expand(self.items, -1, -1, -1)
        return torch.cat([before, own], 2).view(self.items * self.kv_heads, -1, size)

    def hide(self, scores: torch.Tensor, block: slice) -> None:
        parted = scores.view(self.items, -1, block.stop - block.start, self.before + block.stop)
        parted[..., self.before :].masked_fill_(self.hidden[:, None, block, : block.stop], -torch.inf)

    def home(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows as `asking` gives them -> (tokens - prefix, heads, size)"""
        parted = rows.view(self.items, self.kv_heads, -1, self.width, rows.shape[-1])
        flat = parted.permute(0, 3, 1, 2, 4).reshape(self.items * self.width, -1, rows.shape[-1])
        return flat.index_select(0, self.place)

    def add(self, total: torch.Tensor, rows: torch.Tensor) -> None:
        """Gradients of what was asked, into (tokens, kv heads, size)."""
        parted = rows.view(self.items, self.kv_heads, -1, rows.shape[-1])
        total[: self.before] += parted[:, :, : self.before].sum(0).transpose(0, 1)
        own = parted[:, :, self.before :].transpose(1, 2).reshape(self.items * self.width, *total.shape[1:])
        total[self.before :] += own.index_select(0, self.place)

    def _rows(self, states: torch.Tensor) -> torch.Tensor:
        """(items * width, heads * size): each token in its cell, zeros in padding, which sees the prefix as well and
        would hand it gradients."""
        own = states[self.before :].reshape(len(states) - self.before, -1)
        return own.index_select(0, self.cells.flatten()).masked_fill_(self.padding, 0)


def _parts(forest: PackedBatch, kv_heads: int) -> list[Any]:
    trees = _Trees(forest, kv_heads)
    return [_Prefix(forest, kv_heads), trees] if forest.prefix else [trees]
