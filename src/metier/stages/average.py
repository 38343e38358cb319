"""The trainings of several seeds averaged into one model, which is a run like theirs."""

import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from metier import runs
from metier.engine import weights
from metier.runs import Run, file_sha256, fingerprint, write_table

VERSION = 1


def average(done: list[Run], folder: Path) -> Run:
    """A run whose model is the mean of the weights that the runs `done` trained, ready to be asked and reported.

    Its rows are all that any of them learned, so the cheap baseline has them too; held out is what none of them
    learned. Raises `UserError` where their adapters have no mean.
    """
    first = done[0]
    run = runs.open_run(folder, first.recipe, first.progress)
    run.lock(
        seeds=[one.recipe.seed for one in done],
        averaged=[one.folder.name for one in done],
        model=first.locked()["model"],
        sources=first.locked()["sources"],
    )
    trained = [one.result("train") for one in done]
    inputs = fingerprint(VERSION, [[one["adapter_sha256"], one["rows_sha256"]] for one in trained])
    _rows(run, done, inputs)
    adapter = run.folder / "train" / "adapter"
    folders = [one.folder / result["adapter"] for one, result in zip(done, trained, strict=True)]
    file = f"train/adapter/{weights.adapter_file(folders[0]).name}"
    if run.done("train", inputs, file) is None:
        run.progress.say(f"average: one model of {len(done)} trainings")
        _weights(run, folders, adapter)
        run.seal(
            "train",
            inputs,
            {
                "adapter": "train/adapter",
                "adapter_sha256": file_sha256(run.folder / file),
                "rows_sha256": file_sha256(run.folder / "curate" / "train.parquet"),
                **{cost: round(sum(one[cost] for one in trained), 1) for cost in ("seconds", "steps", "tokens")},
            },
        )
    return run


def _weights(run: Run, trained: list[Path], adapter: Path) -> None:
    """The averaged weights, there completely or not at all."""
    from metier.engine.averaging import average as mean_of

    scratch = run.path("train", ".adapter.part")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(adapter, ignore_errors=True)
    scratch.mkdir()
    mean_of(run.recipe.model, trained, scratch)
    scratch.replace(adapter)


def _rows(run: Run, done: list[Run], inputs: str) -> None:
    """curate/: the rows that any of the runs learned, those that none of them did, and the first run's steps."""
    if run.done("curate", inputs, "curate/train.parquet", "curate/valid.parquet"):
        return
    first = done[0]
    learned = first.table("curate", "train.parquet")
    for one in done[1:]:
        learned = pa.concat_tables([learned, _without(one.table("curate", "train.parquet"), learned)])
    files = {"train": learned}
    for name in ("valid", "dropped"):
        files[name] = _without(first.table("curate", f"{name}.parquet"), learned)
    for name, rows in files.items():
        write_table(run.path("curate", f"{name}.parquet"), rows)
    for name in ("steps.json", "representation.json"):
        shutil.copy(first.folder / "curate" / name, run.path("curate", name))
    counts = {name: len(rows) for name, rows in files.items()}
    licences = dict(Counter(learned["licence"].to_pylist()))
    seconds = round(sum(one.result("curate")["seconds"] for one in done), 1)
    run.seal("curate", inputs, {**first.result("curate"), **counts, "licences": licences, "seconds": seconds})


def _without(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows whose id is not among the others'."""
    return rows.filter(pc.invert(pc.is_in(rows["id"], others["id"])))
