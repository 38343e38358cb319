"""A training batch as token trees in one flat row: what its examples share stands in it once.

All prompts' common beginning comes first, then each example's own tree: the rest of its prompt, its answers as a trie.
Linear layers see a row without padding; `tree_attention` gives every token its own ancestors and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.engine import trees
from metier.engine.examples import Example
from metier.engine.trees import Options, Step


@dataclass(frozen=True)
class Forest:
    """A batch of `items` trees behind a common prefix, `tokens` in all."""

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
    """(1, tokens) bool: the tokens that predict a learned one, for which the head runs."""
    predictor: torch.Tensor
    """(steps,) for each learned token of each answer, which kept row predicts it."""
    learned: torch.Tensor
    """(steps,) the learned tokens."""
    answer: torch.Tensor
    """(steps,) the answer each belongs to, counted through the batch."""
    answers: tuple[int, ...]
    """(items,) answers of each example."""

    def to(self, device: Any) -> "Forest":
        moved: dict[str, Any] = {key: x.to(device) for key, x in vars(self).items() if isinstance(x, torch.Tensor)}
        return replace(self, **moved)


def plant(examples: Sequence[Example]) -> Forest:
    """The forest of a batch's examples."""
    prompts = [example.prompt for example in examples]
    prefix = trees.common_prefix(prompts)
    grown = [trees.row_of([(e.prompt[prefix:], Options.of(e.answers))]) for e in examples]
    sizes = np.array([len(tree) for tree, _ in grown])
    starts, width = np.concatenate([[0], np.cumsum(sizes)[:-1]]), int(sizes.max())
    column = np.arange(width)
    real = column[None] < sizes[:, None]
    rows = [tree for tree, _ in grown]
    keep = np.zeros(prefix + int(sizes.sum()), dtype=bool)
    for start, (_, steps) in zip(starts, grown, strict=True):
        keep[[prefix + start + step.node for step in steps]] = True
    place = np.cumsum(keep) - 1
    flat = [(number, step) for number, (_, steps) in enumerate(grown) for step in steps]
    answers = tuple(len(example.answers) for example in examples)
    return Forest(
        ids=_row([*examples[0].prompt[:prefix], *(token for tree in rows for token in tree.tokens)]),
        positions=_row([*range(prefix), *(prefix + depth for tree in rows for depth in tree.depth)]),
        prefix=prefix,
        cells=torch.from_numpy(np.where(real, starts[:, None] + column[None], 0)),
        padding=torch.from_numpy(~real),
        home=torch.from_numpy(np.flatnonzero(real)),
        hidden=~torch.from_numpy(trees.sees(rows, width)),
        keep=torch.from_numpy(keep)[None],
        predictor=torch.tensor([place[prefix + starts[number] + step.node] for number, step in flat]),
        learned=torch.tensor([step.token for _, step in flat]),
        answer=torch.tensor(_counted(flat, answers)),
        answers=answers,
    )


def _counted(flat: list[tuple[int, Step]], answers: tuple[int, ...]) -> list[int]:
    first = np.concatenate([[0], np.cumsum(answers)[:-1]])
    return [int(first[number]) + step.option for number, step in flat]


def _row(values: list[int]) -> torch.Tensor:
    return torch.tensor(values)[None]
