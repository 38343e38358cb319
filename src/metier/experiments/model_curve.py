"""The recipe's own training at a few sizes, each scored on the same held-out training rows. Never the test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.asking import ask
from metier.evaluation.predictions import as_predictions
from metier.evaluation.samples import open_samples
from metier.experiments.dry_run import training_seconds
from metier.experiments.learning_curves import Curve, FittedCurve, fit
from metier.experiments.measured_curves import Material, Measured, curve_of
from metier.experiments.seeds import opened
from metier.experiments.subsets import beginning
from metier.recipes import plugins
from metier.recipes.schema import Recipe
from metier.runs.files import fingerprint
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.curate import Curated, curate, finish, write_rows
from metier.stages.evaluate import tuned_model
from metier.stages.train import train

WHO = "forecast"
"""Whose answers these are in a run's folder."""
FEWEST_SIZES = 2
LEAST_SHARE = 0.02
"""Of the rows, for the largest subset that a budget allows."""


@dataclass(frozen=True)
class Trainings:
    """Where the model is trained, and on which part of the rows each time."""

    recipe: Recipe
    out: Path
    curated: Run
    shares: tuple[float, ...]

    @classmethod
    def of(cls, recipe: Recipe, out: Path, count: int, minutes: float | None, progress: Progress) -> "Trainings":
        """With the rows curated. Each training has half the rows of the next one, the last all of them, or as many as
        the minutes allow."""
        if count < FEWEST_SIZES:
            raise UserError(
                f"--model-sizes {count} gives no curve. Use 3, or leave it out and the model is not trained."
            )
        mine = recipe.model_copy(update={"retention": {}, "methods": within(recipe, minutes, count)})
        with run_lock(out / "rows"):
            run = opened(out / "rows", mine, progress)
            curate(run)
        halves = tuple(0.5**number for number in reversed(range(count)))
        share = _affordable(run, sum(halves), minutes) if minutes else 1.0
        return cls(mine, out, run, tuple(share * half for half in halves))

    def rows(self) -> pa.Table:
        return self.curated.table("curate", "train.parquet")

    def points(self, materials: Sequence[Material], progress: Progress) -> list[list[Measured]]:
        """For each material what the model answered after each training."""
        found: list[list[Measured]] = [[] for _ in materials]
        for number, share in enumerate(self.shares, start=1):
            progress.say(f"forecast: training {number} of {len(self.shares)}, on {share:.0%} of the rows")
            for at, one in enumerate(self._answered(materials, share, self.out / f"training-{number}", progress)):
                found[at].append(one)
        return found

    def _answered(
        self, materials: Sequence[Material], share: float, folder: Path, progress: Progress
    ) -> list[Measured]:
        subsets = [_subset(material, share) for material in materials]
        with run_lock(folder):
            run = opened(folder, self.recipe, progress)
            judging = open_samples(self.curated)
            self._give(run, subsets, [material.benchmark.name for material in materials])
            train(run)
            model, asked = tuned_model(run), {one.name: one for one in judging.benchmarks}
            measured = []
            for material, subset in zip(materials, subsets, strict=True):
                benchmark = asked[material.benchmark.name]
                ask(run, WHO, replace(benchmark, too_long="truncate"), material.questions(), model)
                answers = read_answers(run, WHO, benchmark.name)
                measured.append(Measured(len(subset), as_predictions(answers, benchmark.label_set())))
        return measured

    def _give(self, run: Run, subsets: Sequence[pa.Table], tasks: Sequence[str]) -> None:
        """The rows of a training in the place of those that curating would leave: the subsets, and all rows of no
        benchmark (general text)."""
        every, valid = self.rows(), self.curated.table("curate", "valid.parquet")
        others = every.filter(pc.invert(pc.fill_null(pc.is_in(every["task"], pa.array(tasks, pa.string())), False)))
        curated = Curated(pa.concat_tables([*subsets, others]), valid, every.slice(0, 0))
        inputs = fingerprint(self.curated.recorded_files("curate"), curated.train["id"].to_pylist())
        if not run.done("curate", inputs):
            write_rows(run, curated)
            known = self.curated.result("curate")
            finish(run, inputs, curated, open_samples(self.curated).everything, known)


def model_curve(
    material: Material, points: Sequence[Measured], baseline: FittedCurve, seeds: float, seed: int
) -> FittedCurve:
    """The fitted curve of the model. `seeds`: standard deviation between trainings, as a share of the distance from
    the best figure; one training a size does not tell it."""
    curve, _ = curve_of(material, [[one] for one in points])
    if len(curve.sizes) < FEWEST_SIZES:
        raise UserError(f"{material.benchmark.name}: fewer than {FEWEST_SIZES} of the trainings have a figure.")
    rows = baseline.subset_variance * baseline.curve.sizes[-1] / curve.sizes[-1]
    variance = float(rows + (seeds * curve.distances[-1]) ** 2)
    errors = np.sqrt(variance * curve.sizes[-1] / curve.sizes)
    known = Curve(curve.sizes, curve.values, curve.draws, errors, curve.best)
    return fit(known, variance, np.random.default_rng(seed))


def within(recipe: Recipe, minutes: float | None, count: int) -> list[Any]:
    """The recipe's methods; one with a budget of minutes gets its part of those that are given."""
    if minutes is None:
        return recipe.methods
    changed: list[Any] = []
    for use, (name, method) in zip(recipe.methods, recipe.build_methods(), strict=True):
        own = getattr(method, "minutes", None)
        share = minutes / count / len(recipe.methods)
        changed.append(use if own is None else {name: {**plugins.named(use)[1], "minutes": min(own, share)}})
    return changed


def _subset(material: Material, share: float) -> pa.Table:
    wanted = max(round(share * len(material.learned)), 1)
    return material.learned.take(pa.array(beginning(material.order(), wanted), pa.int64()))


def _affordable(run: Run, trainings: float, minutes: float) -> float:
    """The share of the rows with which `trainings` whole trainings of that size take so many minutes."""
    from metier.engine.models.model import load

    rows, progress = run.table("curate", "train.parquet"), run.progress
    with progress.working("forecast: timing a few steps of training"):
        model = load(run.recipe.model, warn=progress.warn)
        benchmarks = {benchmark.name: benchmark for benchmark in open_samples(run).benchmarks}
        seconds, _ = training_seconds(run.recipe, model, rows, benchmarks, len(rows))
    share = min(1.0, 60 * minutes / (trainings * seconds))
    if share < LEAST_SHARE:
        least = LEAST_SHARE * trainings * seconds / 60
        raise UserError(f"--minutes {minutes:g} is too little for this model and machine. Give at least {least:.0f}.")
    return share
