"""The recipe's methods, one after the other, each going on with the adapter of the one before."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.engine.models import weights
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.evaluation.context_check import check_context
from metier.methods import of_datasets
from metier.recipes.schema import QUICK_QUESTIONS
from metier.runs import distributed
from metier.runs.files import file_sha256, fingerprint
from metier.runs.run import Run

VERSION = 3


def train(run: Run) -> dict[str, Any]:
    """Train; returns the last adapter's folder and hash. A method that finished before is not run again."""
    rows, valid = (run.table("curate", f"{side}.parquet") for side in ("train", "valid"))
    # Held-out rows are no training rows, but looks at them choose the adapter that is kept.
    rows_sha256, valid_sha256 = (file_sha256(run.folder / "curate" / f"{side}.parquet") for side in ("train", "valid"))
    benchmarks = {benchmark.name: benchmark for benchmark in run.recipe.build_benchmarks()}
    session = {
        name: [benchmark.prompt, benchmark.chat_template, benchmark.num_fewshot]
        for name, benchmark in benchmarks.items()
    }
    if distributed.first():  # what is downloaded is there before the others look
        weights.folder(run.recipe.model, run.progress.say)
    distributed.wait()
    model_folder = weights.folder(run.recipe.model, run.progress.say)
    model_sha256 = weights.sha256(model_folder)
    run.lock(model={"name": run.recipe.model, "sha256": model_sha256})
    _check_context(run, rows)
    adapter: Path | None = None
    result: dict[str, Any] = {"seconds": 0.0}
    for number, (name, method) in enumerate(run.recipe.build_methods(), start=1):
        stage = f"train/{number:02d}-{name}"
        earlier = result.get("adapter_sha256")
        parts = [vars(method), run.recipe.seed, rows_sha256, valid_sha256, session, model_sha256, earlier]
        inputs = fingerprint(VERSION, parts)
        folder = run.path(stage)
        if done := run.done(stage, inputs):
            run.progress.say(f"train: {name} done before")
        else:
            started = time.monotonic()
            if distributed.first():
                _clear_stale(folder, inputs)
            distributed.wait()
            mine, held_out = (of_datasets(table, method.reads) for table in (rows, valid))
            if not len(mine):
                raise UserError(
                    f"No training rows come from the datasets that '{name}' names: {', '.join(method.reads)}."
                )
            run.progress.say(f"train: {name} on {len(mine):,} rows")
            cost = method.train(
                TrainingContext(
                    mine, held_out, benchmarks, run.recipe.model, adapter, folder, run.recipe.seed, run.progress
                )
            )
            distributed.wait()
            sha256 = file_sha256(weights.adapter_file(folder / "adapter"))
            took = cost.get("seconds_before", 0.0) + time.monotonic() - started
            done = {**cost, "adapter_sha256": sha256, "seconds": round(took, 1)}
            run.mark_done(stage, inputs, done, *_files(run, folder), *_files(run, folder / "adapter"))
        # Only now: a kill between the seal and here leaves checkpoints behind, and the next call removes them.
        if distributed.first():
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        distributed.wait()
        seconds = round(result["seconds"] + done["seconds"], 1)
        adapter, result = folder / "adapter", {**done, "adapter": f"{stage}/adapter", "seconds": seconds}
    assert adapter is not None, "a recipe without methods is refused before"
    result["rows_sha256"] = rows_sha256
    return run.mark_done("train", str(result["adapter_sha256"]), result, *_files(run, adapter))


def _check_context(run: Run, rows: pa.Table) -> None:
    """Raises `Problems` where questions or rows are longer than what the model reads at once."""
    from metier.engine.models.model import tokens_only

    most = QUICK_QUESTIONS if run.recipe.quick else 0
    judging = [*run.recipe.build_benchmarks(), *(benchmark for benchmark, _ in run.recipe.build_retention())]
    asked = [(benchmark, benchmark.questions(most), benchmark.label_set(rows)) for benchmark in judging]
    check_context(tokens_only(run.recipe.model, run.progress.say), run.recipe.build_methods(), asked)


def trained_model(run: Run) -> Path:
    """The folder of the adapter or of all weights that a run trained. Raises `UserError` where it was changed since."""
    run.verify("train")
    return run.folder / str(run.result("train")["adapter"])


def training_log(run: Run, stage: str) -> list[dict[str, Any]]:
    """The lines of one method's log.jsonl. Raises `UserError` where it was changed since."""
    text = run.output(stage, f"{stage}/log.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _files(run: Run, folder: Path) -> list[str]:
    return sorted(str(file.relative_to(run.folder)) for file in folder.iterdir() if file.is_file())


def _clear_stale(folder: Path, inputs: str) -> None:
    """Checkpoints made from other inputs (another seed, other rows) are no place to go on from."""
    mark = folder / "inputs.txt"
    if folder.exists() and (not mark.is_file() or mark.read_text(errors="replace") != inputs):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(inputs)
