"""What llama.cpp is told about a tokenizer: tokens, their types, merges or scores, and how text is split before.

llama.cpp does not read the splitting rules of tokenizer.json. It has rules under names of its own, and a file with the
wrong name is tokenized wrongly without a word. So the name is looked up by the rules themselves, and rules that have
none are refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metier.errors import UserError

WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
OTHERS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SPLITS = {
    rf"{CONTRACTIONS}|{WORDS}|\p{{N}}{{1,3}}|{OTHERS}": "llama-bpe",
    rf"{CONTRACTIONS}|{WORDS}|\p{{N}}|{OTHERS}": "qwen2",
    rf"[^\r\n\p{{L}}\p{{N}}]?{CASED}*{SMALL}+|[^\r\n\p{{L}}\p{{N}}]?{CASED}+{SMALL}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": "tekken",
}
"""Regular expression of tokenizer.json -> llama.cpp's name for it (its llama-vocab.cpp)."""
IGNORE_MERGES = ("llama-bpe", "tekken")
"""Names with which llama.cpp takes a word that is a token as that token, whatever the merges say."""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""llama.cpp's types of tokens."""
SPACE = "▁"
SENTENCEPIECE: list[dict[str, Any]] = [
    {"type": "Prepend", "prepend": SPACE},
    {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
]
"""What llama.cpp does to a text before a tokenizer of sentencepiece's kind reads it."""


def vocabulary(tokenizer: Any, rows: int) -> dict[str, Any]:
    """Keys and values of a file for a tokenizer. `rows`: how many tokens the model has rows for.

    Raises `UserError` where llama.cpp has no such tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    stored = json.loads(backend.to_str()) if backend else {}
    model = stored.get("model", {})
    if model.get("type") != "BPE":
        raise UserError(f"A tokenizer of the type {model.get('type')} cannot be written as GGUF here. BPE can.")
    kind = _sentencepiece if model.get("byte_fallback") else _byte_level
    tokens, types = _tokens(stored, rows, bool(model.get("byte_fallback")))
    chat = tokenizer.chat_template
    return {
        **kind(stored, tokens),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        **_special(tokenizer),
        **({"tokenizer.chat_template": chat} if isinstance(chat, str) and chat else {}),
    }


def _tokens(stored: Mapping[str, Any], rows: int, with_bytes: bool) -> tuple[list[str], list[int]]:
    """Each token and its type, in the order of the model's rows; rows that no token has are unused ones."""
    by_row = {row: token for token, row in stored["model"]["vocab"].items()}
    types = dict.fromkeys(by_row, NORMAL)
    if with_bytes:
        types |= {row: BYTE for row, token in by_row.items() if len(token) == 6 and token.startswith("<0x")}
    for added in stored.get("added_tokens", []):
        text = added["content"]
        by_row[added["id"]] = text if added["special"] else text.replace(SPACE, " ")
        types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    unknown = stored["model"].get("unk_token")
    types |= {row: UNKNOWN for row, token in by_row.items() if with_bytes and token == unknown}
    if by_row and max(by_row) >= rows:
        raise UserError(f"The tokenizer has the token {max(by_row)}, and the model has rows for {rows:,} tokens.")
    return [by_row.get(row, f"[PAD{row}]") for row in range(rows)], [types.get(row, UNUSED) for row in range(rows)]


def _byte_level(stored: Mapping[str, Any], tokens: list[str]) -> dict[str, Any]:
    """A tokenizer as GPT-2 has it: bytes as letters, joined by merges."""
    _check_normalizer(stored, [{"type": "NFC"}])
    split = _split_name(stored.get("pre_tokenizer"))
    if bool(stored["model"].get("ignore_merges")) != (split in IGNORE_MERGES):
        raise UserError(
            f"llama.cpp {'ignores' if split in IGNORE_MERGES else 'follows'} the merges of words that are tokens, for "
            f"tokenizers that it calls '{split}', and this one does not. Export the model as `merged` or `vllm`."
        )
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in stored["model"]["merges"]]
    # llama.cpp refuses a file without merges. Two bytes that join to no token stay two bytes.
    merges = merges or [next(f"{token} {token}" for token in tokens if len(token) == 1 and token * 2 not in tokens)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": split,
        "tokenizer.ggml.merges": merges,
    }


def _check_normalizer(stored: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> None:
    """Raises `UserError` where a text is changed in a way that llama.cpp does not know before it is split."""
    normalizer = stored.get("normalizer")
    if not normalizer:
        return
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    if other := [step for step in steps if step not in known]:
        raise UserError(
            f"This tokenizer changes texts by {other[0]['type']} before it reads them, and llama.cpp would not. Export "
            "the model as `merged` or `vllm`."
        )


def _split_name(rules: Any) -> str:
    """llama.cpp's name for how a byte-level tokenizer splits text. Raises `UserError` where it has none."""
    parts = (rules or {}).get("pretokenizers") or [rules or {}]
    last = parts[-1]
    if last.get("type") == "ByteLevel" and not last.get("add_prefix_space"):
        before = parts[:-1]
        if last.get("use_regex") and not before:
            return "gpt-2"
        if last.get("use_regex") and [(part["type"], part.get("individual_digits")) for part in before] == [
            ("Digits", True)
        ]:
            return "smollm"
        if not last.get("use_regex") and len(before) == 1 and before[0]["type"] == "Split":
            pattern = before[0]["pattern"].get("Regex", "")
            if pattern in SPLITS and before[0]["behavior"] == "Isolated":
                return SPLITS[pattern]
    raise UserError(
        "llama.cpp has no name for how this tokenizer splits text into words, and would split it otherwise. Export the "
        "model as `merged` or `vllm`."
    )


def _sentencepiece(stored: Mapping[str, Any], tokens: list[str]) -> dict[str, Any]:
    """A tokenizer as sentencepiece has it. llama.cpp joins the pair whose token has the highest score: those are the
    negative ranks of the merges, as in sentencepiece's own files."""
    _check_normalizer(stored, SENTENCEPIECE)
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(stored["model"]["merges"]):
        ranks.setdefault("".join(pair) if isinstance(pair, list) else pair.replace(" ", ""), rank)
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.scores": [-float(ranks.get(token, len(ranks))) for token in tokens],
        "tokenizer.ggml.add_space_prefix": _adds_space(stored),
    }


def _adds_space(stored: Mapping[str, Any]) -> bool:
    """Whether a space is put before a text."""
    normalizer, rules = stored.get("normalizer") or {}, stored.get("pre_tokenizer") or {}
    steps = [*(normalizer.get("normalizers") or [normalizer]), *(rules.get("pretokenizers") or [rules])]
    return any(
        step.get("type") == "Prepend" or step.get("type") == "Metaspace" and step.get("prepend_scheme") != "never"
        for step in steps
    )


def _special(tokenizer: Any) -> dict[str, Any]:
    """The tokens with a meaning, and whether a text begins or ends with one."""
    ids = {
        name: getattr(tokenizer, f"{attribute}_token_id")
        for name, attribute in (("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad"))
    }
    read = list(tokenizer("a")["input_ids"])
    return {
        **{f"tokenizer.ggml.{name}_token_id": int(row) for name, row in ids.items() if row is not None},
        "tokenizer.ggml.add_bos_token": read[0] == ids["bos"],
        "tokenizer.ggml.add_eos_token": len(read) > 1 and read[-1] == ids["eos"],
    }
