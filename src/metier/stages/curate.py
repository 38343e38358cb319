"""Sources through steps to training rows: train.parquet, valid.parquet, dropped.parquet, steps.json."""

import random
import time
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.errors import Problems, UserError
from metier.recipe import QUICK_ROWS, task_of
from metier.records import SCHEMA
from metier.runs import Run, fingerprint, write_json, write_table
from metier.steps import Surroundings
from metier.steps.decontaminate import overlap
from metier.steps.select import Step as Select

VERSION = 1
SAMPLED_DROPS = 20


def curate(run: Run) -> dict[str, Any]:
    """Read, clean and split the rows; returns counts. Done once for the same sources, steps and benchmarks."""
    recipe = run.recipe
    sources, benchmarks = recipe.build_sources(), recipe.build_benchmarks()
    judging = [*benchmarks, *(benchmark for benchmark, _ in recipe.build_keep())]
    prints = [{"name": source.name, "fingerprint": source.fingerprint()} for source in sources]
    asked = [benchmark.data().fingerprint() for benchmark in judging]
    said = recipe.model_dump(include={"sources", "steps", "benchmarks", "keep", "seed", "quick"})
    inputs = fingerprint(VERSION, said, prints, asked)
    if result := run.done("curate", inputs, "curate/train.parquet", "curate/valid.parquet"):
        run.progress.say("curate: done before")
        return result
    started = time.monotonic()
    run.progress.say("curate: reading " + ", ".join(source.name for source in sources))
    rows = pa.concat_tables([_with_task(source.rows(), source, benchmarks) for source in sources])
    # A source's own test rows belong to the benchmarks; the steps never see them.
    rows = rows.filter(pc.not_equal(pc.fill_null(rows["split"], "train"), "test"))
    _check_labels(rows)
    kept, dropped, journal = _apply_steps(run, rows, Surroundings(recipe.seed, judging))
    train = kept.filter(pc.not_equal(pc.fill_null(kept["split"], "train"), "valid"))
    valid = kept.filter(pc.equal(pc.fill_null(kept["split"], "train"), "valid"))
    _check_result(train, valid, judging)
    write_table(run.path("curate", "train.parquet"), train)
    write_table(run.path("curate", "valid.parquet"), valid)
    write_table(run.path("curate", "dropped.parquet"), dropped)
    write_json(run.path("curate", "steps.json"), journal)
    run.lock(sources=prints)
    result = {
        "read": len(rows),
        "train": len(train),
        "valid": len(valid),
        "dropped": len(dropped),
        "licences": dict(Counter(train["licence"].to_pylist())),
        "seconds": round(time.monotonic() - started, 1),
    }
    run.progress.say(f"curate: {len(rows):,} rows read, {len(train):,} to train on, {len(valid):,} held out")
    return run.seal("curate", inputs, result)


def _with_task(rows: pa.Table, source: Any, benchmarks: list[Any]) -> pa.Table:
    task = task_of(source, benchmarks)
    at = SCHEMA.get_field_index("task")
    return rows.set_column(at, SCHEMA.field(at), pa.array([task.name if task else None] * len(rows), pa.string()))


def _apply_steps(run: Run, rows: pa.Table, around: Surroundings) -> tuple[pa.Table, pa.Table, list[dict[str, Any]]]:
    steps = run.recipe.build_steps()
    if run.recipe.quick:
        steps.append(("quick", Select(QUICK_ROWS)))
    journal, drops = [], []
    for name, step in steps:
        started = time.monotonic()
        sifted = step.apply(rows, around)
        drops.append(sifted.dropped.append_column("step", pa.array([name] * len(sifted.dropped), pa.string())))
        entry = {"step": name, "settings": vars(step), "rows": len(rows), "kept": len(sifted.kept)}
        entry |= {"dropped": len(sifted.dropped), "seconds": round(time.monotonic() - started, 2), **sifted.notes}
        journal.append({**entry, "sampled_drops": _sample(sifted.dropped, around.seed)})
        rows = sifted.kept
        run.progress.say(f"  {name}: {entry['kept']:,} kept, {entry['dropped']:,} dropped")
    empty = SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("step", pa.string())).empty_table()
    return rows, pa.concat_tables([empty, *drops]), journal


def _sample(dropped: pa.Table, seed: int) -> list[dict[str, Any]]:
    positions = range(len(dropped))
    chosen = random.Random(f"drops:{seed}").sample(positions, min(SAMPLED_DROPS, len(positions)))
    columns = ["id", "text", "label", "reason"]
    sample: list[dict[str, Any]] = dropped.select(columns).take(pa.array(sorted(chosen), pa.int64())).to_pylist()
    return sample


def _check_labels(rows: pa.Table) -> None:
    """A label with one example cannot be learned and tested: better said now than seen as a zero later."""
    pairs = [
        (task, label) for task, label in zip(rows["task"].to_pylist(), rows["label"].to_pylist(), strict=True) if label
    ]
    lonely = {label for (_, label), count in Counter(pairs).items() if count == 1}
    if lonely:
        where = {row["label"]: row["origin"] for row in rows.select(["label", "origin"]).to_pylist()}
        raise Problems(
            [
                f"The label '{label}' has one example ({where[label]}). Add examples, merge the label into another, "
                "or take the row out."
                for label in sorted(lonely)
            ]
        )


def _check_result(train: pa.Table, valid: pa.Table, benchmarks: list[Any]) -> None:
    if not len(train):
        raise UserError(
            "No training rows are left. Look into the reasons in the steps above; loosen a step or add data."
        )
    for benchmark in benchmarks:
        shared = overlap(pa.concat_tables([train, valid]), [benchmark])
        if shared:
            row, question = next(iter(shared.items()))
            raise UserError(
                f"Benchmark '{benchmark.name}' shares {len(shared)} questions with the training rows (row {row} is "
                f"{question}). Add the step `decontaminate` to the recipe."
            )
