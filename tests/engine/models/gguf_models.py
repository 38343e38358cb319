"""Tiny random models of the architectures that are written as GGUF, with tokenizers trained on the spot."""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from metier.engine.models.gguf.vocabulary import IGNORE_MERGES, SPLITS

TEXTS = [f"Note {n}: chest pain at night, don't wait; itch and rash since {n % 31} days.\n" for n in range(300)]
PROMPTS = ["Note 12: chest pain", "itch and rash since 7 days.\nIt's", "don't wait 2024", "Übelkeit  seit\n\n3 Tagen"]
SPECIAL = ["<unk>", "<s>", "</s>"]
SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "max_position_embeddings": 512}
SIZES |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0}
LLAMA3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def byte_level(split: str | None) -> Tokenizer:
    """As Llama 3 and Qwen have it; `split`: llama.cpp's name of the rule, None: GPT-2's own."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=split in IGNORE_MERGES))
    if split == "smollm":
        before = [pre_tokenizers.Digits(individual_digits=True)]
    else:
        patterns = {name: pattern for pattern, name in SPLITS.items()}
        before = [pre_tokenizers.Split(Regex(patterns[split]), "isolated")] if split else []
    own = split in (None, "smollm")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*before, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def sentencepiece() -> Tokenizer:
    """As Llama 2, Mistral and Gemma have it: spaces as letters, unknown letters as bytes, a begin token."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[*SPECIAL, *bytes_], max_token_length=12)
    words = [text.strip().replace(" ", " ") for text in TEXTS]
    tokenizer.train_from_iterator(words, trainer)
    state = tokenizer.to_str()
    tokenizer = Tokenizer.from_str(_without_added(state))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def _without_added(state: str) -> str:
    """Byte tokens are plain entries of the vocabulary, not added ones."""
    import json

    content = json.loads(state)
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in SPECIAL]
    return json.dumps(content)


def make(kind: str, folder: Path) -> Path:
    """A model of a kind in a folder."""
    torch.manual_seed(3)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    by_kind = {
        "llama": lambda rows: LlamaForCausalLM(LlamaConfig(vocab_size=rows, **SIZES, **heads, rope_parameters=LLAMA3)),
        "mistral": lambda rows: MistralForCausalLM(
            MistralConfig(vocab_size=rows, **SIZES, **heads, sliding_window=None, tie_word_embeddings=True)
        ),
        "qwen2": lambda rows: Qwen2ForCausalLM(Qwen2Config(vocab_size=rows, **SIZES, **heads)),
        "qwen3": lambda rows: Qwen3ForCausalLM(
            Qwen3Config(vocab_size=rows, **SIZES, **heads, head_dim=128, tie_word_embeddings=True)
        ),
        "gemma3": lambda rows: Gemma3ForCausalLM(
            Gemma3TextConfig(
                vocab_size=rows, **{**SIZES, "num_hidden_layers": 7}, **heads, head_dim=256, sliding_window=16
            )
        ),
    }
    tokenizers = {
        "llama": lambda: byte_level("llama-bpe"),
        "mistral": sentencepiece,
        "qwen2": lambda: byte_level("qwen2"),
        "qwen3": lambda: byte_level("smollm"),
        "gemma3": sentencepiece,
    }
    tokenizer = tokenizers[kind]()
    network = by_kind[kind](tokenizer.get_vocab_size() + 3)  # rows that no token has, as real models have them
    for name, weight in network.named_parameters():
        if weight.ndim == 1:  # norms and biases away from their start, so that a wrong one shows
            weight.data += 0.3 * torch.randn_like(weight)
        elif "embed" not in name:
            weight.data *= 5  # answers that differ from each other
    network.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = "{% for m in messages %}<s>{{ m['content'] }}\n{% endfor %}"
    fast.save_pretrained(folder)
    return folder
