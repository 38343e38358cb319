"""Sampled answers, many to a prompt: each prompt is read once, and its cache copied for every answer."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig

from metier.engine.models.model import LanguageModel


class Sampler:
    """Answers sampled behind prompts, as TRL's `rollout_func`: there, a prompt is the position of a row, in words.

    Made before the network gets its tree attention, which cannot read on from a cache: the one it has is kept.
    """

    def __init__(
        self, model: LanguageModel, prompts: Sequence[list[int]], max_new_tokens: int, stop: Sequence[str]
    ) -> None:
        self.tokenizer, self.prompts, self.max_new_tokens, self.stop = (
            model.tokenizer,
            prompts,
            max_new_tokens,
            list(stop),
        )
        self.attention = model.network.config._attn_implementation

    def __call__(self, positions: list[str], trainer: Any) -> dict[str, Any]:
        prompts = [self.prompts[int(position)] for position in positions]
        network = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        completions = self.sample(network, prompts, trainer.temperature)
        return {"prompt_ids": prompts, "completion_ids": completions, "logprobs": None}

    @torch.no_grad()
    def sample(self, network: Any, prompts: Sequence[list[int]], temperature: float) -> list[list[int]]:
        """The tokens of an answer to each prompt, the end token included; a prompt that comes again is read once."""
        before = network.config._attn_implementation
        network.set_attn_implementation(self.attention)
        completions: list[Any] = [None] * len(prompts)
        try:
            for batch in alike([len(prompt) for prompt in prompts]):
                answers = self._sample(network, [prompts[place] for place in batch], temperature)
                for place, answer in zip(batch, answers, strict=True):
                    completions[place] = answer
        finally:
            network.set_attn_implementation(before)
        return completions

    def _sample(self, network: Any, prompts: Sequence[list[int]], temperature: float) -> list[list[int]]:
        kinds = list(dict.fromkeys(map(tuple, prompts)))
        place = {kind: number for number, kind in enumerate(kinds)}
        which = torch.tensor([place[tuple(prompt)] for prompt in prompts], device=network.device)
        end, width = self.tokenizer.eos_token_id, max(map(len, kinds))
        # Padded on the left, so that all prompts end in one column; their last token is left for `generate` to read.
        ids = torch.tensor([[end] * (width - len(kind)) + list(kind) for kind in kinds], device=network.device)
        mask = torch.tensor([[0] * (width - len(kind)) + [1] * len(kind) for kind in kinds], device=network.device)
        cache = None
        if width > 1:
            places = (mask.cumsum(1) - 1).clamp(min=0)[:, :-1]
            # Without the head: on a slice of the hidden states it copies its weights once a row (1.9 of 3.9 s for 8
            # prompts of 85 tokens on one core).
            causal: Any = network.get_base_model() if isinstance(network, PeftModel) else network
            cache = causal.base_model(
                input_ids=ids[:, :-1], attention_mask=mask[:, :-1], position_ids=places, use_cache=True
            ).past_key_values
            cache.batch_select_indices(which)
        stops = {"stop_strings": self.stop, "tokenizer": self.tokenizer} if self.stop else {}
        config = GenerationConfig(
            max_new_tokens=self.max_new_tokens, do_sample=True, temperature=temperature, top_k=0, top_p=1.0,
            repetition_penalty=1.0, pad_token_id=end, eos_token_id=end, disable_compile=True,
        )  # fmt: skip
        generated = network.generate(
            input_ids=ids[which], attention_mask=mask[which], past_key_values=cache, generation_config=config, **stops
        )
        return [self._ended(answer) for answer in generated[:, width:].tolist()]

    def _ended(self, tokens: list[int]) -> list[int]:
        """Up to the end token, or to the token with which the first stop string is complete: what comes behind is
        padding, and was not sampled."""
        if self.tokenizer.eos_token_id in tokens:
            tokens = tokens[: tokens.index(self.tokenizer.eos_token_id) + 1]
        for length in range(1, len(tokens)) if self.stop else ():
            text = self.tokenizer.decode(tokens[:length], skip_special_tokens=True)
            if any(stop in text for stop in self.stop):
                return tokens[:length]
        return tokens


def alike(lengths: Sequence[int]) -> list[list[int]]:
    """Positions in batches in which no length is more than a third above another, so that little is padding."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if batches and 3 * lengths[place] <= 4 * lengths[batches[-1][0]]:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def sampling_seconds(model: LanguageModel, prompts: Sequence[list[int]], group: int, max_new_tokens: int) -> float:
    """One group of answers to a prompt of middling length, after one to warm up."""
    middle = sorted(prompts, key=len)[len(prompts) // 2]
    sampler = Sampler(model, prompts, max_new_tokens, [])
    sampler.sample(model.network, [middle] * group, 1.0)
    started = time.monotonic()
    sampler.sample(model.network, [middle] * group, 1.0)
    return time.monotonic() - started
