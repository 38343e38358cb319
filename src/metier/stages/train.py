"""The recipe's methods, one after the other, each going on with the adapter of the one before."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.engine.models import weights
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.context_check import check_context
from metier.evaluation.samples import Judging, open_samples
from metier.methods import MethodLike, of_datasets
from metier.runs import distributed
from metier.runs.files import file_sha256, fingerprint, write_text
from metier.runs.run import Run

VERSION = 3


def train(run: Run) -> dict[str, Any]:
    """Train; returns the last adapter's folder and hash. A method that finished before is not run again."""
    work = _Work.of(run)
    _check_context(run, work.judging)
    adapter: Path | None = None
    result: dict[str, Any] = {"seconds": 0.0}
    for number, (name, method) in enumerate(run.recipe.build_methods(), start=1):
        stage = f"train/{number:02d}-{name}"
        inputs = work.fingerprint(method, result.get("adapter_sha256"))
        done = run.done(stage, inputs)
        if done is None:
            done = _run_method(work, stage, name, method, inputs, adapter)
        else:
            run.progress.say(f"train: {name} done before")
        # Only now: a kill between the mark and here leaves checkpoints behind, and the next call removes them.
        if distributed.first():
            shutil.rmtree(run.folder / stage / "checkpoints", ignore_errors=True)
        distributed.wait()
        seconds = round(result["seconds"] + done["seconds"], 1)
        adapter, result = run.folder / stage / "adapter", {**done, "seconds": seconds}
    assert adapter is not None, "a recipe without methods is refused before"
    if chosen := result.pop("chosen", None):
        _write_chosen(run, chosen)
    return finish(run, str(result["adapter_sha256"]), adapter, {**result, "rows_sha256": work.rows_sha256})


@dataclass(frozen=True)
class _Work:
    """What there is to train on."""

    run: Run
    rows: pa.Table
    valid: pa.Table
    judging: Judging
    benchmarks: dict[str, Benchmark]
    rows_sha256: str
    valid_sha256: str
    """Held-out rows are no training rows, but evaluations on them choose the adapter that is kept."""
    model_sha256: str

    @classmethod
    def of(cls, run: Run) -> "_Work":
        rows, valid = (run.table("curate", f"{side}.parquet") for side in ("train", "valid"))
        rows_sha256, valid_sha256 = (
            run.recorded_sha256("curate", f"curate/{side}.parquet") for side in ("train", "valid")
        )
        judging, model_sha256 = open_samples(run), _base_model(run)
        benchmarks = {benchmark.name: benchmark for benchmark in judging.benchmarks}
        return cls(run, rows, valid, judging, benchmarks, rows_sha256, valid_sha256, model_sha256)

    def fingerprint(self, method: MethodLike, earlier_sha256: str | None) -> str:
        """A hash of all that a method's adapter depends on."""
        prompts = {
            name: [benchmark.prompt, benchmark.chat_template, benchmark.num_fewshot]
            for name, benchmark in self.benchmarks.items()
        }
        sides = [self.rows_sha256, self.valid_sha256]
        parts = [vars(method), self.run.recipe.seed, *sides, prompts, self.model_sha256, earlier_sha256]
        return fingerprint(VERSION, parts)


def _write_chosen(run: Run, chosen: dict[str, Any]) -> None:
    """recipe.chosen.yaml: the run's recipe with the settings that its last method found, to train again without a
    search."""
    methods = [*run.recipe.methods[:-1], chosen]
    write_text(run.path("recipe.chosen.yaml"), run.recipe.model_copy(update={"methods": methods}).as_yaml())


def _base_model(run: Run) -> str:
    """The hash of the base model, which is there and locked from now on."""
    if distributed.first():  # what is downloaded is there before the others look
        weights.folder(run.recipe.model, run.progress.warn)
    distributed.wait()
    sha256 = weights.sha256(weights.folder(run.recipe.model, run.progress.warn))
    run.lock(model={"name": run.recipe.model, "sha256": sha256})
    return sha256


def _run_method(
    work: _Work, stage: str, name: str, method: MethodLike, inputs: str, adapter: Path | None
) -> dict[str, Any]:
    """Train with one method on top of `adapter`, the one before; returns what its mark holds."""
    run, folder, started = work.run, work.run.path(stage), time.monotonic()
    if distributed.first():
        _clear_stale(folder, inputs)
    distributed.wait()
    rows, held_out = (of_datasets(table, method.reads) for table in (work.rows, work.valid))
    if not len(rows):
        raise UserError(f"No training rows come from the datasets that '{name}' names: {', '.join(method.reads)}.")
    run.progress.say(f"train: {name} on {len(rows):,} rows")
    recipe = run.recipe
    cost = method.train(
        TrainingContext(rows, held_out, work.benchmarks, recipe.model, adapter, folder, recipe.seed, run.progress)
    )
    distributed.wait()
    seconds = round(cost.get("seconds_before", 0.0) + time.monotonic() - started, 1)
    adapter_sha256 = file_sha256(weights.adapter_file(folder / "adapter"))
    result = {**cost, "adapter_sha256": adapter_sha256, "seconds": seconds}
    return run.mark_done(stage, inputs, result, *_files(run, folder), *_files(run, folder / "adapter"))


def finish(run: Run, inputs: str, adapter: Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """Mark training as done with this adapter, a folder of the run."""
    folder = str(adapter.relative_to(run.folder))
    return run.mark_done("train", inputs, {**result, "adapter": folder}, *_files(run, adapter))


def _check_context(run: Run, judging: Judging) -> None:
    """Raises `Problems` where questions or rows are longer than what the model reads at once."""
    from metier.engine.models.model import tokens_only

    benchmarks = [(benchmark, benchmark.questions(), benchmark.label_set()) for benchmark in judging.everything]
    check_context(tokens_only(run.recipe.model, run.progress.warn), run.recipe.build_methods(), benchmarks)


def trained_model(run: Run) -> Path:
    """The folder of the adapter or of all weights that a run trained. Raises `UserError` where it was changed since."""
    run.verify("train")
    return run.folder / str(run.result("train")["adapter"])


def _files(run: Run, folder: Path) -> list[str]:
    return sorted(str(file.relative_to(run.folder)) for file in folder.iterdir() if file.is_file())


def _clear_stale(folder: Path, inputs: str) -> None:
    """Checkpoints made from other inputs (another seed, other rows) are no place to go on from."""
    mark = folder / "inputs.txt"
    if folder.exists() and (not mark.is_file() or mark.read_text(errors="replace") != inputs):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(inputs)
