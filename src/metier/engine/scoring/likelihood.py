"""Log-likelihoods of options behind questions, without computing a token twice.

What all prompts begin with is forwarded once. Behind it, a batch row is a token tree: one question, or several that
share a long beginning (a contract, a table), each with its options as a trie. The head runs only on the tokens that
decide something.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from metier.engine.scoring.vocabulary import log_probabilities
from metier.engine.trees import token_trees
from metier.engine.trees.batches import by_length
from metier.engine.trees.token_trees import Bundle, Options, TokenTree

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Floats = NDArray[np.float64]
Tokens = Sequence[int]
TOKENS_A_BATCH = 2048
SHARE = 0.5
"""Part of a question that must stand in a row already for the rest to be added: longer rows cost attention."""
TREE_LAYERS = {"full_attention", "sliding_attention"}
"""Kinds of layers that look at others through a mask, and so can be shown a tree."""
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 1e-1}
"""Mean difference a token, in nats, between the fast and the plain way. On smollm2-135m it is 2e-6 in float32 and 2e-3
to 5e-2 in bfloat16, whose logits between 16 and 32 are an eighth apart; a wrong mask gives more than that."""
GATE_TOKENS = 300
"""Prompt tokens that the gate may read a second and third time."""
CAST_AT_MOST = 2_000_000_000
"""Parameters up to which a model is looked at in float32, which takes twice its memory for a moment."""


@dataclass
class Prefix:
    """What prompts begin with, and its keys and values once they are computed."""

    tokens: list[int]
    cache: Any = None

    def begins(self, prompts: Sequence[Tokens]) -> bool:
        """Whether every prompt begins with it and goes on behind it."""
        length = len(self.tokens)
        return all(len(prompt) > length and list(prompt[:length]) == self.tokens for prompt in prompts)


class OptionScorer:
    """What the three ways of scoring share: prompts as tokens, each with its own options.

    `batches` (lists of positions) are fixed at once, so that a killed run goes on identically. `known`: a beginning
    whose keys and values are kept from call to call; used where all prompts begin with it.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        prompts: Sequence[Tokens],
        options: Sequence[Options],
        known: Prefix | None = None,
    ) -> None:
        if any(not prompt for prompt in prompts):
            raise ValueError("a prompt without tokens has nothing behind which an option could stand")
        self.model, self.options = model, list(options)
        if known is None or not known.begins(prompts):
            known = Prefix(list(prompts[0][: token_trees.common_prefix(prompts)]))
        self.kept, self.prefix = known, known.tokens
        self.suffixes = [list(prompt[len(self.prefix) :]) for prompt in prompts]
        self.batches = [[position] for position in range(len(prompts))]

    def score(self, batch: Sequence[int]) -> list[Floats]:
        """For each question of a batch (options,) summed log-probabilities, in nats."""
        raise NotImplementedError

    def row_mates(self, position: int) -> list[int]:
        """Other questions that stand in one row with this one, and so must not be seen by it."""
        return []

    def prefix_cache(self, rows: int) -> Any:
        """The keys and values of the common prefix, computed once; a view of them for each row."""
        from transformers import DynamicCache

        if not self.prefix:
            return None
        if self.kept.cache is None:
            # Without the model's config: full layers for all, since a sliding one would forget what a tree still needs.
            cache = DynamicCache()
            ids = torch.tensor([self.prefix], device=self.model.device)
            self.model(
                input_ids=ids,
                attention_mask=attention_bias(self.model, self._seen_prefix()),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            self.kept.cache = cache
        view = DynamicCache()
        for number, layer in enumerate(self.kept.cache.layers):
            view.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), number)
        return view

    def _seen_prefix(self) -> dict[str, torch.Tensor]:
        length = len(self.prefix)
        causal = torch.ones(1, length, length).tril().bool()
        return windows(self.model.config, causal, torch.arange(length)[None], torch.arange(length)[None])


