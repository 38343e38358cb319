"""Which recipe a run stands on: the one that it was begun with, and the edits that were made in time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metier.errors import UserError, shown
from metier.recipes import strict_yaml
from metier.recipes.schema import Recipe, load
from metier.runs.marks import read_hashed

PLAN = "plan.json"
"""What will be decided and how, sealed before the first test question is asked."""
NO_LOCK = (
    "It says which recipe, seeds and versions the run was begun with, and nothing can be judged without it. Put it "
    "back, or run the recipe in a new folder."
)

BEFORE_TEST = ("held-out", "review", "candidate")
"""Answers to held-out training rows, which may be there before the plan is sealed."""


def is_asked(folder: Path) -> bool:
    """Whether a test question was answered."""
    return any(file.name.split(".")[0] not in BEFORE_TEST for file in (folder / "evaluate").glob("*/*.jsonl"))


def is_open(folder: Path) -> bool:
    """Whether no plan is sealed and no test question answered yet, so that what decides may still be changed."""
    return not (folder / PLAN).exists() and not is_asked(folder)


def deciding(mine: Recipe, other: Recipe) -> set[str]:
    """Keys of a recipe that only say how the answers are judged, and held against whose. `retention` is one while it
    names the same checks."""
    same_checks = {"retention"} if mine.retention.keys() == other.retention.keys() else set()
    return {"ship", "baselines"} | same_checks


def locked_recipe(folder: Path) -> tuple[str, Recipe]:
    """The recipe that the run was begun with, edits aside that were made in time, as text and parsed."""
    try:
        lock = read_hashed(folder / "lock.json", NO_LOCK)
        text = newest(lock)
        return text, Recipe.model_validate(strict_yaml.load(text, str(folder / "lock.json")))
    except (KeyError, ValidationError) as error:
        raise UserError(
            f"{folder} was begun by another version of Metier, whose recipes this one does not read. Run the "
            "recipe in a new folder."
        ) from error


def newest(lock: Mapping[str, Any]) -> str:
    """The text of the newest recipe that a run's lock.json holds."""
    return str(lock["edits"][-1]["recipe"] if lock.get("edits") else lock["recipe"])


def recipe_in(file: Path) -> Recipe:
    """The recipe in a run's folder. An empty file would be the default recipe, which nobody asked for."""
    if not file.read_text(encoding="utf-8", errors="replace").strip():
        raise UserError(f"{file} is empty. Remove it, and it is written again as it was when the run was begun.")
    return load(file)


def difference(mine: Recipe, saved: Recipe) -> dict[str, tuple[Any, Any]]:
    """Key -> (here, there), where they differ."""
    ours, theirs = mine.model_dump(), saved.model_dump()
    return {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}


def told(changed: dict[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{key} is {shown(here)}, there {shown(there)}" for key, (here, there) in changed.items())
