"""A language model as scorers and methods see it: tokens in, log-likelihoods out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from metier.engine.models import chat, loading, weights
from metier.engine.models.context_length import context_of
from metier.engine.models.memory import for_answering, keep_few_kernels
from metier.engine.scoring.deduplicated import deduplicated
from metier.engine.scoring.generation import Generator
from metier.engine.scoring.likelihood import (
    CopyScorer,
    OptionScorer,
    PlainScorer,
    Prefix,
    TreeScorer,
    cast_weights,
    gate,
    takes_trees,
)
from metier.engine.scoring.losses import LossScorer
from metier.engine.trees.token_trees import Options
from metier.errors import UserError

TREE_TOKENS = 32_768
"""Longest prompt that is scored as a tree: its mask is a square, and takes 5 GB here."""


class LanguageModel:
    """A causal model with its tokenizer; `warn` hears of every fallback."""

    beginning: Prefix | None = None
    """What prompts are expected to begin with, if its keys and values are kept."""

    def __init__(
        self, folder: Path, network: Any, tokenizer: Any, warn: Callable[[str], None] = print, config: Any = None
    ) -> None:
        self.folder, self.network, self.tokenizer, self.warn = folder, network, tokenizer, warn
        self.config = network.config if config is None else config
        if tokenizer.eos_token_id is None:
            raise UserError(f"The tokenizer in {folder} has no end token. Set `eos_token` in tokenizer_config.json.")
        # None for a tokenizer alone, as an export reads it.
        self._rows = None if network is None else int(network.get_input_embeddings().weight.shape[0])
        self._chats = False
        if self._rows is not None and self.end_token >= self._rows:
            raise UserError(
                f"The tokenizer in {folder} has the end token {self.end_token}, and the model has rows for "
                f"{self._rows:,} tokens. Name a model whose tokenizer belongs to it."
            )

    @property
    def context(self) -> int:
        """Most tokens that the model reads at once."""
        return context_of(self.config, self.tokenizer)

    @property
    def end_token(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def read(self, prompt: str, chat_template: bool = False) -> tuple[str, list[int]]:
        """What the model reads, as text and as tokens: the prompt itself, or as a user's turn in its chat template.

        Raises `UserError` where a chat is asked for and the tokenizer has no template.
        """
        if not chat_template:
            return prompt, self.encode(prompt)
        if not self._chats:
            chat.check(self.tokenizer, self.folder)
            self._chats = True
        text = chat.rendered(self.tokenizer, self.folder, prompt)
        return text, self._tokens(text, add_special_tokens=False)

    def converse(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a conversation in the chat template, up to where the model answers; one user's turn gives those
        of `read`. Raises `UserError` where the template refuses the messages."""
        try:
            text = chat.conversation(self.tokenizer, messages)
        except chat.TemplateError as error:
            raise UserError(f"The model's chat template refuses these messages ({error}). Send others.") from error
        return self._tokens(text, add_special_tokens=False)

    def encode(self, prompt: str) -> list[int]:
        """The prompt's tokens, with the begin token where the model wants one."""
        return self._tokens(prompt)

    def answer(self, answer: str, chat_template: bool = False) -> list[int]:
        """The answer's tokens, cut off the prompt alike in training and scoring: behind one space where it goes on
        with a plain text, as it is where it begins a turn."""
        text = answer if chat_template else " " + answer
        return self._tokens(text, add_special_tokens=False)

    def _tokens(self, text: str, **how: Any) -> list[int]:
        """Raises `UserError` for a token that the model has no row for: it would be read as some other memory."""
        ids = list(self.tokenizer(text, verbose=False, **how)["input_ids"])
        if ids and self._rows is not None and max(ids) >= self._rows:
            odd = max(ids)
            raise UserError(
                f"The tokenizer in {self.folder} gives the token {odd} ({self.tokenizer.decode([odd])!r}), and the "
                f"model has rows for {self._rows:,} tokens. Name a model whose tokenizer belongs to it."
            )
        return ids

    def options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> Any:
        """A scorer of each prompt's own options, checked against the plain way before it is used."""
        return deduplicated(prompts, options, self._options)

    def _options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> OptionScorer:
        trees: dict[int, Options] = {id(offered): Options.of(offered) for offered in options}
        offered = [trees[id(own)] for own in options]
        if max(map(len, prompts)) > TREE_TOKENS:
            self.warn(f"A question has more than {TREE_TOKENS:,} tokens: scoring by copying caches, more slowly.")
            return self._gated(CopyScorer(self.network, prompts, offered))
        if not takes_trees(self.network.config):
            self.warn("This model has layers that cannot look through a mask: scoring by copying caches, more slowly.")
            return self._gated(CopyScorer(self.network, prompts, offered))
        return self._gated(TreeScorer(self.network, prompts, offered, self.beginning))

    def _gated(self, fast: OptionScorer) -> OptionScorer:
        differs = gate(fast)
        if differs is None:
            return fast
        if isinstance(fast, TreeScorer):
            self.warn(f"The tree scorer does not fit this model: {differs}. Scoring by copying caches, more slowly.")
            prompts = [fast.prefix + suffix for suffix in fast.suffixes]
            return self._gated(CopyScorer(self.network, prompts, fast.options))
        self.warn(f"Copied caches do not fit this model: {differs}. Scoring the plain way, an option at a time.")
        return PlainScorer(self.network, [fast.prefix + suffix for suffix in fast.suffixes], fast.options)

    def texts(self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop: Sequence[str] = ()) -> Generator:
        """Greedy free-text answers."""
        return Generator(self.network, self.tokenizer, prompts, max_new_tokens, stop)

    def losses(self, texts: Sequence[Sequence[int]]) -> LossScorer:
        """A scorer of whole texts. Raises `UserError` where one has nothing to predict."""
        if short := [text for text in texts if len(text) < 2]:
            raise UserError(
                f"The text '{self.tokenizer.decode(short[0])}' has no loss: its first token is only read, and there is "
                f"no second. Take it out{f', and {len(short) - 1:,} more like it' if len(short) > 1 else ''}."
            )
        return LossScorer(self.network, texts, self.context)


