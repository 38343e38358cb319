"""Which run a verb is about, and its stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import UserError

if TYPE_CHECKING:
    from metier.api import Stage
    from metier.runs.run import Run


def load_recipe(path: Path | None, industry: str | None, changes: list[str] | None, quick: bool) -> Any:
    """The recipe of a file, a pack or the default, with what the command line changes. Raises `Problems`."""
    from metier import api

    return api.load_recipe(path, industry=industry, changes=changes or [], quick=quick)


def recipe_target(
    path: Path | None,
    industry: str | None,
    changes: list[str] | None,
    out: Path | None,
    quick: bool,
    ending: str = "",
) -> tuple[Path, Any]:
    """(the run's folder, its recipe). The folder is named after the file, its folder where it is `recipe.yaml`, or the
    industry."""
    from metier import api

    recipe = load_recipe(path, industry, changes, quick)
    return out or api.default_folder(path, recipe, ending), recipe


def recipe_or_run(
    target: Path | None, industry: str | None, changes: list[str] | None, out: Path | None, quick: bool
) -> tuple[Path, Any]:
    """(folder, recipe), where the recipe of a run that is there is None. Raises `UserError` where that is to change."""
    if target and target.is_dir():
        if industry or changes or out or quick:
            raise UserError(
                f"{target} is a run, and its recipe is fixed. --industry, --set, --out and --quick need a recipe file."
            )
        return target, None
    return recipe_target(target, industry, changes, out, quick)


def model_folder(folder: Path) -> Path:
    """The folder of the run whose model is used: of several trainings, that of their average."""
    from metier.runs import run

    return run.model_folder(folder)


def opened(folder: Path) -> "Run":
    """The finished run in a folder. Raises `UserError` where there is none."""
    from metier.runs.progress import Progress
    from metier.runs.run import saved_run

    return saved_run(folder, Progress())


def not_spread() -> None:
    """Raises `UserError` where several processes were started for a verb that one does."""
    from metier.runs import distributed

    if distributed.count() > 1:
        raise UserError("Only `metier train RUN` runs on several processes. Call the other verbs without torchrun.")


def run_stages(target: tuple[Path, Any], names: "Sequence[Stage]", **settings: Any) -> tuple[Path, Any]:
    """Run the named stages on a run's folder; returns the folder and the last result."""
    from metier import api

    folder, recipe = target
    if list(names) != ["train"]:
        not_spread()
    return folder, api.run_stages(folder, recipe, names, **settings)


def checked(recipe: Any) -> Any:
    """The recipe, if it is good. Raises `Problems`."""
    from metier import api

    return api.checked(recipe)
