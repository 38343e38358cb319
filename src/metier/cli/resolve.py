"""Which run a verb is about, and its stages."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from metier.errors import Problems, UserError
from metier.runs.lock import run_lock


def load_recipe(path: Path | None, industry: str | None, changes: list[str] | None, quick: bool) -> Any:
    """The recipe of a file, a pack or the default, with what the command line changes. Raises `Problems`."""
    from metier.recipes.schema import load

    return load(path, industry, [*(changes or []), *(["quick=true"] if quick else [])])


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
    recipe = load_recipe(path, industry, changes, quick)
    name = path.stem if path else Path(recipe.industry).stem
    if path and name == "recipe":
        name = path.resolve().parent.name
    return out or Path("runs") / f"{name}{'-quick' if quick else ''}{ending}", recipe


def recipe_or_run(
    target: Path | None, industry: str | None, changes: list[str] | None, out: Path | None, quick: bool
) -> tuple[Path, Any]:
    """(folder, recipe), where the recipe of a run that is there is None. Raises `UserError` where that is to change."""
    if target and target.is_dir():
        if industry or changes or out or quick:
            raise UserError(
                f"{target} is a run, whose recipe stands. --industry, --set, --out and --quick are for a recipe file."
            )
        return target, None
    return recipe_target(target, industry, changes, out, quick)


def not_spread() -> None:
    """Raises `UserError` where several processes were started for a verb that one does."""
    from metier.runs import distributed

    if distributed.count() > 1:
        raise UserError("Only `metier train RUN` runs on several processes. Call the other verbs without torchrun.")


def run_stages(target: tuple[Path, Any], names: list[str], **settings: Any) -> tuple[Path, Any]:
    """Run the named stages on a run's folder; returns the folder and the last result."""
    from metier.runs import run as runs
    from metier.runs.progress import Progress

    folder, recipe = target
    if names != ["train"]:
        not_spread()
    saved = recipe is None
    recipe = checked(recipe or runs.load_saved(folder))
    result: Any = None
    with run_lock(folder):
        run_ = runs.saved_run(folder, Progress()) if saved else runs.open_run(folder, recipe, Progress())
        if (of := run_.locked().get("averaged")) and set(names) & {"curate", "train"}:
            raise UserError(
                f"{folder} holds the mean of trainings ({', '.join(of)}), which has no training of its own. Work on "
                f"those, and call `metier run --seeds {len(of)}` again."
            )
        for name in names:
            stage: Callable[..., Any] = getattr(import_module(f"metier.stages.{name}"), name)
            result = stage(run_, **settings)
    return folder, result


def checked(recipe: Any) -> Any:
    """The recipe, if it is good. Raises `Problems`."""
    from metier.recipes import checks

    if problems := checks.check(recipe):
        raise Problems(problems)
    return recipe