class TreeScorer(OptionScorer):
    """Scores by token trees; for architectures whose layers all look through a mask."""

    def __init__(
        self,
        model: "PreTrainedModel",
        prompts: Sequence[Tokens],
        options: Sequence[Options],
        known: Prefix | None = None,
    ) -> None:
        super().__init__(model, prompts, options, known)
        rows = self._rows()
        # The prefix is forwarded once, but attention reads its keys once a row.
        lengths = [row.tokens + len(self.prefix) // 4 for row in rows]
        self.row_of = {position: number for number, row in enumerate(rows) for position in row.members}
        self.batches = [
            [position for number in group for position in rows[number].members]
            for group in by_length(lengths, TOKENS_A_BATCH)
        ]

    def row_mates(self, position: int) -> list[int]:
        row = self.row_of[position]
        return [other for other, number in self.row_of.items() if number == row and other != position]

    def _rows(self) -> list[Bundle]:
        """Questions that share a long beginning, in one row."""
        order = sorted(range(len(self.suffixes)), key=lambda position: (self.suffixes[position], position))
        inner = [len(self.options[position].tree) for position in order]
        bundles = token_trees.bundles([self.suffixes[position] for position in order], inner, SHARE, TOKENS_A_BATCH)
        return [Bundle([order[place] for place in row.members], row.tokens) for row in bundles]

    @torch.no_grad()
    def score(self, batch: Sequence[int]) -> list[Floats]:
        rows = [list(row) for _, row in groupby(batch, key=self.row_of.__getitem__)]
        grown = [token_trees.row_of([(self.suffixes[p], self.options[p]) for p in row]) for row in rows]
        width = max(len(tree) for tree, _ in grown)
        keep = torch.zeros(len(rows), width, dtype=torch.bool)
        for number, (_, steps) in enumerate(grown):
            keep[number, [step.node for step in steps]] = True
        place = keep.flatten().cumsum(0).view_as(keep) - 1  # the row of a node among the kept ones
        logits = self._forward([tree for tree, _ in grown], width, keep)
        scores = [np.zeros(len(self.options[position].options)) for position in batch]
        nodes, tokens, at = [], [], []
        first = 0
        for number, (row, (_, steps)) in enumerate(zip(rows, grown, strict=True)):
            nodes += place[number, [step.node for step in steps]].tolist()
            tokens += [step.token for step in steps]
            at += [(first + step.question, step.option) for step in steps]
            first += len(row)
        on = self.model.device
        values = log_probabilities(logits, torch.tensor(nodes, device=on), torch.tensor(tokens, device=on))
        for (question, option), value in zip(at, values.double().tolist(), strict=True):
            scores[question][option] += value
        return scores

    def _forward(self, grown: list[TokenTree], width: int, keep: torch.Tensor) -> torch.Tensor:
        """(kept, vocabulary) logits of the nodes in `keep`, row after row."""
        before, device = len(self.prefix), self.model.device
        ids, depth = torch.zeros(2, len(grown), width, dtype=torch.long)
        for row, tree in enumerate(grown):
            ids[row, : len(tree)] = torch.tensor(tree.tokens)
            depth[row, : len(tree)] = torch.tensor(tree.depth)
        own = torch.from_numpy(token_trees.sees(grown, width))
        seen = torch.cat([torch.ones(len(grown), width, before, dtype=torch.bool), own], dim=2)
        positions = before + depth
        past = torch.arange(before).expand(len(grown), -1)
        masks = windows(self.model.config, seen, positions, torch.cat([past, positions], dim=1))
        return self.model(
            input_ids=ids.to(device),
            position_ids=positions.to(device),
            attention_mask=attention_bias(self.model, masks),
            past_key_values=self.prefix_cache(len(grown)),
            logits_to_keep=keep.to(device),
            use_cache=bool(before),
        ).logits.flatten(0, -2)


class CopyScorer(OptionScorer):
    """The prompt forwarded once, its cache copied for the options: right for all models that can go on from a cache."""

    @torch.no_grad()
    def score(self, batch: Sequence[int]) -> list[Floats]:
        return [self._one(self.suffixes[position], self.options[position].options) for position in batch]

    def _one(self, suffix: list[int], options: Sequence[Tokens]) -> Floats:
        ids = torch.tensor([self.prefix + suffix], device=self.model.device)
        start = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        input_tokens = [list(option[:-1]) for option in options]
        width = max(map(len, input_tokens))
        table = torch.zeros(len(options), 1 + width, start.logits.shape[-1])
        table[:, 0] = start.logits[0, -1].float().cpu()
        if width:
            cache = start.past_key_values
            cache.reorder_cache(torch.zeros(len(options), dtype=torch.long, device=self.model.device))
            padded = torch.tensor([row + [0] * (width - len(row)) for row in input_tokens], device=self.model.device)
            table[:, 1:] = self.model(input_ids=padded, past_key_values=cache, use_cache=True).logits.float().cpu()
        table = torch.log_softmax(table, -1).double()
        return np.array([sum(float(table[o, n, token]) for n, token in enumerate(x)) for o, x in enumerate(options)])


class PlainScorer(OptionScorer):
    """One option after another, the whole prompt each time: slow, and what the others are checked against."""

    @torch.no_grad()
    def score(self, batch: Sequence[int]) -> list[Floats]:
        return [np.array([self._one(self.suffixes[p], option) for option in self.options[p].options]) for p in batch]

    def _one(self, suffix: list[int], option: Tokens) -> float:
        ids = torch.tensor([[*self.prefix, *suffix, *option]], device=self.model.device)
        logits = self.model(input_ids=ids[:, :-1], use_cache=False, logits_to_keep=len(option)).logits
        table = torch.log_softmax(logits[0].float(), -1)
        return float(table.gather(1, ids[0, -len(option) :, None]).double().sum())


def windows(config: Any, seen: torch.Tensor, asking: torch.Tensor, keys: torch.Tensor) -> dict[str, torch.Tensor]:
    """A mask for each kind of layer; a sliding one hides what stands a window or more before.

    `seen` (rows, q, k); `asking` (rows, q) and `keys` (rows, k) are positions in the text, not in the row.
    """
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    masks = {"full_attention": seen}
    if "sliding_attention" in kinds:
        near = asking[:, :, None] - keys[:, None, :] < config.sliding_window
        masks["sliding_attention"] = seen & near
    return masks


def attention_bias(network: "PreTrainedModel", seen: dict[str, torch.Tensor]) -> Any:
    """What is added to attention logits: one tensor (rows, 1, q, k), or one for each kind of layer."""
    dtype, device = network.dtype, network.device
    bias = {
        kind: torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)[:, None].to(device)
        for kind, mask in seen.items()
    }
    return bias if len(bias) > 1 else next(iter(bias.values()))


