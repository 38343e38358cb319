"""Text that the base model writes itself, to train on beside the task: what it knew stays as likely as it was.

The expected gradient on samples of a distribution is that of the divergence from it, so this is distillation of the
base model (Li and Hoiem 2016, ECCV) by sampling, as in self-synthesized rehearsal (Huang et al. 2024, ACL), and it
needs no text of others.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.runs.cache import cache_folder
from metier.runs.files import fingerprint, write_json
from metier.runs.marks import hashed, read_hashed
from metier.runs.progress import Progress

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel

VERSION = 1
LENGTH = 192
"""Most tokens of a text: what a model writes without an aim drifts with length, and short texts give more beginnings."""
AT_ONCE = 64
"""Texts that are written side by side."""


def written(model: "LanguageModel", model_sha256: str, tokens: int, seed: int, progress: Progress) -> list[list[int]]:
    """Texts of about so many tokens together, kept in the cache for the next training of this model."""
    path = _path(model_sha256, seed)
    texts: list[list[int]] = []
    if path.is_file():
        texts = read_hashed(path, "Remove it, and it is written again.")["texts"]
    if sum(map(len, texts)) < tokens:
        texts = _write(model, texts, tokens, seed, progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, hashed({"texts": texts}))
    found: list[list[int]] = []
    while texts and sum(map(len, found)) < tokens:
        found.append(texts[len(found)])
    return found


def _path(model_sha256: str, seed: int) -> Path:
    return cache_folder() / "replay" / f"{fingerprint(VERSION, model_sha256, LENGTH, seed)[:32]}.json"


def _write(
    model: "LanguageModel", texts: list[list[int]], tokens: int, seed: int, progress: Progress
) -> list[list[int]]:
    """More texts behind those that are there, each a function of the seed and its number alone."""
    texts, have = list(texts), sum(map(len, texts))
    progress.begin("replay text, written by the base model", tokens, "tokens", done=have)
    while have < tokens:
        batch = _batch(model, range(len(texts), len(texts) + AT_ONCE), seed)
        texts += batch
        progress.advance(sum(map(len, batch)))
        have += sum(map(len, batch))
    progress.end()
    return texts


def _batch(model: "LanguageModel", numbers: range, seed: int) -> list[list[int]]:
    from metier.engine.decoding.decoder import Decoder
    from metier.engine.decoding.sampling import Sampling

    decoder = Decoder(model, AT_ONCE * (LENGTH + 64))
    found: dict[Any, list[int]] = {}
    for number in numbers:
        start = _beginning(model, number, seed)
        found[number] = list(start)
        decoder.add(number, start, Sampling(LENGTH, temperature=1.0, seed=seed * 1_000_003 + number))
    while len(decoder):
        for key, piece in decoder.step():
            found[key] += [score.token for score in piece.tokens]
    return [found[number] for number in numbers]


def _beginning(model: "LanguageModel", number: int, seed: int) -> list[int]:
    """Every other text is a conversation where the model has a template; the others begin with a token drawn at random
    (Liu et al. 2023, LLM-QAT)."""
    generator = random.Random(f"replay:{seed}:{number}")
    if number % 2 and (opened := _user_turn(model)):
        return opened
    special = set(model.tokenizer.all_special_ids)
    words = [token for token in range(len(model.tokenizer)) if token not in special]
    return [generator.choice(words)]


def _user_turn(model: "LanguageModel") -> list[int]:
    """What stands before a user's first words (Xu et al. 2024, Magpie); nothing where there is no chat template."""
    if not getattr(model.tokenizer, "chat_template", None):
        return []
    mark = "\x00question\x00"
    text = model.tokenizer.apply_chat_template([{"role": "user", "content": mark}], tokenize=False)
    return model.tokenizer(text[: text.index(mark)], add_special_tokens=False)["input_ids"] if mark in text else []
