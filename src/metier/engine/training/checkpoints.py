"""Checkpoints that are complete or do not count."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from metier.runs import distributed
from metier.runs.files import file_sha256

SEAL = "seal.json"


class Seal(TrainerCallback):
    """Writes the hashes of a checkpoint's files once all are on disk; an unsealed one is a half-written one. Beside
    them stand the seconds that training took to come there, those of killed attempts included."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.began = time.monotonic() - seconds(_folder(args, state))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        distributed.wait()  # each process writes the state of its random numbers
        if not distributed.first():
            return
        folder = _folder(args, state)
        scratch = folder / f".{SEAL}"
        scratch.write_text(json.dumps({"files": _hashes(folder), "seconds": time.monotonic() - self.began}))
        scratch.replace(folder / SEAL)


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; broken ones (a kill in the middle of writing) are removed."""
    checkpoints = [path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdecimal()]
    for checkpoint in sorted(checkpoints, key=lambda path: -int(path.name.split("-")[1])):
        if _sealed(checkpoint).get("files") == _hashes(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def seconds(checkpoint: Path) -> float:
    """What training had taken up to a checkpoint; 0 where there is none."""
    return float(_sealed(checkpoint).get("seconds", 0.0))


def _folder(args: Any, state: Any) -> Path:
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"


def _sealed(checkpoint: Path) -> dict[str, Any]:
    try:
        seal = json.loads((checkpoint / SEAL).read_text())
        return {"files": dict(seal["files"]), "seconds": float(seal["seconds"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lstrip(".") != SEAL)
    return {str(path.relative_to(folder)): file_sha256(path) for path in files}
