"""One run is one folder. What is already done, from the same inputs, is not done again."""

import hashlib
import os
import platform
import resource
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from metier.errors import UserError
from metier.recipes.description import DESCRIBING
from metier.recipes.schema import Recipe
from metier.runs import distributed, history
from metier.runs.begun import NO_LOCK, deciding, difference, is_open, locked_recipe, newest, recipe_in, told
from metier.runs.files import file_sha256, write, write_json, write_text
from metier.runs.lock import BUSY
from metier.runs.marks import Mark, hashed, read_hashed, read_mark
from metier.runs.progress import Progress

PACKAGES = ("metier", "torch", "transformers", "trl", "peft", "accelerate", "numpy", "scipy", "scikit-learn", "pyarrow")


class Run:
    """A run's folder, its recipe, and the seals of its finished stages."""

    def __init__(self, folder: Path, recipe: Recipe, progress: Progress) -> None:
        self.folder, self.recipe, self.progress = folder, recipe, progress

    def path(self, *parts: str) -> Path:
        """A place in the folder, whose own folder is made. Raises `UserError` for a name that leads out of it."""
        path = self.folder.joinpath(*parts)
        if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(self.folder)):
            raise UserError(f"{'/'.join(parts)} lies outside the run's folder {self.folder}. Name it without `..`.")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def table(self, stage: str, name: str) -> pa.Table:
        """The rows of a Parquet file that a finished stage wrote; raises as `output`."""
        return pq.read_table(self.output(stage, f"{stage}/{name}"))

    def output(self, stage: str, file: str) -> Path:
        """A file that a finished stage wrote. Raises `UserError` where it is missing or was changed since."""
        self._verify(stage, [file])
        return self.folder / file

    def take_over(self, other: "Run", stage: str) -> None:
        """Copy a finished stage of another run with its files, so that it counts as done here from the same inputs.
        Nothing where it is not finished there; raises as `output` where its files were changed since."""
        if not other.is_done(stage):
            return
        other.verify(stage)
        mark = other._finished(stage)
        for file in mark.files:
            write(self.path(file), partial(shutil.copyfile, other.folder / file))
        self.mark_done(stage, mark.inputs, mark.result, *mark.files)

    def verify(self, stage: str) -> None:
        """Raises `UserError` where any file that a finished stage wrote is missing or was changed since."""
        self._verify(stage, self._finished(stage).files)

    def _verify(self, stage: str, files: Iterable[str]) -> None:
        mark = self._finished(stage)
        for file in files:
            if (why := self._changed(file, mark.files.get(file))) is not None:
                raise UserError(f"{self.folder / file} {why}. {self._repeat(stage)}")

    def _changed(self, file: str, sha256: str | None) -> str | None:
        """What happened to a file since it was written; None where it is as it was."""
        path = self.folder / file
        if not path.is_file():
            return "is missing"
        if sha256 is None:
            return "belongs to no finished stage"
        return None if file_sha256(path) == sha256 else "was changed after it was written: its hash is another one"

    def done(self, stage: str, inputs: str) -> dict[str, Any] | None:
        """The result of a stage that finished from these very inputs and whose files are as it wrote them, or None."""
        mark = self._mark(stage)
        if mark is None or mark.inputs != inputs:
            return None
        for file, sha256 in mark.files.items():
            if (why := self._changed(file, sha256)) is not None:
                self.progress.say(f"{stage} is done again: {self.folder / file} {why}.")
                return None
        return mark.result

    def mark_done(self, stage: str, inputs: str, result: dict[str, Any], *files: str) -> dict[str, Any]:
        """Say that a stage is finished; the last thing that it writes. `files`: what it wrote for others to read, by
        their paths in the run's folder."""
        result = {"peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), **result}
        if distributed.first():
            hashes = {file: file_sha256(self.folder / file) for file in files}
            write_json(self._mark_of(stage), hashed({"inputs": inputs, "result": result, "files": hashes}))
        return result

    def clear(self, stage: str) -> None:
        """Say that a stage is begun again: what it left half done must not pass for its result."""
        if distributed.first():
            self._mark_of(stage).unlink(missing_ok=True)

    def is_done(self, stage: str) -> bool:
        """Whether a stage finished, whatever it was made from."""
        return self._mark_of(stage).is_file()

    def result(self, stage: str) -> dict[str, Any]:
        """The result of a finished stage, whatever it was made from. Raises `UserError` where it did not finish."""
        return self._finished(stage).result

    def recorded_files(self, stage: str) -> Mapping[str, str]:
        """Every file that a finished stage wrote for others -> its hash then. Raises `UserError` where the stage did
        not finish."""
        return self._finished(stage).files

    def recorded_sha256(self, stage: str, file: str) -> str:
        """The hash of a file that a finished stage wrote, as recorded then; the file is not read. Raises `UserError`
        where the stage did not finish or wrote no such file."""
        recorded = self._finished(stage).files
        if file not in recorded:
            raise UserError(f"{self.folder / file} belongs to no finished stage. {self._repeat(stage)}")
        return recorded[file]

    def _repeat(self, stage: str) -> str:
        return f"Run `metier {stage.split('/')[0]} {self.folder}` to make it again."

    def _finished(self, stage: str) -> Mark:
        if (mark := self._mark(stage)) is None:
            raise UserError(
                f"{self._mark_of(stage)} is missing: run `metier {stage.split('/')[0]} {self.folder}` first."
            )
        return mark

    def _mark(self, stage: str) -> Mark | None:
        verb = stage.split("/")[0]
        return read_mark(self._mark_of(stage), f"Remove it and run `metier {verb} {self.folder}` to do that again.")

    def _mark_of(self, stage: str) -> Path:
        return self.folder / f"{stage}.done.json"

    def lock(self, **entries: Any) -> None:
        """Add to lock.json: everything that the figures depend on."""
        if distributed.first():
            write_json(self.path("lock.json"), hashed({**self.locked(), **entries}))

    def locked(self) -> dict[str, Any]:
        """What lock.json has; empty before the run is begun. Raises `UserError` where it was changed."""
        path = self.folder / "lock.json"
        return read_hashed(path, NO_LOCK) if path.is_file() else {}


def open_run(folder: Path, recipe: Recipe, progress: Progress) -> Run:
    """A new run, or one that goes on.

    Raises `UserError` where the folder holds a run of another recipe, or the run's own recipe was edited since it was
    begun: `steps` may be edited before training, and at any time what decides (`ship`, the margins of `retention`) and
    what only describes the model (`intended_use`, `owner`, `reviewer`, `monitoring`).
    """
    run = Run(folder, recipe, progress)
    if run.locked():
        _hold_to_lock(run)
    else:
        _begin(run)
    _say_other_versions(run)
    return run


def _begin(run: Run) -> None:
    folder, file, mine = run.folder, run.folder / "recipe.yaml", run.recipe.as_yaml()
    if any((folder / name).exists() for name in ("curate", "train", "evaluate")):
        raise UserError(f"{folder / 'lock.json'} is missing. {NO_LOCK}")
    if file.is_file():  # with its comments it would be written over
        if file.read_text(encoding="utf-8") != mine:
            raise UserError(
                f"{file} is a recipe that somebody wrote, and no run. Start one with `metier run {file}`, or name "
                "another folder with `--out`."
            )
    elif folder.exists() and any(path.name != BUSY for path in folder.iterdir()):
        raise UserError(f"The folder {folder} is not empty and holds no run. Name another folder with `--out`.")
    write_text(file, mine)
    run.lock(
        recipe=mine,
        recipe_sha256=_sha256(mine),
        seeds=[run.recipe.seed],
        python=platform.python_version(),
        versions=_versions(),
        machine={"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
    )


def _hold_to_lock(run: Run) -> None:
    """Raises `UserError` where the recipe is not the one that the run was begun with.

    Until training its steps may be edited, and until the plan is sealed what decides: such an edit is kept beside the
    recipe in lock.json. What decides may be edited in the run's own recipe.yaml later too, and the verdict says so.
    What describes the model may be edited at any time; `record_description` keeps such an edit.
    """
    folder, file = run.folder, run.folder / "recipe.yaml"
    text, begun = locked_recipe(run.folder)
    if not file.is_file():
        write_text(file, text)
    in_folder = recipe_in(file)
    # Rows may be curated again and again; what was trained stands on the recipe that it was trained by.
    open_keys = set() if (folder / "train").exists() else {"steps"}
    edited, changed = difference(in_folder, begun), difference(run.recipe, begun)
    given = difference(run.recipe, in_folder)
    if edited and (set(edited) - open_keys - DESCRIBING - deciding(in_folder, begun) or given):
        raise UserError(
            f"{file} was edited after the run was begun ({told(edited)}). Remove it, and it is written again as it "
            f"was; for the edited recipe start a new run: `metier run {file} --out NEW_FOLDER`."
        )
    if is_open(folder):
        open_keys |= deciding(run.recipe, begun)
    if set(changed) - open_keys - DESCRIBING - set(edited):
        raise UserError(
            f"The folder {folder} holds a run of another recipe (different: {told(changed)}). "
            "Name another folder with `--out`, or remove this one if you do not need it."
        )
    # Of the run's own recipe.yaml an edit that describes is kept when it is reported: others may only read here.
    if set(changed) & (open_keys | (DESCRIBING if given else set())):
        _take_over_edit(run, changed)


def _take_over_edit(run: Run, changed: dict[str, tuple[Any, Any]]) -> None:
    if "steps" in changed:
        run.progress.say("The steps were edited: those from the first edited one on are done again.")
    file = run.folder / "recipe.yaml"
    if difference(run.recipe, recipe_in(file)):  # with its comments it would be written over
        write_text(file, run.recipe.as_yaml())
    _keep_edit(run, run.recipe, changed)


def record_description(run: Run) -> None:
    """Keep an edit of what describes the model, which decides nothing, in the lock and in the history."""
    begun = locked_recipe(run.folder)[1]
    changed = {key: pair for key, pair in difference(run.recipe, begun).items() if key in DESCRIBING}
    if changed:
        _keep_edit(run, begun.model_copy(update={key: now for key, (now, _) in changed.items()}), changed)


def _keep_edit(run: Run, recipe: Recipe, changed: dict[str, tuple[Any, Any]]) -> None:
    """Put an edited recipe into the lock, beside the first one, and the edit into the history."""
    mine = recipe.as_yaml()
    edit = {"date": history.today(), "recipe": mine, "recipe_sha256": _sha256(mine)}
    run.lock(edits=[*run.locked().get("edits", []), edit])
    described = {key: now for key, (now, _) in changed.items() if key in DESCRIBING}
    # Both files stand in the history by their hashes once a verdict is written, and are others from here on.
    files = {name: file_sha256(run.folder / name) for name in ("lock.json", "recipe.yaml")}
    facts = {"changed": sorted(changed), "recipe_sha256": _sha256(mine), "described": described, "files": files}
    history.append(run.folder, history.EDIT, **facts)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def _say_other_versions(run: Run) -> None:
    made_with, versions = run.locked()["versions"], _versions()
    other = [f"{name} {made_with.get(name)}, now {now}" for name, now in versions.items() if made_with.get(name) != now]
    if other:
        run.progress.say(
            f"This run was begun with other versions ({'; '.join(other)}): its figures may not repeat exactly."
        )


def saved_run(folder: Path, progress: Progress) -> Run:
    """The run in a folder. Raises `UserError` where there is none."""
    return open_run(folder, load_saved(folder), progress)


def trainings(folder: Path) -> list[str]:
    """The folders of several trainings (`--seeds 3`) in a folder; empty where it is a single run."""
    return sorted(path.name for path in folder.glob("seed-*") if (folder / "seeds.json").is_file())


def model_folder(folder: Path) -> Path:
    """The folder of the run whose model is used: of several trainings, that of their average."""
    return folder / "averaged" if trainings(folder) else folder


def load_saved(folder: Path) -> Recipe:
    """The recipe of the run in a folder; written again from the lock where it was removed."""
    file, lock = folder / "recipe.yaml", folder / "lock.json"
    if not file.is_file() and lock.is_file():
        write_text(file, newest(read_hashed(lock, NO_LOCK)))
    if not file.is_file():
        raise UserError(
            f"There is no run in {folder}: it has no recipe.yaml. Start one with `metier run --out {folder}`."
        )
    return recipe_in(file)


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
