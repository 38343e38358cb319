"""A training batch as token trees in one flat row: what its examples share stands in it once.

All prompts' common beginning comes first, then the trees: the rest of a prompt with its answers as a trie, or of
several neighbors that begin alike (questions about one table), each going its own way from where it differs.
Linear layers see a row with hardly any padding; `tree_attention` gives every token its own ancestors and nothing else.

Sizes are rounded up (`rounded`), because oneDNN compiles a product for each size that it has not seen, 2 to 4 ms each,
and a step has 40 kinds of products: where no two batches are alike, a short step spends more time on that than on
multiplying.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.engine.trees import token_trees
from metier.engine.trees.examples import Example
from metier.engine.trees.token_trees import Options, TokenTree

PADDING = 0
"""The token that fills up; nothing sees it but itself."""


@dataclass(frozen=True)
class PackedBatch:
    """A batch of `items` trees behind a common prefix, `tokens` in all, some of them padding."""

    ids: torch.Tensor
    """(1, tokens)"""
    positions: torch.Tensor
    """(1, tokens) place in the text, as rotary embeddings take it: depth in the tree."""
    prefix: int
    """Tokens of the common prefix, which every tree sees."""
    cells: torch.Tensor
    """(items, width) which token behind the prefix stands in a cell of the padded rows; padding repeats the first."""
    padding: torch.Tensor
    """(items, width) True where a cell is padding."""
    home: torch.Tensor
    """(tokens - prefix,) the cell of each token, in the flattened padded rows."""
    hidden: torch.Tensor
    """(items, width, width) True where a token (second axis) must not see another (third axis)."""
    keep: torch.Tensor
    """(1, tokens) bool: the tokens for which the head runs: those that predict a learned one, and a few more."""
    predictor: torch.Tensor
    """(steps,) for each learned token of each answer, which kept row predicts it."""
    learned: torch.Tensor
    """(steps,) the learned tokens."""
    answer: torch.Tensor
    """(steps,) the answer each belongs to, counted through the batch."""
    answers: tuple[int, ...]
    """Answers of each example."""

    def to(self, device: Any) -> "PackedBatch":
        moved: dict[str, Any] = {key: x.to(device) for key, x in vars(self).items() if isinstance(x, torch.Tensor)}
        return replace(self, **moved)


def pack(examples: Sequence[Example], places: Sequence[Sequence[int]] | None = None) -> PackedBatch:
    """The token trees of a batch's examples, in `rounded` sizes.

    `places`: which of them stand in a tree, tree by tree, neighbors that begin alike behind one another; left out,
    each in its own.
    """
    places = places or [[place] for place in range(len(examples))]
    prefix = token_trees.common_prefix([example.prompt for example in examples])
    questions = [(example.prompt[prefix:], Options.of(example.answers)) for example in examples]
    grown = [token_trees.row_of([questions[place] for place in tree]) for tree in places]
    rows = _padded([tree for tree, _ in grown], prefix)
    first_answer = np.concatenate([[0], np.cumsum([len(example.answers) for example in examples])])
    learned = [
        _Learned(number, step.node, step.token, int(first_answer[places[number][step.question]]) + step.option)
        for number, (_, steps) in enumerate(grown)
        for step in steps
    ]
    return PackedBatch(
        ids=_row([*examples[0].prompt[:prefix], *(token for tree in rows for token in tree.tokens)]),
        positions=_row([*range(prefix), *(prefix + depth for tree in rows for depth in tree.depth)]),
        prefix=prefix,
        answers=tuple(len(example.answers) for example in examples),
        **_cells(rows),
        **_predictions(rows, prefix, learned),
    )


@dataclass(frozen=True)
class _Learned:
    """A learned token of an answer, and the node of the tree that predicts it."""

    tree: int
    node: int
    token: int
    answer: int


def _starts(rows: list[TokenTree]) -> np.ndarray:
    """(trees,) where each begins, counted behind the prefix."""
    return np.concatenate([[0], np.cumsum([len(tree) for tree in rows])[:-1]])


def _cells(rows: list[TokenTree]) -> dict[str, torch.Tensor]:
    """The trees as padded rows, and what each token must not see."""
    sizes = np.array([len(tree) for tree in rows])
    width = rounded(int(sizes.max()))
    column = np.arange(width)
    real = column[None] < sizes[:, None]
    return {
        "cells": torch.from_numpy(np.where(real, _starts(rows)[:, None] + column[None], 0)),
        "padding": torch.from_numpy(~real),
        "home": torch.from_numpy(np.flatnonzero(real)),
        "hidden": ~torch.from_numpy(token_trees.sees(rows, width)),
    }


def _predictions(rows: list[TokenTree], prefix: int, learned: list[_Learned]) -> dict[str, torch.Tensor]:
    """Which tokens the head runs for, and what of that predicts each learned token."""
    starts = _starts(rows)
    predicting = [prefix + starts[step.tree] + step.node for step in learned]
    keep = _kept(predicting, prefix + sum(map(len, rows)))
    kept_row = np.cumsum(keep) - 1
    return {
        "keep": torch.from_numpy(keep)[None],
        "predictor": torch.from_numpy(kept_row[predicting]),
        "learned": torch.tensor([step.token for step in learned]),
        "answer": torch.tensor([step.answer for step in learned]),
    }


def rounded(size: int, least: int = 8) -> int:
    """The next multiple of `least`, or of a sixteenth of the power of two below: then 6 % more at most."""
    grain = max(least, 1 << max(size.bit_length() - 5, 0))
    return -(-size // grain) * grain


def _padded(rows: list[TokenTree], prefix: int) -> list[TokenTree]:
    """The trees with padding up to a rounded number of tokens and of trees: behind trees that are shorter than the
    widest, as roots of their own, and only then in trees of its own."""
    tokens, width = sum(map(len, rows)), rounded(max(map(len, rows)))
    missing = rounded(prefix + tokens) - prefix - tokens
    padded = list(rows)
    for row in rows:
        taken = min(width - len(row), missing)
        row.grow([PADDING] * taken)
        missing -= taken
    while missing:
        padded.append(TokenTree())
        padded[-1].grow([PADDING] * min(width, missing))
        missing -= len(padded[-1])
    return padded + [TokenTree() for _ in range(rounded(len(padded), least=1) - len(padded))]


def _kept(predicting: list[int], tokens: int) -> np.ndarray:
    """(tokens,) bool: for which tokens the head runs; some more than needed, up to a rounded number."""
    keep = np.zeros(tokens, dtype=bool)
    keep[predicting] = True
    needed = int(keep.sum())
    keep[np.flatnonzero(~keep)[: rounded(needed) - needed]] = True
    return keep


def _row(values: list[int]) -> torch.Tensor:
    return torch.tensor(values)[None]
