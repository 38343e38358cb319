"""Checkpoints that are complete or do not count."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from metier import processes

SEAL = "seal.json"


class Seal(TrainerCallback):
    """Writes the hashes of a checkpoint's files once all are on disk; an unsealed one is a half-written one."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        processes.wait()  # each process writes the state of its random numbers
        if not processes.first():
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        scratch = folder / f".{SEAL}"
        scratch.write_text(json.dumps(_hashes(folder)))
        scratch.replace(folder / SEAL)


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; broken ones (a kill in the middle of writing) are removed."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1])):
        if _sealed(checkpoint) == _hashes(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _sealed(checkpoint: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads((checkpoint / SEAL).read_text())
    except (OSError, ValueError):
        return None
    return found


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lstrip(".") != SEAL)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
