"""The files of a model's or an adapter's folder: which of them are loaded, and their hashes."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from metier.errors import UserError

MODEL = (
    "*.safetensors",
    "*.json",  # configs, the index of the weights, tokenizers, token maps, vocabularies, templates of old
    "*.jinja",
    "*.model",  # sentencepiece
    "*.txt",  # merges.txt, vocab.txt
    "*.tiktoken",
    "additional_chat_templates/*.jinja",
    "chat_templates/*",
)
"""What transformers may read of a model's folder."""
ADAPTER = ("adapter_model.safetensors", "adapter_config.json")
"""What peft reads of an adapter's folder."""
WHOLE = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
"""What is read of a folder of tuned weights, whose tokenizer is the base model's."""
RECORD = "metier.json"
"""In a folder of the cache: the hashes of its files when it was made."""


def loaded(folder: Path, patterns: Iterable[str] = MODEL) -> list[Path]:
    """The files of a folder that are loaded, in order of name. Raises `UserError` where one is no readable file."""
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)} - {folder / RECORD})
    for path in found:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "a link that leads nowhere" if path.is_symlink() else "no file"
            raise UserError(f"{path} is {what}, and the model's files are read by that name. Take it away.")
    return found


def of_files(folder: Path, files: Iterable[Path]) -> str:
    """One hash of files by their names and contents."""
    lines = [f"{file_sha256(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def file_sha256(path: Path) -> str:
    try:
        with open(path, "rb") as stream:  # in pieces: weights have gigabytes
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Check it and its permissions.") from error
