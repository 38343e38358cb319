"""The files of a model's or an adapter's folder: which of them are loaded, what is wrong with them before any library
opens them, and their hashes."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.runs import files as run_files

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TUNED, TUNED_CONFIG = "adapter_model.safetensors", "adapter_config.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
PICKLE = (
    "holds its weights as pickle ({file}), which can run any code when opened. Metier does not open it. Convert it to "
    "safetensors where you trust it: model.save_pretrained(folder, safe_serialization=True)."
)
LAYERS, OTHERS = re.compile(r"n_layers?|num_.*layers"), re.compile(r"n_heads?|num_.*(experts|heads)|.*_experts")
"""Settings of which each one more is a module more, which a config could ask for without end."""

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
ADAPTER = (TUNED, TUNED_CONFIG)
"""What peft reads of an adapter's folder."""
RECORD = "metier.json"
"""In a folder of the cache: the hashes of its files when it was made."""


def loaded(folder: Path) -> list[Path]:
    """The files of a model's folder that are loaded, in order of name. Raises `UserError` where one cannot be read."""
    files = sorted({path for pattern in MODEL for path in folder.glob(pattern)} - {folder / RECORD})
    for path in files:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "a link that leads nowhere" if path.is_symlink() else "no file"
            raise UserError(f"{path} is {what}, and the model's files are read by that name. Take it away.")
    return files


def of_files(folder: Path, files: Iterable[Path]) -> str:
    """One hash of files by their names and contents."""
    lines = [f"{file_sha256(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def file_sha256(path: Path) -> str:
    """Hash of a file. Raises `UserError` where it cannot be read."""
    try:
        return run_files.file_sha256(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Check it and its permissions.") from error


def check_model(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each weight in a model's folder, by its name. Raises `UserError` where a library could not read the
    folder, would read something outside it or a pickle, or where the config asks for more layers than there are
    weights."""
    loaded(folder)
    if not (folder / "config.json").is_file():
        raise UserError(f"The model folder {folder} has no config.json. Save it again with `save_pretrained`.")
    if (folder / TUNED_CONFIG).is_file():
        raise UserError(f"{folder} holds an adapter ({TUNED_CONFIG}) and no model of its own. Name the whole model.")
    config = read_json(folder / "config.json")
    for key in ("attn_implementation", "_attn_implementation", "transformers_weights"):
        if key == "transformers_weights" and config.get(key) or "/" in str(config.get(key, "")):
            raise UserError(f"{folder / 'config.json'} sets `{key}`, which names files elsewhere. Take it out.")
    weights: dict[str, tuple[int, ...]] = {}
    for file in weight_files(folder):
        weights |= shapes(file)
    for key, value in _numbers(config):
        too_many_layers = LAYERS.fullmatch(key) and value > len(weights)
        if too_many_layers or OTHERS.fullmatch(key) and value > max(4096, 64 * len(weights)):
            raise UserError(
                f"{folder / 'config.json'} asks for {key}: {value:,}, and the folder holds {len(weights):,} weights. "
                "Put the config back that belongs to them."
            )
    return weights


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a model. Raises `UserError` where the index names any other file."""
    index = folder / INDEX
    if index.is_file():
        named = _indexed(index)
    if (folder / WEIGHTS).is_file():  # transformers' order
        return [folder / WEIGHTS]
    if index.is_file():
        return named
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise UserError(f"The model folder {folder} {PICKLE.format(file=pickles[0])}")
    raise UserError(f"The model folder {folder} has neither {WEIGHTS} nor {INDEX}. Save it with `save_pretrained`.")


def check_adapter(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each weight in an adapter's folder, by its name. Raises `UserError` where it is no adapter as
    Metier writes one."""
    if not (folder / TUNED).is_file():
        pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
        if pickles:
            raise UserError(f"The adapter {folder} {PICKLE.format(file=pickles[0])}")
    for name in ADAPTER:
        if not (folder / name).is_file():
            raise UserError(f"There is no adapter in {folder}: {name} is missing. Train again, in a new folder.")
    config = read_json(folder / TUNED_CONFIG)
    weights = shapes(folder / TUNED)
    ranks = {value for key, value in _numbers({"r": config.get("r"), **_object(config.get("rank_pattern"))})}
    most = max((min(shape) for name, shape in weights.items() if shape and "lora_" in name), default=0)
    wrong = [
        f"{key}: {config[key]!r}"
        for key, allowed in (("peft_type", ("LORA",)), ("init_lora_weights", (True, False)), ("megatron_config", ()))
        if config.get(key) is not None and config[key] not in allowed
    ]
    wrong += [f"a rank of {rank:,}, and its weights have {most:,}" for rank in sorted(ranks) if rank > most]
    if wrong or config.get("peft_type") is None:
        raise UserError(
            f"{folder / TUNED_CONFIG} has {wrong[0] if wrong else 'no peft_type'}: it is not the config that was "
            "written with these weights. Train again, in a new folder."
        )
    return weights


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of what a safetensors file holds, from its header. Raises `UserError` where the file is torn."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{file} is no whole safetensors file ({first_line(error)}). It may be cut off: fetch or write it again."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `UserError` where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path} cannot be read as JSON ({first_line(error)}). Fetch or write it again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object. Fetch or write it again.")
    return content


@contextmanager
def understood(what: str, where: Path) -> Iterator[None]:
    """What a library says of files that it cannot read, as the user's to fix: each raises errors of its own kinds, and
    Rust's panics are not even `Exception`s."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(f"{what}: {first_line(error)}. Fetch or save {where} again.") from error


def first_line(error: BaseException, most: int = 300) -> str:
    """An error's own words, short enough for one message."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= most else f"{line[:most]}..."


def _indexed(index: Path) -> list[Path]:
    """The files that an index names, all of them safetensors beside it."""
    content = read_json(index)
    names = _object(content.get("weight_map"))
    if not names or not isinstance(content.get("metadata"), dict):
        raise UserError(f"{index} has no `weight_map` with `metadata`. Fetch or write it again.")
    files = set()
    for name in names.values():
        whole = isinstance(name, str) and re.fullmatch(r"[^/\\\0]+\.safetensors", name)
        if not whole:
            raise UserError(
                f"{index} names {str(name)[:100]!r}, which is no .safetensors file beside it. Metier opens nothing "
                "else: other weights can run code when opened."
            )
        if not (index.parent / name).is_file():
            raise UserError(f"{index} names {name}, which is not there. Fetch or write the folder again.")
        files.add(index.parent / name)
    return sorted(files)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(config: Any) -> list[tuple[str, int]]:
    """(key, number) of every whole number in a config, those of its parts too."""
    numbers = []
    for key, value in config.items():
        if isinstance(value, dict):
            numbers += _numbers(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            numbers.append((key, value))
    return numbers
