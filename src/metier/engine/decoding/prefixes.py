"""What prompts begin with, kept after it was read: the newest prompts' keys and values."""

from collections import OrderedDict
from collections.abc import Sequence

import torch

from metier.engine.trees.token_trees import SHARED_AT_LEAST, common_length

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, (rows, heads, tokens, size)."""


class Prefixes:
    """The keys and values of prompts, at most so many tokens of them; the longest unused goes first."""

    def __init__(self, most_tokens: int) -> None:
        self.most_tokens = most_tokens
        self.kept: OrderedDict[tuple[int, ...], Layers] = OrderedDict()

    def longest(self, prompt: Sequence[int]) -> tuple[int, Layers]:
        """(tokens, their keys and values) of the longest beginning that was read before; one token at least is left
        to be read. None below `SHARED_AT_LEAST`."""
        best, found = 0, None
        for tokens in self.kept:
            shared = common_length(tokens, prompt[:-1])
            if shared > best:
                best, found = shared, tokens
        if found is None or best < SHARED_AT_LEAST:
            return 0, []
        self.kept.move_to_end(found)
        return best, [(keys[:, :, :best], values[:, :, :best]) for keys, values in self.kept[found]]

    def keep(self, prompt: Sequence[int], layers: Layers) -> None:
        """`layers` of one row, which are copied."""
        tokens = tuple(prompt)
        if len(tokens) < SHARED_AT_LEAST or len(tokens) > self.most_tokens or tokens in self.kept:
            return
        for shorter in [one for one in self.kept if tokens[: len(one)] == one]:
            del self.kept[shorter]
        self.kept[tokens] = [(keys.clone(), values.clone()) for keys, values in layers]
        while sum(map(len, self.kept)) > self.most_tokens:
            self.kept.popitem(last=False)
