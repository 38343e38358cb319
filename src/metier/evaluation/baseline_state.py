"""The files of a saved baseline: plain values and tensors, read strictly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from metier.errors import UserError, shown
from metier.evaluation.predictions import Floats
from metier.recipes import strict_json
from metier.runs.files import write, write_text

STATE, TENSORS = "model.json", "model.safetensors"
"""The files of a saved baseline; the second one only where it has tensors."""
AGAIN = "Run `metier evaluate` on its run to make it again."


class BaselineState(BaseModel):
    """What a baseline keeps in model.json; derive from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: int
    """That of the baseline that wrote it."""


State = TypeVar("State", bound=BaselineState)


def write_state(folder: Path, state: BaselineState, tensors: Mapping[str, Floats]) -> list[str]:
    """Write a baseline's files, each completely or not at all; returns their names."""
    write_text(folder / STATE, strict_json.dumps(state.model_dump(), ensure_ascii=False, separators=(",", ":")) + "\n")
    if not tensors:
        return [STATE]
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write(folder / TENSORS, lambda scratch: save_file(contiguous, scratch))
    return [STATE, TENSORS]


def read_state(folder: Path, kind: type[State], version: int) -> State:
    """The content of a baseline's model.json. Raises `UserError` where it is malformed or of another version."""
    try:
        content = strict_json.loads((folder / STATE).read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("version") != version:
            found = shown(content.get("version"))
            raise UserError(f"The baseline in {folder} has the version {found}, and this Metier {version}. {AGAIN}")
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(folder, f"{'.'.join(map(str, first['loc'])) or STATE}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, f"{STATE} cannot be read: {error}") from error


def read_tensors(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """The tensors of a baseline. Raises `UserError` unless they are finite float64 of just these names and shapes."""
    if not shapes:
        return {}
    try:
        tensors: dict[str, Floats] = load_file(folder / TENSORS)
    except (OSError, ValueError, SafetensorError) as error:
        raise damaged(folder, f"{TENSORS} cannot be read: {error}") from error
    if (found := {name: tensor.shape for name, tensor in tensors.items()}) != dict(shapes):
        raise damaged(folder, f"its tensors have the shapes {found}, and not {dict(shapes)}")
    if wrong := [name for name, it in tensors.items() if it.dtype != np.float64 or not np.isfinite(it).all()]:
        raise damaged(folder, f"the tensor {wrong[0]} is not of finite float64 numbers")
    return tensors


def refuse_another(folder: Path, what: str, saved: Any, asked: Any) -> None:
    """Raises `UserError` where a saved baseline was made for something else than what is asked for."""
    if saved != asked:
        raise UserError(
            f"The baseline in {folder} was made for the {what} {shown(saved)}, and not for {shown(asked)}. {AGAIN}"
        )


def damaged(folder: Path, why: str) -> UserError:
    """The error that says what is wrong with a saved baseline."""
    return UserError(f"The baseline in {folder} is damaged: {why}. {AGAIN}")
