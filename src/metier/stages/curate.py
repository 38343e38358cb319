"""Datasets through steps to training rows: train.parquet, valid.parquet, dropped.parquet, steps.json."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.dataset import DatasetLike
from metier.data.pipeline import Mapper, in_batches, run_steps, step_print, store, stored
from metier.data.reading import FileSource
from metier.data.records import SCHEMA
from metier.data.representativeness.assessment import represent
from metier.data.step import StepContext
from metier.data.steps.decontaminate import overlap
from metier.data.steps.select import Step as Select
from metier.data.whose import in_words, whose
from metier.errors import Problems, UserError, nearest
from metier.evaluation.benchmark import Benchmark, share_datasets
from metier.evaluation.costs import fits, names
from metier.evaluation.samples import write_samples
from metier.recipes import plugins
from metier.recipes.checks import label_problems, order_problems, question_problems
from metier.recipes.schema import QUICK_QUESTIONS, QUICK_ROWS, task_of
from metier.reporting.cards import write_cards
from metier.reporting.curation_page import curation_page
from metier.reporting.suspect_sheets import TRAINING, write_training_sheet
from metier.runs.files import fingerprint, write_json, write_table, write_text
from metier.runs.run import Run

VERSION = 4
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
    """Read, clean and split the rows and fix the questions; returns counts.

    Done once for the same datasets, steps and benchmarks.
    """
    work = _Work.of(run)
    inputs = work.fingerprint()
    if result := run.done("curate", inputs):
        run.progress.say("curate: done before")
        return result
    if problems := order_problems(run.recipe):
        raise Problems(problems)
    started = time.monotonic()
    rows, rejected = _read(work)
    _check_rows(work, rows)
    kept, dropped, journal = _cleaned(work, rows, mapper)
    curated = Curated(*_sides(kept), dropped)
    _check_result(curated, work.judging)
    write_rows(run, curated)
    write_json(run.path("curate", "steps.json"), journal)
    run.lock(datasets=work.prints)
    write_cards(run, work.datasets, rows, curated.train, curated.valid, len(dropped), journal)
    represents = represent(run, work.benchmarks, *curated)
    counts = {"read": len(rows), "rejected": rejected, "represents": represents, "asked": work.asked}
    result = finish(run, inputs, curated, work.judging, {**counts, "seconds": round(time.monotonic() - started, 1)})
    if suspect := write_training_sheet(run):
        run.progress.say(f"curate: {suspect:,} suspect labels, see {run.folder / TRAINING}")
    if not (run.folder / "verdict.json").is_file():
        write_text(run.path("report.html"), curation_page(run))
    mine = whose(
        curated.train["source"].to_pylist(), [one.name for one in work.datasets if isinstance(one, FileSource)]
    )
    run.progress.say(
        f"curate: {len(rows):,} rows read, {result['train']:,} to train on ({in_words(mine)}), {result['valid']:,} "
        "held out"
    )
    run.progress.say("\n".join([f"curate: {represents['state']}", *(f"  {why}" for why in represents["reasons"])]))
    return result


class Curated(NamedTuple):
    """The rows that curate ends with."""

    train: pa.Table
    valid: pa.Table
    """Held out from training."""
    dropped: pa.Table


@dataclass(frozen=True)
class _Work:
    """What there is to curate. Each dataset is one object, so that its rows are read once."""

    run: Run
    datasets: list[DatasetLike]
    benchmarks: list[Benchmark]
    judging: list[Benchmark]
    """The benchmarks, and what must not be forgotten."""
    prints: list[dict[str, str]]
    asked: dict[str, str]
    """Benchmark -> fingerprint of its dataset."""

    @classmethod
    def of(cls, run: Run) -> "_Work":
        recipe = run.recipe
        datasets, benchmarks = recipe.build_datasets(), recipe.build_benchmarks()
        judging = [*benchmarks, *(benchmark for benchmark, _ in recipe.build_retention())]
        share_datasets(judging, list(zip(recipe.datasets, datasets, strict=True)))
        prints = [{"name": dataset.name, "fingerprint": dataset.fingerprint()} for dataset in datasets]
        question_prints = {benchmark.name: benchmark.data().fingerprint() for benchmark in judging}
        return cls(run, datasets, benchmarks, judging, prints, question_prints)

    def fingerprint(self) -> str:
        recipe = self.run.recipe
        named = recipe.model_dump(include={"datasets", "steps", "benchmarks", "retention", "seed", "quick"})
        cleaning = [step_print(name, step) for name, step in recipe.build_steps()]
        return fingerprint(VERSION, named, cleaning, self.prints, list(self.asked.values()))

    def rows_print(self) -> str:
        return fingerprint(VERSION, self.run.recipe.datasets, self.run.recipe.benchmarks, self.prints)


def write_rows(run: Run, curated: Curated) -> None:
    """train.parquet, valid.parquet and dropped.parquet."""
    for side, rows in curated._asdict().items():
        write_table(run.path("curate", f"{side}.parquet"), rows)


def finish(
    run: Run, inputs: str, curated: Curated, judging: list[Benchmark], result: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the samples and mark curating as done; returns `result` with the counts of the rows.

    Everything in `WRITTEN` stands there before.
    """
    samples = write_samples(run, judging, curated.train)
    counts = {side: len(rows) for side, rows in curated._asdict().items()}
    licenses = dict(Counter(curated.train["license"].to_pylist()))
    files = [f"curate/{name}" for name in WRITTEN if (run.folder / "curate" / name).is_file()]
    return run.mark_done("curate", inputs, {**result, **counts, "licenses": licenses}, *files, *samples)


