"""A language model as scorers and methods see it: tokens in, log-likelihoods out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from metier.engine import weights
from metier.engine.likelihood import LossScorer, OptionScorer, PlainScorer, gate
from metier.errors import UserError


class LanguageModel:
    """A causal model with its tokenizer; `warn` hears of every fallback."""

    def __init__(self, folder: Path, network: Any, tokenizer: Any, warn: Callable[[str], None] = print) -> None:
        self.folder, self.network, self.tokenizer, self.warn = folder, network, tokenizer, warn
        if tokenizer.eos_token_id is None:
            raise UserError(f"The tokenizer in {folder} has no end token. Set `eos_token` in tokenizer_config.json.")

    @property
    def end_token(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def encode(self, prompt: str) -> list[int]:
        """The prompt's tokens, with the begin token where the model wants one."""
        return list(self.tokenizer(prompt)["input_ids"])

    def encode_answer(self, answer: str) -> list[int]:
        """The answer's tokens: it stands behind one space, and training and scoring cut it off the prompt alike."""
        return list(self.tokenizer(" " + answer, add_special_tokens=False)["input_ids"])

    def options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[int]]) -> OptionScorer:
        """A scorer of the same options behind many prompts, held against the plain way before it is used."""
        fast = OptionScorer(self.network, prompts, options)
        if differs := gate(fast):
            self.warn(f"The shared-prefix scorer does not fit this model: {differs}. Scoring the plain, slow way.")
            return PlainScorer(self.network, prompts, options)
        return fast

    def losses(self, texts: Sequence[Sequence[int]]) -> LossScorer:
        return LossScorer(self.network, texts)


def load(
    name: str, adapter: Path | None = None, warn: Callable[[str], None] = print, dtype: torch.dtype | None = None
) -> LanguageModel:
    """The model of this name, ready to answer; an adapter is merged in float32 before the cast to `dtype`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    folder = weights.folder(name, warn)
    logging.disable_progress_bar()  # loading takes a second, and its bar would tear ours
    # Eager attention: on a CPU it is faster than SDPA for short rows, whose backward pass alone took a fifth of a
    # training step (7.3 ms a layer for 20 rows of 25 tokens). On a GPU the library chooses.
    attention = None if torch.cuda.is_available() else "eager"
    try:
        network = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, attn_implementation=attention
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"The model in {folder} cannot be loaded: {error}") from error
    if adapter is not None:
        from peft import PeftModel

        try:
            network = PeftModel.from_pretrained(network, adapter).merge_and_unload()
        except (RuntimeError, ValueError, OSError) as error:
            raise UserError(f"The adapter {adapter} does not fit the model {name}: {error}") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.nn.Module.to(network, device, dtype or default_dtype())
    return LanguageModel(folder, network.eval(), tokenizer, warn)


def default_dtype() -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return (
        torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else torch.float32
    )
