"""Runs that the tests begin with. Each is made once a process, and every test finds it untouched and at the same place,
because a run knows the files that it was made from by where they stand."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from metier.experiments.seeds import seeds
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.stages import curate, evaluate, report, train
from tests.tiny import write_triage, write_wards

STAGES = {
    "curated": curate.curate,
    "trained": train.train,
    "evaluated": evaluate.evaluate,
    "finished": report.report,
}


def go(recipe_file, folder, *changes):
    """All four stages, as `metier run` does them."""
    recipe = load(recipe_file, changes=list(changes))
    with run_lock(folder):
        run = runs.open_run(folder, recipe, Progress())
        for stage in STAGES.values():
            result = stage(run)
    return result


def figures(folder):
    """Everything that must not depend on being killed."""
    verdict = json.loads((folder / "verdict.json").read_text())
    for own in ("seconds", "seconds_a_question", "peak_memory_mb", "next_steps"):  # clocks, and the folder in commands
        verdict.pop(own)
    for entry in verdict["benchmarks"]:  # how many answers an hour
        for timed in (entry, *entry["baselines"]):
            timed.pop("business")
    answers = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("evaluate/*/*.jsonl"))}
    logs = [json.loads(line) for p in sorted(folder.glob("train/*/log.jsonl")) for line in p.read_text().splitlines()]
    return verdict, answers, logs


class Recorded:
    """`home` is where a test finds its files; what was recorded stands beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def at(self, name: str, record: Callable[[], object]) -> Path:
        """`home` as it is after `record`, which fills it the first time."""
        saved = self.home.with_name(f"{self.home.name}-{name}")
        if saved.exists():
            shutil.rmtree(self.home, ignore_errors=True)
            shutil.copytree(saved, self.home)
        else:
            record()
            shutil.copytree(self.home, saved)
        return self.home


class RecordedRun(Recorded):
    """A triage desk's data, its recipe and its run, as far as it is asked for."""

    def after(self, stage: str) -> tuple[Path, Path]:
        """(recipe, folder of the run) after a stage. Several batches of questions, so that there is something to be
        killed between."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("metier.engine.scoring.likelihood.TOKENS_A_BATCH", 256)
            self.at(stage, lambda: self._record(stage))
        return self.home / "recipe.yaml", self.home / "run"

    def _record(self, stage: str) -> None:
        earlier = list(STAGES)[: list(STAGES).index(stage)]
        if earlier:
            self.after(earlier[-1])
        else:
            self.home.mkdir(exist_ok=True)
            write_triage(self.home)
        folder = self.home / "run"
        with run_lock(folder):
            STAGES[stage](runs.open_run(folder, load(self.home / "recipe.yaml"), Progress()))


class RecordedSeeds(Recorded):
    """Two wards' data, their recipe, and its trainings with two seeds."""

    def after(self) -> tuple[Path, Path]:
        """(recipe, folder of the trainings)."""
        self.at("two-seeds", self._record)
        return self.home / "recipe.yaml", self.home / "out"

    def _record(self) -> None:
        self.home.mkdir(exist_ok=True)
        seeds(load(write_wards(self.home)), self.home / "out", 2)
