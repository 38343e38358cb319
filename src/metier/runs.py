"""One run is one folder. What is already done, from the same inputs, is not done again."""

import fcntl
import hashlib
import json
import os
import platform
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from metier import processes
from metier.errors import UserError
from metier.progress import Progress
from metier.recipe import Recipe, load

PACKAGES = ("metier", "torch", "transformers", "trl", "peft", "accelerate", "numpy", "scipy", "scikit-learn", "pyarrow")

BUSY = ".busy"


class Run:
    """A run's folder, its recipe, and the seals of its finished stages."""

    def __init__(self, folder: Path, recipe: Recipe, progress: Progress) -> None:
        self.folder, self.recipe, self.progress = folder, recipe, progress

    def path(self, *parts: str) -> Path:
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def table(self, *parts: str) -> pa.Table:
        path = self.folder.joinpath(*parts)
        if not path.is_file():
            raise UserError(f"{path} is missing: run `metier {parts[0]} {self.folder}` first.")
        return pq.read_table(path)

    def done(self, stage: str, inputs: str, *outputs: str) -> dict[str, Any] | None:
        """The result of a stage that finished from these very inputs and whose output files are there, or None."""
        seal = self._seal_of(stage)
        found = json.loads(seal.read_text(encoding="utf-8")) if seal.is_file() else {}
        there = all((self.folder / output).is_file() for output in outputs)
        return found["result"] if there and found.get("inputs") == inputs else None

    def seal(self, stage: str, inputs: str, result: dict[str, Any]) -> dict[str, Any]:
        """Say that a stage is finished; the last thing that it writes."""
        result = {"peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), **result}
        if processes.first():
            write_json(self._seal_of(stage), {"inputs": inputs, "result": result})
        return result

    def unseal(self, stage: str) -> None:
        """Say that a stage is begun again: what it left half done must not pass for its result."""
        if processes.first():
            self._seal_of(stage).unlink(missing_ok=True)

    def sealed(self, stage: str) -> bool:
        """Whether a stage finished, whatever it was made from."""
        return self._seal_of(stage).is_file()

    def result(self, stage: str) -> dict[str, Any]:
        """The result of a finished stage, whatever it was made from."""
        seal = self._seal_of(stage)
        if not seal.is_file():
            raise UserError(f"{seal} is missing: run `metier {stage.split('/')[0]} {self.folder}` first.")
        found: dict[str, Any] = json.loads(seal.read_text(encoding="utf-8"))["result"]
        return found

    def _seal_of(self, stage: str) -> Path:
        return self.folder / f"{stage}.done.json"

    def lock(self, **entries: Any) -> None:
        """Add to lock.json: everything that the figures depend on."""
        if processes.first():
            write_json(self.path("lock.json"), {**self.locked(), **entries})

    def locked(self) -> dict[str, Any]:
        """What lock.json has."""
        path = self.folder / "lock.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found


def open_run(folder: Path, recipe: Recipe, progress: Progress) -> Run:
    """A new run, or one that goes on. Raises `UserError` where the folder holds a run of another recipe."""
    mine, file = recipe.as_yaml(), folder / "recipe.yaml"
    if file.is_file():
        if (theirs := file.read_text(encoding="utf-8")) != mine and not (folder / "lock.json").is_file():
            raise UserError(  # with its comments it would be written over
                f"{file} is a recipe that somebody wrote, and no run. Start one with `metier run {file}`, or name "
                "another folder with `--out`."
            )
        if theirs != mine:
            changed = _difference(recipe, load_saved(folder))
            # Rows may be curated again and again; what was trained stands on the recipe that it was trained by.
            if changed and (set(changed) != {"steps"} or (folder / "train").exists()):
                said = ", ".join(f"{key} is {ours!r}, there {other!r}" for key, (ours, other) in changed.items())
                raise UserError(
                    f"The folder {folder} holds a run of another recipe (different: {said}). "
                    "Name another folder with `--out`, or remove this one if you do not need it."
                )
            if changed:
                progress.say("The steps were edited: those from the first edited one on are done again.")
            write_text(file, mine)
    else:
        if folder.exists() and any(path.name != BUSY for path in folder.iterdir()):
            raise UserError(f"The folder {folder} is not empty and holds no run. Name another folder with `--out`.")
        write_text(folder / "recipe.yaml", mine)
    run = Run(folder, recipe, progress)
    versions, sha256 = {name: version(name) for name in PACKAGES}, hashlib.sha256(mine.encode()).hexdigest()
    if not (folder / "lock.json").is_file():
        run.lock(
            recipe_sha256=sha256,
            seeds=[recipe.seed],
            python=platform.python_version(),
            versions=versions,
            machine={"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        )
    if run.locked()["recipe_sha256"] != sha256:  # the steps were edited
        run.lock(recipe_sha256=sha256)
    made_with = run.locked()["versions"]
    if other := [
        f"{name} {made_with.get(name)}, now {versions[name]}"
        for name in PACKAGES
        if made_with.get(name) != versions[name]
    ]:
        progress.say(
            f"This run was begun with other versions ({'; '.join(other)}): its figures may not repeat exactly."
        )
    return run


def saved_run(folder: Path, progress: Progress) -> Run:
    """The run in a folder. Raises `UserError` where there is none."""
    return open_run(folder, load_saved(folder), progress)


def load_saved(folder: Path) -> Recipe:
    if not (folder / "recipe.yaml").is_file():
        raise UserError(
            f"There is no run in {folder}: it has no recipe.yaml. Start one with `metier run --out {folder}`."
        )
    return load(folder / "recipe.yaml")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder against a second process at the same run. Freed by the system even after a kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    if not processes.first():  # the first of those that train together holds it for all
        yield
        return
    with open(folder / BUSY, "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"Another process is at work on {folder}. Wait for it, or name another folder.") from error
        yield


def write_text(path: Path, text: str) -> None:
    """A file that is there completely or not at all, also after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Small row groups: a group stands in memory whole while it is written.
    write(path, lambda scratch: pq.write_table(table, scratch, row_group_size=10_000))


def write(path: Path, fill: Callable[[Path], Any]) -> None:
    scratch = path.with_name(f".{path.name}.part")
    fill(scratch)
    with open(scratch, "rb") as stream:
        os.fsync(stream.fileno())
    os.replace(scratch, path)


def fingerprint(*parts: Any) -> str:
    """One hash of everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    with open(path, "rb") as stream:  # in pieces: a checkpoint has gigabytes
        return hashlib.file_digest(stream, "sha256").hexdigest()


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _difference(mine: Recipe, saved: Recipe) -> dict[str, tuple[Any, Any]]:
    """Key -> (here, there), where they differ."""
    ours, theirs = mine.model_dump(), saved.model_dump()
    return {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}
