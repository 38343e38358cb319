"""The model's side of decoding: what was read so far, for many sequences at once."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from metier.engine.decoding.prefixes import Layers, Prefixes
from metier.engine.scoring.likelihood import attention_bias, windows
from metier.engine.trees.token_trees import SHARED_AT_LEAST, common_prefix

Tokens = Sequence[int]


class Batch(Protocol):
    """Sequences in rows; each call gives (rows, vocabulary) logits of the token that comes next."""

    def join(self, prompts: Sequence[Tokens]) -> torch.Tensor:
        """Read prompts, which become the last rows; their logits."""

    def advance(self, tokens: Tokens) -> torch.Tensor:
        """Read one more token in every row."""

    def keep(self, rows: Sequence[int]) -> None:
        """All other rows leave."""


class PaddedBatch:
    """One forward pass for all sequences: each row ends in the last column and is padded on its left.

    For models whose layers all look through a mask. The masks and positions are ours, by the rows' own lengths.
    """

    def __init__(self, network: Any, kept_tokens: int) -> None:
        self.network, self.prefixes = network, Prefixes(kept_tokens)
        self.layers: Layers = []
        self.lengths: list[int] = []

    def join(self, prompts: Sequence[Tokens]) -> torch.Tensor:
        shared = common_prefix(prompts) if len(prompts) > 1 else 0
        fits = SHARED_AT_LEAST <= shared <= self.prefixes.most_tokens
        # One token more, since a prompt is never taken to be read to its end.
        if fits and self.prefixes.longest(prompts[0][: shared + 1])[0] < shared:
            self._read([prompts[0][:shared]])
        logits, layers = self._read(prompts)
        width = max([*self.lengths, *map(len, prompts)])
        new = [(_padded(keys, width), _padded(values, width)) for keys, values in layers]
        old = [(_padded(keys, width), _padded(values, width)) for keys, values in self.layers]
        self.layers = [
            (torch.cat([before[0], after[0]]), torch.cat([before[1], after[1]]))
            for before, after in zip(old, new, strict=True)
        ] if old else new  # fmt: skip
        self.lengths += map(len, prompts)
        return logits

    def advance(self, tokens: Tokens) -> torch.Tensor:
        width, lengths = max(self.lengths), torch.tensor(self.lengths)
        keys = torch.arange(width + 1)[None] - (width - lengths)[:, None]  # positions in the text; padding is below 0
        logits, self.layers = self._forward(torch.tensor(tokens)[:, None], lengths[:, None], keys, self.layers)
        self.lengths = [length + 1 for length in self.lengths]
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        width, self.lengths = max(self.lengths, default=0), [self.lengths[row] for row in rows]
        if not rows:
            self.layers = []
            return
        index = torch.tensor(rows, device=self.network.device)
        first = width - max(self.lengths)
        self.layers = [(keys[index, :, first:], values[index, :, first:]) for keys, values in self.layers]

    def _read(self, prompts: Sequence[Tokens]) -> tuple[torch.Tensor, Layers]:
        """(logits, keys and values padded on the left) of whole prompts, with what was read before taken from there."""
        found = [self.prefixes.longest(prompt) for prompt in prompts]
        past = max(shared for shared, _ in found)
        rest = [list(prompt[shared:]) for prompt, (shared, _) in zip(prompts, found, strict=True)]
        width = max(map(len, rest))
        ids = torch.zeros(len(prompts), width, dtype=torch.long)
        positions = torch.full((len(prompts), past + width), -1)
        for row, ((shared, _), tokens) in enumerate(zip(found, rest, strict=True)):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            positions[row, past - shared : past] = torch.arange(shared)
            positions[row, past + width - len(tokens) :] = torch.arange(shared, shared + len(tokens))
        logits, layers = self._forward(ids, positions[:, past:], positions, self._stacked(found, past))
        if past:
            layers = _closed(layers, positions >= 0)
        for row, prompt in enumerate(prompts):
            self.prefixes.keep(
                prompt, [(k[row : row + 1, :, -len(prompt) :], v[row : row + 1, :, -len(prompt) :]) for k, v in layers]
            )
        return logits, layers

    def _stacked(self, found: Sequence[tuple[int, Layers]], past: int) -> Layers:
        if not past:
            return []
        # Where a prompt has no beginning that was read, its row is nothing but padding.
        like = next(layers for shared, layers in found if shared)

        def rows(number: int, part: int) -> torch.Tensor:
            empty = like[number][part][:, :, :0]
            return torch.cat([_padded(layers[number][part] if layers else empty, past) for _, layers in found])

        return [(rows(number, 0), rows(number, 1)) for number in range(len(like))]

    def _forward(
        self, ids: torch.Tensor, asking: torch.Tensor, keys: torch.Tensor, past: Layers
    ) -> tuple[torch.Tensor, Layers]:
        """`asking` (rows, q) and `keys` (rows, k): positions in the text, below 0 for padding."""
        from transformers import DynamicCache

        cache: Any = (
            DynamicCache()
        )  # without the model's config: full layers for all, since rows end in different places
        for number, (k, v) in enumerate(past):
            cache.update(k, v, number)
        seen = (keys[:, None, :] >= 0) & (keys[:, None, :] <= asking[:, :, None])
        masks = windows(self.network.config, seen, asking, keys)
        device = self.network.device
        logits = self.network(
            input_ids=ids.to(device),
            position_ids=asking.clamp(min=0).to(device),
            attention_mask=attention_bias(self.network, masks),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        return logits, [(layer.keys, layer.values) for layer in cache.layers]


class SingleSequences:
    """One forward pass for each sequence: for layers with a state that padding would change."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.caches: list[Any] = []

    def join(self, prompts: Sequence[Tokens]) -> torch.Tensor:
        return torch.stack([self._first(prompt) for prompt in prompts])

    def _first(self, prompt: Tokens) -> torch.Tensor:
        ids = torch.tensor([list(prompt)], device=self.network.device)
        result = self.network(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.caches.append(result.past_key_values)
        logits: torch.Tensor = result.logits[0, -1]
        return logits

    def advance(self, tokens: Tokens) -> torch.Tensor:
        rows = []
        for number, token in enumerate(tokens):
            ids = torch.tensor([[token]], device=self.network.device)
            result = self.network(
                input_ids=ids, past_key_values=self.caches[number], use_cache=True, logits_to_keep=1
            )  # fmt: skip
            self.caches[number] = result.past_key_values
            rows.append(result.logits[0, -1])
        return torch.stack(rows)

    def keep(self, rows: Sequence[int]) -> None:
        self.caches = [self.caches[row] for row in rows]


def _padded(part: torch.Tensor, width: int) -> torch.Tensor:
    """More columns on the left."""
    return torch.nn.functional.pad(part, (0, 0, width - part.shape[2], 0))


def _closed(layers: Layers, valid: torch.Tensor) -> Layers:
    """The same with all padding on the left: rows of different beginnings have some in their middle."""
    width = int(valid.sum(1).max())
    # A stable sort puts padding first and leaves the order of the rest.
    columns = valid.to(torch.int8).argsort(dim=1, stable=True)[:, -width:].to(layers[0][0].device)

    def gathered(part: torch.Tensor) -> torch.Tensor:
        index = columns[:, None, :, None].expand(-1, part.shape[1], -1, part.shape[3])
        return part.gather(2, index)

    return [(gathered(keys), gathered(values)) for keys, values in layers]
