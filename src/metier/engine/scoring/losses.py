"""How surprised a model is by whole texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from metier.engine.scoring.vocabulary import log_probabilities
from metier.engine.trees.batches import by_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENS_A_BATCH = 1024
"""The head runs on every token here, and one row of its output has 200 kB in float32."""
WINDOW = 1024
"""Longer texts are read in pieces of so many tokens; each piece begins with the last token of the one before."""


class LossScorer:
    """Summed loss of whole texts, and how many tokens were predicted (all but the first)."""

    def __init__(self, model: "PreTrainedModel", texts: Sequence[Sequence[int]], context: int = WINDOW) -> None:
        self.model, self.texts, self.window = model, [list(text) for text in texts], min(WINDOW, context)
        self.batches = by_length([len(text) for text in texts], TOKENS_A_BATCH)

    def score(self, batch: Sequence[int]) -> list[tuple[float, int]]:
        """(nats, tokens) of each text."""
        pieces = [
            (number, self.texts[position][start : start + self.window])
            for number, position in enumerate(batch)
            for start in range(0, len(self.texts[position]) - 1, self.window - 1)
        ]
        nats = [0.0] * len(batch)
        for group in by_length([len(tokens) for _, tokens in pieces], TOKENS_A_BATCH):
            for piece, value in zip(group, self._losses([pieces[piece][1] for piece in group]), strict=True):
                nats[pieces[piece][0]] += value
        return [(value, len(self.texts[position]) - 1) for value, position in zip(nats, batch, strict=True)]

    @torch.no_grad()
    def _losses(self, pieces: list[list[int]]) -> list[float]:
        width = max(map(len, pieces))
        ids, mask = torch.zeros(2, len(pieces), width, dtype=torch.long)
        for row, tokens in enumerate(pieces):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = torch.tensor(tokens), 1
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        predicting = (mask[:, 1:] == 1).flatten()
        rows = (torch.arange(len(pieces))[:, None] * width + torch.arange(width - 1)).flatten().to(ids.device)
        scores = log_probabilities(logits.flatten(0, 1), rows[predicting], ids[:, 1:].flatten()[predicting])
        return [-float(part.double().sum()) for part in scores.split([len(tokens) - 1 for tokens in pieces])]
