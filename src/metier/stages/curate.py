"""Datasets through steps to training rows: train.parquet, valid.parquet, dropped.parquet, steps.json."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.dataset import DatasetLike
from metier.data.pipeline import Mapper, in_batches, run_steps, step_print, store, stored
from metier.data.records import SCHEMA
from metier.data.representativeness.assessment import represent
from metier.data.step import StepContext
from metier.data.steps.decontaminate import overlap
from metier.data.steps.select import Step as Select
from metier.errors import Problems, UserError, nearest
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.costs import fits, names
from metier.recipes import plugins
from metier.recipes.checks import label_problems, order_problems, question_problems
from metier.recipes.schema import QUICK_QUESTIONS, QUICK_ROWS, task_of
from metier.reporting.cards import write_cards
from metier.reporting.curation_page import curation_page
from metier.runs.files import fingerprint, write_json, write_table, write_text
from metier.runs.run import Run

VERSION = 3
WRITTEN = (
    "train.parquet",
    "valid.parquet",
    "dropped.parquet",
    "rejected.jsonl",
    "steps.json",
    "representation.json",
)
"""What others read. The cards are for people, who may well add to them."""


def curate(run: Run, mapper: Mapper = in_batches) -> dict[str, Any]:
    """Read, clean and split the rows; returns counts. Done once for the same datasets, steps and benchmarks."""
    recipe = run.recipe
    datasets, benchmarks = recipe.build_datasets(), recipe.build_benchmarks()
    judging = [*benchmarks, *(benchmark for benchmark, _ in recipe.build_retention())]
    prints = [{"name": dataset.name, "fingerprint": dataset.fingerprint()} for dataset in datasets]
    asked = [benchmark.data().fingerprint() for benchmark in judging]
    said = recipe.model_dump(include={"datasets", "steps", "benchmarks", "retention", "seed", "quick"})
    cleaning = [step_print(name, step) for name, step in recipe.build_steps()]
    inputs = fingerprint(VERSION, said, cleaning, prints, asked)
    if result := run.done("curate", inputs):
        run.progress.say("curate: done before")
        return result
    if problems := order_problems(recipe):
        raise Problems(problems)
    started = time.monotonic()
    made_from = fingerprint(VERSION, recipe.datasets, recipe.benchmarks, prints)
    rows, rejected_rows = _read(run, datasets, benchmarks, made_from)
    _check_rows(run, rows, benchmarks, judging)
    steps = [*recipe.build_steps(), *([("quick", Select(QUICK_ROWS))] if recipe.quick else [])]
    context = StepContext(recipe.seed, judging, fingerprint(asked))
    kept, dropped, journal = run_steps(run, rows, steps, context, made_from, mapper)
    train = kept.filter(pc.not_equal(pc.fill_null(kept["split"], "train"), "valid"))
    valid = kept.filter(pc.equal(pc.fill_null(kept["split"], "train"), "valid"))
    _check_result(train, valid, judging)
    write_table(run.path("curate", "train.parquet"), train)
    write_table(run.path("curate", "valid.parquet"), valid)
    write_table(run.path("curate", "dropped.parquet"), dropped)
    write_json(run.path("curate", "steps.json"), journal)
    run.lock(datasets=prints)
    write_cards(run, datasets, rows, train, valid, len(dropped), journal)
    represents = represent(run, train, valid, dropped)
    result = {
        "read": len(rows),
        "rejected": rejected_rows,
        "train": len(train),
        "valid": len(valid),
        "dropped": len(dropped),
        "licenses": dict(Counter(train["license"].to_pylist())),
        "represents": represents,
        "asked": dict(zip([benchmark.name for benchmark in judging], asked, strict=True)),
        "seconds": round(time.monotonic() - started, 1),
    }
    result = run.mark_done("curate", inputs, result, *(f"curate/{name}" for name in WRITTEN))
    if not (run.folder / "verdict.json").is_file():
        write_text(run.path("report.html"), curation_page(run))
    run.progress.say(f"curate: {len(rows):,} rows read, {len(train):,} to train on, {len(valid):,} held out")
    run.progress.say("\n".join([f"curate: {represents['state']}", *(f"  {why}" for why in represents["reasons"])]))
    return result


def _read(run: Run, datasets: list[DatasetLike], benchmarks: list[Benchmark], made_from: str) -> tuple[pa.Table, int]:
    """(all rows that may be learned from, how many pieces of files gave no row: they stand in rejected.jsonl)."""
    stage, file, aside = (
        "curate/steps/00-read",
        "curate/steps/00-read.kept.arrow",
        run.path("curate", "rejected.jsonl"),
    )
    if (done := run.done(stage, made_from)) is None:
        run.progress.say("curate: reading " + ", ".join(dataset.name for dataset in datasets))
        store(run.path(file), for_learning(datasets, benchmarks), SCHEMA)
        pieces = [piece for dataset in datasets for piece in dataset.rejected_rows]
        write_text(aside, "".join(json.dumps(piece, ensure_ascii=False) + "\n" for piece in pieces))
        done = run.mark_done(stage, made_from, {"rejected": len(pieces)}, file, "curate/rejected.jsonl")
    if done["rejected"]:
        run.progress.say(f"curate: {done['rejected_rows']:,} broken pieces rejected, see {aside}")
    return stored(run.folder / file), done["rejected"]


def for_learning(datasets: list[DatasetLike], benchmarks: list[Benchmark]) -> Iterator[pa.Table]:
    """A dataset's own test rows belong to the benchmarks; the steps never see them."""
    for dataset in datasets:
        for rows in dataset.batches():
            rows = rows.filter(pc.not_equal(pc.fill_null(rows["split"], "train"), "test"))
            yield _with_task(rows, dataset, benchmarks)


def _with_task(rows: pa.Table, dataset: DatasetLike, benchmarks: list[Benchmark]) -> pa.Table:
    task = task_of(dataset, benchmarks)
    at = SCHEMA.get_field_index("task")
    return rows.set_column(at, SCHEMA.field(at), pa.array([task.name if task else None] * len(rows), pa.string()))


def _check_rows(run: Run, rows: pa.Table, benchmarks: list[Any], judging: list[Any]) -> None:
    labels = {benchmark.name: benchmark.label_set(rows) for benchmark in judging}
    most = QUICK_QUESTIONS if run.recipe.quick else 0
    found = label_problems(rows, benchmarks) or [
        said for one in judging for said in question_problems(one, one.questions(most), labels[one.name])
    ]
    if found:  # said now, not after training
        raise Problems(found)
    _say_costs(run, [labels[benchmark.name] for benchmark in benchmarks])


def _say_costs(run: Run, sets: list[list[str]]) -> None:
    """Prices that fit no benchmark: a pack's own give a warning, for a misspelled one would be an ordinary mistake;
    beside other benchmarks than the pack's they are none."""
    pack = plugins.find("industries", run.recipe.industry)()
    if run.recipe.benchmarks != pack.benchmarks:
        return
    for mistake in pack.costs:
        if not any(fits(mistake, labels) for labels in sets):
            every = sorted({label for labels in sets for label in labels})
            near = nearest(next((name for name in names(mistake) if name not in every), mistake), every)
            run.progress.say(f"costs: '{mistake}' is a mistake of no benchmark, and counts nowhere.{near}")


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
