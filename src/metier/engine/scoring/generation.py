"""Answers in free text: greedy, in batches of like prompts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from metier.engine.trees.batches import by_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENS_A_BATCH = 8192


class Generator:
    """Greedy answers behind prompts. Greedy, so that the same model gives the same answers."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: Any,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        stop: Sequence[str] = (),
    ) -> None:
        self.model, self.tokenizer, self.max_new_tokens, self.stop = model, tokenizer, max_new_tokens, list(stop)
        self.prompts = [list(prompt) for prompt in prompts]
        self.batches = by_length([len(prompt) + max_new_tokens for prompt in prompts], TOKENS_A_BATCH)

    @torch.no_grad()
    def score(self, batch: Sequence[int]) -> list[tuple[str, int, bool]]:
        """(text, tokens, whether it ended by itself) of each question; the text ends before the first stop string."""
        prompts = [self.prompts[position] for position in batch]
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        # Padded on the left, so that all prompts end in one column and a single call answers them all.
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=ids.device)
        stops = {"stop_strings": self.stop, "tokenizer": self.tokenizer} if self.stop else {}
        answers = self.model.generate(  # type: ignore[operator]
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            repetition_penalty=1.0,  # some models bring their own, which would change numbers and JSON
            pad_token_id=pad,
            eos_token_id=self.tokenizer.eos_token_id,
            **stops,
        )[:, width:]
        return [self._finish(answer.tolist()) for answer in answers]

    def _finish(self, tokens: list[int]) -> tuple[str, int, bool]:
        end = self.tokenizer.eos_token_id
        ended = end in tokens
        tokens = tokens[: tokens.index(end)] if ended else tokens
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        cut = min((text.find(stop) for stop in self.stop if stop in text), default=-1)
        return (text[:cut] if cut >= 0 else text), len(tokens), ended or cut >= 0
