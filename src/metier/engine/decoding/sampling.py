"""How the next token is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from metier.engine.decoding.grammar import Grammar


@dataclass(frozen=True)
class Sampling:
    """What a text is asked for with."""

    max_new_tokens: int
    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    """Only the likeliest tokens that have this probability together are drawn from."""
    seed: int | None = None
    """None: another text each time."""
    stop: tuple[str, ...] = ()
    """Where the text ends; none of them is shown."""
    top_logprobs: int = 0
    """So many likeliest tokens are named beside each chosen one."""
    grammar: Grammar | None = None
    """What the text must keep to."""


class Chooser:
    """Draws the tokens of one text. Each has numbers of its own, so its neighbors in a batch change nothing."""

    def __init__(self, sampling: Sampling) -> None:
        self.temperature, self.top_p = sampling.temperature, sampling.top_p
        self.generator = torch.Generator()  # on the CPU, so that a seed means the same draw everywhere
        if sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(sampling.seed)

    def draw(self) -> float:
        """Evenly between 0 and 1."""
        return float(torch.rand((), dtype=torch.float64, generator=self.generator))


def choose(logits: torch.Tensor, choosers: Sequence[Chooser]) -> list[int]:
    """A token for each row of (rows, vocabulary) float32 logits."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for nucleus in (False, True):  # apart: sorting the vocabulary of some must not change what others draw
        rows = [row for row, one in enumerate(choosers) if one.temperature > 0 and (one.top_p < 1) == nucleus]
        if rows:
            drawn = _drawn(logits[rows], [choosers[row] for row in rows], nucleus)
            for row, token in zip(rows, drawn, strict=True):
                tokens[row] = token
    return tokens


def _drawn(logits: torch.Tensor, choosers: Sequence[Chooser], nucleus: bool) -> list[int]:
    """By the inverse of the distribution function, which takes one random number a token."""

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64)[:, None].to(logits.device)

    # Below the highest, so that the smallest temperature gives no infinity.
    heights = logits.double() - logits.amax(-1, keepdim=True)
    shares = torch.softmax(heights / column([one.temperature for one in choosers]), -1)
    order = None
    if nucleus:
        shares, order = shares.sort(dim=-1, descending=True, stable=True)
        before = shares.cumsum(-1) - shares
        shares = shares.masked_fill(before >= column([max(one.top_p, 0.0) for one in choosers]), 0.0)
        # The likeliest is always in, also where top_p is 0.
        shares[:, 0] = shares[:, 0].clamp(min=torch.finfo(torch.float64).tiny)
    sums = shares.cumsum(-1)
    whole = sums[:, -1:]
    aimed = column([one.draw() for one in choosers]) * whole
    # Below the whole, also after rounding: behind it stand tokens that are ruled out.
    aimed = torch.minimum(aimed, torch.nextafter(whole, torch.zeros_like(whole)))
    places = torch.searchsorted(sums, aimed, right=True)
    chosen = places if order is None else order.gather(-1, places)
    tokens: list[int] = chosen[:, 0].tolist()
    return tokens