class NoAnswers:
    """What a model without weights answers."""

    batches: list[list[int]] = []

    def score(self, batch: Sequence[int]) -> list[Any]:
        """Never called: there is no batch."""
        return []


class TokensOnly(LanguageModel):
    """What tokens a text has in a model, and how many fit; it answers nothing."""

    def options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> NoAnswers:
        return NoAnswers()

    def texts(self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop: Sequence[str] = ()) -> Any:
        return NoAnswers()

    def losses(self, texts: Sequence[Sequence[int]]) -> Any:
        return NoAnswers()


def tokens_only(name: str, warn: Callable[[str], None] = print) -> TokensOnly:
    """The tokenizer of the model of this name."""
    folder = weights.folder(name, warn)
    return TokensOnly(folder, None, loading.tokenizer(folder), warn, loading.config(folder))


def load(
    name: str,
    adapter: Path | None = None,
    warn: Callable[[str], None] = print,
    dtype: torch.dtype | None = None,
    in_4_bit: bool = False,
) -> LanguageModel:
    """The model of this name, ready to answer; an adapter is merged in float32 before the cast to `dtype`.

    `adapter` may also be a folder of all weights. `in_4_bit`: NF4 by bitsandbytes, to train an adapter over it.
    """
    from transformers import BitsAndBytesConfig

    for_answering()
    keep_few_kernels()
    folder = weights.folder(name, warn)
    whole = adapter if adapter is not None and weights.is_whole(adapter) else None
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    packed: dict[str, Any] = (
        {"quantization_config": nf4, "device_map": {"": torch.cuda.current_device()}} if in_4_bit else {}
    )
    network = loading.network(whole or folder, dtype=torch.float32, **packed)
    tokenizer = loading.tokenizer(folder)
    if in_4_bit:
        return LanguageModel(folder, network.eval(), tokenizer, warn)
    if adapter is not None and not whole:
        network = loading.with_adapter(network, adapter).merge_and_unload()
    # Peft leaves weights frozen, and where nothing can ask for gradients torch multiplies a slice (the last token of
    # each prompt) by a copy of the head for every row: 76 answers took 15.1 s in place of 8.5, and 4 GB more.
    network.requires_grad_(True)
    cast_weights(network, dtype or default_dtype())
    torch.nn.Module.to(network, "cuda" if torch.cuda.is_available() else "cpu")
    return LanguageModel(folder, network.eval(), tokenizer, warn)


def default_dtype() -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return (
        torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else torch.float32
    )