def takes_trees(config: Any) -> bool:
    """Whether every layer looks through a mask: full or sliding attention, and no recurrent state."""
    kinds = getattr(config, "layer_types", None)
    return set(kinds) <= TREE_LAYERS if kinds else True


def gate(fast: OptionScorer) -> str | None:
    """What differs between a fast scorer and the plain way on a few questions and options, or None where they agree.

    A wrong mask gives wrong numbers without any error, so this is looked at before each benchmark. In float32 where the
    model is small enough: bfloat16 alone moves a token of a long prompt by 0.05 nats, as much as a fault might.
    """
    try:
        with in_float32(fast.model):
            fast.kept.cache = None
            return _differs(fast)
    finally:
        fast.kept.cache = None  # it is of float32, or half filled


@contextmanager
def in_float32(model: "PreTrainedModel") -> Iterator[None]:
    """The model with all its weights in float32, where it is small enough; afterwards each is exactly what it was,
    since every bfloat16 is a float32."""
    small = model.num_parameters() <= CAST_AT_MOST
    # Packed 4-bit weights are bytes, not numbers. The tensors themselves are kept: other networks may share them.
    before = [(p, p.data) for p in model.parameters() if small and p.is_floating_point() and p.dtype != torch.float32]
    try:
        for parameter, data in before:
            parameter.data = data.float()
        yield
    finally:
        for parameter, data in before:
            parameter.data = data


def cast_weights(model: "PreTrainedModel", dtype: torch.dtype) -> None:
    """The weights and nothing else: rotary frequencies in bfloat16 would be off by a radian at some hundred tokens."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)


def _differs(fast: OptionScorer) -> str | None:
    order = sorted(range(len(fast.suffixes)), key=lambda position: len(fast.suffixes[position]))
    # Unequal lengths, so that padding is looked at too. The longest costs seconds and shows no more than the others,
    # but where a window ends before it.
    slides = "sliding_attention" in (getattr(fast.model.config, "layer_types", None) or ())
    middle = order[-1] if slides else order[len(order) // 2]
    positions = [order[0], middle, *fast.row_mates(middle)[:1]]
    tolerance = TOLERANCE.get(fast.model.dtype, 5e-2)
    together = sorted(set(positions), key=_in_batches(fast).index)
    quick = dict(zip(together, fast.score(together), strict=True))
    gaps: list[float] = []
    for position, scores in quick.items():
        options = fast.options[position].options
        prompt = fast.prefix + fast.suffixes[position]
        most = min(3, 1 + GATE_TOKENS // len(prompt))  # the plain way reads the prompt again for each option
        few = range(0, len(options), max(1, len(options) // most))[:most]
        slow = PlainScorer(fast.model, [prompt], [Options.of([options[number] for number in few])]).score([0])[0]
        mine = scores[list(few)]
        gaps += list(np.abs(mine - slow) / [len(options[number]) for number in few])
        best = few[int(slow.argmax())]
        # Another winner is a fault where the plain way sees a clear one; a tie may fall either way.
        if mine.argmax() != slow.argmax() and slow.max() - slow[mine.argmax()] > 2 * tolerance * len(options[best]):
            return f"question {position} gets another answer"
    # Not `>`: a NaN must not pass.
    if not float(np.mean(gaps)) <= tolerance:
        return f"log-likelihoods differ by {np.mean(gaps):.2g} nats a token (tolerance {tolerance:g})"
    return None


def _in_batches(scorer: OptionScorer) -> list[int]:
    return [position for batch in scorer.batches for position in batch]
