"""Log-probabilities of tokens: the passes over a vocabulary of 50,000, kept near the core."""

from collections.abc import Iterator
from typing import Any

import torch


def log_probabilities(logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """(steps,) float32: `tokens` under the softmax of their `rows` of (kept, vocabulary) logits."""
    return _LogProbabilities.apply(logits, rows, tokens)


class _LogProbabilities(torch.autograd.Function):
    """In slices and in one buffer, since a float32 row of the vocabulary has 200 kB and fresh memory costs more than
    the arithmetic; the gradient takes the place of the logits, which nothing else needs."""

    SLICE = 16
    """Rows: 3 MB, which stay near the core from one operation to the next. On a GPU 1,024 (200 MB):
    there a slice is not a matter of nearness, only further launches."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        highest = logits.amax(-1).float()
        sums = torch.empty_like(highest)
        for part, buffer in _LogProbabilities.slices(logits):
            sums[part] = buffer.copy_(logits[part]).sub_(highest[part, None]).exp_().sum(-1)
        totals = sums.log_().add_(highest)
        ctx.save_for_backward(logits, totals, rows, tokens)
        return logits[rows, tokens].float() - totals[rows]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        logits, totals, rows, tokens = ctx.saved_tensors
        weight = torch.zeros_like(totals).index_add(0, rows, grads[0])
        for part, buffer in _LogProbabilities.slices(logits):
            logits[part] = buffer.copy_(logits[part]).sub_(totals[part, None]).exp_().mul_(-weight[part, None])
        return logits.index_put_((rows, tokens), grads[0].to(logits.dtype), accumulate=True), None, None

    @staticmethod
    def slices(logits: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """(rows, a float32 buffer of their shape)"""
        rows = min(_LogProbabilities.SLICE * (1 if logits.is_cpu else 64), len(logits))
        buffer = torch.empty(rows, logits.shape[1], device=logits.device)
        for first in range(0, len(logits), len(buffer)):
            part = slice(first, min(first + len(buffer), len(logits)))
            yield part, buffer[: part.stop - first]
