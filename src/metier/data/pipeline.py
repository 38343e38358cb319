"""Rows through the steps of a recipe: batch by batch where a step allows it, each step's outcome kept on disk.

Outcomes are Arrow files that are mapped and not read, so rows larger than memory pass; and each carries a hash of all
that made it, so that an edited step is done again with those behind it, and those before it are not.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import SCHEMA
from metier.data.step import StepContext, StepLike, StepResult, summary
from metier.recipes.plugins import own_code
from metier.runs.files import fingerprint, write
from metier.runs.run import Run

VERSION = 2
BATCH_ROWS = 8192
SAMPLED_DROPS = 20
LISTED = 200
"""Entries of a list in the notes, when the batches' lists are put together."""
DROPPED = SCHEMA.append(pa.field("reason", pa.string()))

Mapper = Callable[[StepLike, pa.Table, StepContext], Iterator[StepResult]]
"""How a row-wise step is taken over all rows: `in_batches` here, or over a cluster (`metier.data.ray`)."""


def in_batches(step: StepLike, rows: pa.Table, context: StepContext) -> Iterator[StepResult]:
    for begin in range(0, max(len(rows), 1), BATCH_ROWS):
        yield step.apply(rows.slice(begin, BATCH_ROWS), context)


def store(path: Path, batches: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables one behind the other into an Arrow file that is there completely or not at all; returns the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0

    def fill(scratch: Path) -> None:
        nonlocal rows
        with pa.OSFile(str(scratch), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for table in batches:
                writer.write_table(table.cast(schema), max_chunksize=BATCH_ROWS)
                rows += len(table)

    write(path, fill)
    return rows


def stored(path: Path) -> pa.Table:
    """The rows of an Arrow file, mapped: they take memory only while they are looked at."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def run_steps(
    run: Run,
    rows: pa.Table,
    steps: Sequence[tuple[str, StepLike]],
    context: StepContext,
    made_from: str,
    mapper: Mapper,
) -> tuple[pa.Table, pa.Table, list[dict[str, Any]]]:
    """(kept rows, dropped rows with `reason` and `step`, one journal entry a step)."""
    journal, drops = [], []
    widest = max((len(name) for name, _ in steps), default=0)
    for number, (name, step) in enumerate(steps, start=1):
        benchmarks_print = context.benchmarks_print if step.uses_benchmarks else ""
        made_from = fingerprint(VERSION, made_from, step_print(name, step), context.seed, benchmarks_print)
        stage = f"curate/steps/{number:02}-{name}"
        files = [f"{stage}.{side}.arrow" for side in ("kept", "dropped")]
        entry = run.done(stage, made_from)
        before = "" if entry is None else ", as before"
        if entry is None:
            entry = _take(run, name, step, rows, context, mapper, *files)
            run.mark_done(stage, made_from, entry, *files)
        rows, dropped = (stored(run.folder / file) for file in files)
        drops.append(dropped.append_column("step", pa.array([name] * len(dropped), pa.string())))
        journal.append({key: value for key, value in entry.items() if key != "peak_memory_mb"})
        why = summary(step, dropped["reason"], entry)
        run.progress.say(f"  {name:<{widest}}  {entry['rows']:,} -> {entry['kept']:,} ({why}){before}")
        for alarm in entry.get("alarms", []):
            run.progress.say(f"  {name}: {alarm}")
    empty = DROPPED.append(pa.field("step", pa.string())).empty_table()
    return rows, pa.concat_tables([empty, *drops]), journal


def step_print(name: str, step: StepLike) -> str:
    """Changes with a step's settings, its version, what lies in a file that a setting names, and, where a step is given
    by its file, with the code: nobody raises a version while a step is being written."""
    return fingerprint(name, vars(step), step.version, step.fingerprint(), own_code(step))


def _take(
    run: Run, name: str, step: StepLike, rows: pa.Table, context: StepContext, mapper: Mapper, kept: str, dropped: str
) -> dict[str, Any]:
    """One step over all rows, into its two files; returns its journal entry."""
    started = time.monotonic()
    rowwise = step.rowwise
    parts = mapper(step, rows, context) if rowwise else iter([step.apply(rows, context)])
    notes: dict[str, Any] = {}
    gone: list[pa.Table] = []
    read = 0

    def keep() -> Iterator[pa.Table]:
        nonlocal read, notes
        run.progress.begin(name, len(rows), "rows")
        for part in parts:
            notes = joined(notes, part.notes)
            gone.append(part.dropped)
            read += len(part.kept) + len(part.dropped)
            run.progress.advance(len(part.kept) + len(part.dropped))
            yield part.kept
        run.progress.end(quiet=True)  # one line a step, with its reason

    left = store(run.path(kept), keep(), SCHEMA)
    if read != len(rows):
        raise RuntimeError(f"The step {name} was given {len(rows)} rows and gave back {read}: no row may be lost.")
    away = pa.concat_tables([DROPPED.empty_table(), *(table.cast(DROPPED) for table in gone)])
    store(run.path(dropped), [away], DROPPED)
    entry = {"step": name, "settings": vars(step), "rows": len(rows), "kept": left, "dropped": len(away)}
    entry |= {"kept_bytes": _bytes(stored(run.folder / kept)), "dropped_bytes": _bytes(away)}
    return entry | {
        "seconds": round(time.monotonic() - started, 2),
        **notes,
        "sampled_drops": _sample(away, context.seed),
    }


def joined(notes: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The notes of two batches in one: numbers and counts are added up, lists put together (up to `LISTED` entries)."""
    out = dict(notes)
    for key, value in more.items():
        if key not in out:
            out[key] = value
        elif isinstance(value, dict):
            out[key] = joined(out[key], value)
        elif isinstance(value, list):
            out[key] = (out[key] + [entry for entry in value if entry not in out[key]])[:LISTED]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out[key] = out[key] + value
    return out


def _bytes(rows: pa.Table) -> int:
    return int(pc.sum(pc.binary_length(rows["text"])).as_py() or 0)


def _sample(dropped: pa.Table, seed: int) -> list[dict[str, Any]]:
    positions = range(len(dropped))
    chosen = random.Random(f"drops:{seed}").sample(positions, min(SAMPLED_DROPS, len(positions)))
    few = dropped.select(["id", "text", "label", "reason"])
    # Row by row: `take` would put the whole column into memory first.
    return [row for position in sorted(chosen) for row in few.slice(position, 1).to_pylist()]