def _cleaned(work: _Work, rows: pa.Table, mapper: Mapper) -> tuple[pa.Table, pa.Table, list[dict[str, Any]]]:
    """(kept rows, dropped rows, one journal entry a step)."""
    recipe = work.run.recipe
    steps = [*recipe.build_steps(), *([("quick", Select(QUICK_ROWS))] if recipe.quick else [])]
    context = StepContext(recipe.seed, work.judging, fingerprint(list(work.asked.values())))
    return run_steps(work.run, rows, steps, context, work.rows_print(), mapper)


def _sides(kept: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(rows to train on, rows held out)."""
    split = pc.fill_null(kept["split"], "train")
    return kept.filter(pc.not_equal(split, "valid")), kept.filter(pc.equal(split, "valid"))


def _read(work: _Work) -> tuple[pa.Table, int]:
    """(all rows that may be learned from, how many pieces of files gave no row: they stand in rejected.jsonl)."""
    run, stage, made_from = work.run, "curate/steps/00-read", work.rows_print()
    file, aside = f"{stage}.kept.arrow", run.path("curate", "rejected.jsonl")
    if (done := run.done(stage, made_from)) is None:
        run.progress.say("curate: reading " + ", ".join(dataset.name for dataset in work.datasets))
        store(run.path(file), for_learning(work.datasets, work.benchmarks), SCHEMA)
        pieces = [piece for dataset in work.datasets for piece in dataset.rejected_rows]
        write_text(aside, "".join(json.dumps(piece, ensure_ascii=False) + "\n" for piece in pieces))
        done = run.mark_done(stage, made_from, {"rejected": len(pieces)}, file, "curate/rejected.jsonl")
    if done["rejected"]:
        run.progress.say(f"curate: {done['rejected']:,} broken pieces rejected, see {aside}")
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


def _check_rows(work: _Work, rows: pa.Table) -> None:
    """Raises `Problems` where labels cannot be learned or questions cannot be scored: now, not after training."""
    labels = {benchmark.name: benchmark.label_set(rows) for benchmark in work.judging}
    most = QUICK_QUESTIONS if work.run.recipe.quick else 0
    problems = label_problems(rows, work.benchmarks) or [
        problem for one in work.judging for problem in question_problems(one, one.questions(most), labels[one.name])
    ]
    if problems:
        raise Problems(problems)
    _say_costs(work.run, [labels[benchmark.name] for benchmark in work.benchmarks])


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


def _check_result(curated: Curated, judging: list[Benchmark]) -> None:
    """Raises `UserError` where nothing is left to learn from, or a question of a benchmark would be learned."""
    if not len(curated.train):
        raise UserError(
            "No training rows are left. Look into the reasons in the steps above; loosen a step or add data."
        )
    for benchmark in judging:
        if shared := overlap(pa.concat_tables([curated.train, curated.valid]), [benchmark]):
            row, question = next(iter(shared.items()))
            raise UserError(
                f"Benchmark '{benchmark.name}' shares {len(shared)} questions with the training rows (row {row} is "
                f"{question}). Add the step `decontaminate` to the recipe."
            )
