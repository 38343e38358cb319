"""Static embeddings from a folder: a vector a token, of a text their mean (model2vec, Tulkens & van Dongen 2024).

The folder is as `model2vec` saves one, with `model.safetensors` and `tokenizer.json`. Both are read with libraries
that Metier needs anyway, so there is nothing to install, and nothing is fetched: where a hub can be reached,
`model2vec.StaticModel.from_pretrained(NAME).save_pretrained(FOLDER)` makes the folder.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.errors import UserError

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
TABLES = ("embeddings", "embedding.weight")
"""What the table of vectors is called by model2vec, and by sentence-transformers for the same kind of model."""


def vectors(texts: Sequence[str], folder: Path | str) -> NDArray[np.float32]:
    """(texts, dimensions) of length 1; zeros where no token is known. Raises `UserError` where it is no such folder."""
    tensors, tokenizer, unknown = _read(Path(folder).expanduser())
    table = next(tensors[name] for name in TABLES if name in tensors)
    weights, place = tensors.get("weights"), tensors.get("mapping")  # of models with fewer vectors than tokens
    out = np.zeros((len(texts), table.shape[1]), np.float32)
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
        ids = np.array([token for token in encoding.ids if token != unknown], np.int64)
        if len(ids):
            taken = table[ids if place is None else place[ids]].astype(np.float32)
            out[row] = (taken if weights is None else taken * weights[ids, None]).mean(0)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def problems(folder: Path | str) -> list[str]:
    """What is wrong with the folder, found before anything long is begun."""
    try:
        _read(Path(folder).expanduser())
    except UserError as error:
        return [str(error)]
    return []


def _read(folder: Path) -> tuple[dict[str, NDArray[Any]], Any, int | None]:
    """(tensors by name, tokenizer, id of the token that stands for unknown ones)."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    from metier.engine.models.model_files import understood

    missing = [name for name in (WEIGHTS, TOKENIZER) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"The embedding '{folder}' is no folder with {WEIGHTS} and {TOKENIZER}: {' and '.join(missing)} not found. "
            "Save a static model there (model2vec: StaticModel.from_pretrained(NAME).save_pretrained(FOLDER)); "
            "nothing is downloaded."
        )
    with understood(f"The embedding '{folder}' cannot be read", folder):
        tensors = load_file(folder / WEIGHTS)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    if not any(name in tensors for name in TABLES):
        raise UserError(
            f"The embedding '{folder}' holds {', '.join(sorted(tensors))} and no table named {' or '.join(TABLES)}: it "
            "is no static model. One that reads the words around a word is not supported."
        )
    if wrong := _unfit(tensors, tokenizer):
        raise UserError(f"The embedding '{folder}' does not fit together: {wrong}. Save it anew.")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = json.loads(tokenizer.to_str())["model"]
    unknown = model.get("unk_id")  # Unigram says its number, the others say the token
    return tensors, tokenizer, tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else unknown


def _unfit(tensors: dict[str, NDArray[Any]], tokenizer: Any) -> str:
    """What keeps the vectors from being read by the tokenizer's tokens; nothing where all fits."""
    table = next(tensors[name] for name in TABLES if name in tensors)
    if table.ndim != 2 or not np.isfinite(table).all():
        return "its table is no matrix of numbers"
    tokens = 1 + max(tokenizer.get_vocab().values(), default=-1)
    weights, place = tensors.get("weights"), tensors.get("mapping")
    if weights is not None and (weights.ndim != 1 or not np.isfinite(weights).all()):
        return "its weights are no list of numbers"
    if place is not None and (
        not np.issubdtype(place.dtype, np.integer) or not ((place >= 0) & (place < len(table))).all()
    ):
        return "its mapping leads out of the table"
    rows = min(len(tensor) for tensor in (table if place is None else place, weights) if tensor is not None)
    return f"it has rows for {rows:,} tokens, and the tokenizer has {tokens:,}" if tokens > rows else ""
