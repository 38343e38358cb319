"""A GGUF file read back, by transformers' reader and not by the inverse of our writer: a mapping that is wrong must not
cancel itself out."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from metier.engine.models import loading, weights
from metier.engine.models.gguf.writer import expected
from metier.engine.models.model_files import understood
from metier.errors import UserError

FILES_OF_TOKENIZER = ("tokenizer*", "chat_template*", "special_tokens_map.json", "generation_config.json")


def stored_values(file: Path) -> dict[str, Any]:
    """All keys of a file with their values. Raises `UserError` where it is no whole GGUF file."""
    from gguf import GGUFReader

    with understood(f"The GGUF file {file} cannot be read", file):
        return {key: field.contents() for key, field in GGUFReader(file).fields.items()}


def differences(file: Path, base: Path) -> list[str]:
    """Keys on which a file says something else of model or tokenizer than the folder that it was made from."""
    config = loading.config(base)
    tokenizer = loading.tokenizer(base)
    stored = stored_values(file)
    wanted = expected(config, tokenizer, config.vocab_size)
    return sorted(key for key, value in wanted.items() if not _same(value, stored.get(key)))


def _same(wanted: Any, stored: Any) -> bool:
    if isinstance(wanted, float):
        return isinstance(stored, float) and np.float32(wanted) == np.float32(stored)
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], float):
        return isinstance(stored, list) and np.array_equal(np.array(wanted, np.float32), np.array(stored, np.float32))
    return bool(wanted == stored)


def read_back(file: Path, base: Path, target: Path) -> list[str]:
    """The weights of a file as a model's folder; returns `differences`.

    Where there are none, config and tokenizer are those of `base`: transformers' reader leaves out rotary scaling, and
    how a tokenizer splits text. Otherwise they are the file's own, as far as it reads them. Raises `UserError` where
    the file cannot be read.
    """
    found = differences(file, base)
    weights.dequantize(file, target, with_tokenizer=bool(found))
    if found:
        return found
    made, known = (json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in (target, base))
    if made.get("tie_word_embeddings") != known.get("tie_word_embeddings"):
        raise UserError(f"{file} stores its output weights otherwise than the base model. Export the run again.")
    shutil.copyfile(base / "config.json", target / "config.json")
    for pattern in FILES_OF_TOKENIZER:
        for path in base.glob(pattern):
            shutil.copyfile(path, target / path.name)
    return []
