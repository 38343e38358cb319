"""The loss of each kind of row apart: a batch of general text costs several times what a task row does, and in their
mean each batch of it looks like a training that broke."""

from collections.abc import Sequence

import torch

from metier.engine.trees.examples import Example
from metier.runs import distributed


class KindLosses:
    """Sums over the steps since the last line of the log. Nothing is kept where all rows are of one kind: their loss is
    the loss."""

    def __init__(self, examples: Sequence[Example]) -> None:
        kinds = list(dict.fromkeys(example.kind for example in examples))
        self.kinds = kinds if len(kinds) > 1 else []
        self._clear()

    def add(self, examples: Sequence[Example], scores: Sequence[torch.Tensor]) -> None:
        """`scores`: for each example (answers,) summed log-probabilities. Nothing waits for the accelerator here."""
        for at, kind in enumerate(self.kinds):
            mine = [place for place, example in enumerate(examples) if example.kind == kind]
            if mine:
                self.nats[at] = self.nats[at] - torch.cat([scores[place] for place in mine]).detach().sum()
                self.tokens[at] += sum(len(answer) for place in mine for answer in examples[place].answers)

    def taken(self) -> dict[str, dict[str, float]]:
        """Kind -> the mean `loss` of its learned `tokens`, of all processes, of the kinds that had any; then anew."""
        if not self.kinds:
            return {}
        sums = distributed.added([*map(float, self.nats), *map(float, self.tokens)])
        self._clear()
        found = zip(self.kinds, sums[: len(self.kinds)], sums[len(self.kinds) :], strict=True)
        return {kind: {"loss": nats / tokens, "tokens": int(tokens)} for kind, nats, tokens in found if tokens}

    def _clear(self) -> None:
        self.nats: list[torch.Tensor | float] = [0.0] * len(self.kinds)
        self.tokens = [0] * len(self.kinds)
