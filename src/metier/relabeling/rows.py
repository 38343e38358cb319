"""Every row and question of a run as a sheet names it, with the file that it comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from metier.data.reading import FileSource
from metier.errors import UserError, shown
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.samples import open_samples
from metier.recipes.schema import build_one
from metier.reporting.suspect_sheets import in_sheet, question_id, training_rows
from metier.runs.run import Run

Part = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the recipe names the user's own files."""

    key: Literal["datasets", "benchmarks"]
    number: int
    """In the recipe's list."""
    source: FileSource
    column: str
    """The column of the label."""


@dataclass(frozen=True)
class LabeledRow:
    """A training row or a test question, as people correct it."""

    part: Part
    id: str
    """What a sheet calls it."""
    text: str
    """As a sheet shows it."""
    label: str
    """As the run recorded it."""
    labels: tuple[str, ...]
    """What it may be corrected to."""
    place: str
    """file:place, as the run read it."""
    origin: Origin | str
    """Whose file it is; a text says why no label can be written there."""


def rows_of(run: Run) -> dict[str, list[LabeledRow]]:
    """Id -> the rows that a sheet may mean by it; their texts tell them apart. Raises `UserError` where the run is not
    curated, or its files were changed since."""
    found: dict[str, list[LabeledRow]] = {}
    judged = open_samples(run).benchmarks
    for row in [*_trained(run, judged), *_tested(judged)]:
        found.setdefault(row.id, []).append(row)
    return found


def check_unchanged(run: Run, origin: Origin) -> None:
    """Raises `UserError` where the user's files are not those that the run read."""
    result = run.result("curate")
    if origin.key == "datasets":
        recorded = run.locked()["datasets"][origin.number]["fingerprint"]
    else:
        recorded = result["asked"][build_one("benchmarks", run.recipe.benchmarks[origin.number]).name]
    if origin.source.fingerprint() != recorded:
        raise UserError(
            f"{origin.source.path} was changed since {run.folder} read it, so its rows cannot be found for certain. "
            "Put the file back as it was, or run the recipe again and review the new sheet."
        )


def _trained(run: Run, judged: list[Benchmark]) -> Iterator[LabeledRow]:
    named = {benchmark.name: benchmark for benchmark in judged}
    origins = _origins(run)
    rows = training_rows(run).select(["source", "origin", "text", "label", "task", "options", "fields"]).to_pylist()
    known: dict[str | None, set[str]] = {}
    for row in rows:
        if row["label"] is not None:
            known.setdefault(row["task"], set()).add(row["label"])
    sets = {task: tuple(sorted({*labels, *_label_set(named.get(task or ""))})) for task, labels in known.items()}
    for row in rows:
        if row["label"] is not None:
            text = in_sheet(row["text"], dict(row["fields"] or ()), named.get(row["task"]))
            labels = tuple(row["options"] or sets[row["task"]])
            place, whose = row["origin"], origins[row["source"]]
            yield LabeledRow("train", place, text, row["label"], labels, place, whose)


def _label_set(benchmark: Benchmark | None) -> list[str]:
    return benchmark.label_set() if benchmark else []


def _origins(run: Run) -> Mapping[str, Origin | str]:
    """Name of a dataset -> where its labels are, or why they cannot be written."""
    found: dict[str, Origin | str] = {}
    for number, dataset in enumerate(run.recipe.build_datasets()):
        if dataset.name in found:
            found[dataset.name] = f"two datasets of the recipe are called {shown(dataset.name)}. Rename one file"
        elif not isinstance(dataset, FileSource):
            found[dataset.name] = f"it is a row of the dataset {dataset.name}, which is none of your files"
        elif dataset.converter or not dataset.label:
            found[dataset.name] = f"{dataset.path} has no column of labels that could be written"
        else:
            found[dataset.name] = Origin("datasets", number, dataset, dataset.label)
    return found


def _tested(judged: list[Benchmark]) -> Iterator[LabeledRow]:
    for number, benchmark in enumerate(judged):
        data = benchmark.data() if benchmark.path else None
        if isinstance(data, FileSource) and data.label:
            whose: Origin | str = Origin("benchmarks", number, data, data.label)
        else:
            whose = f"it is a question of the benchmark {benchmark.name}, which is none of your files"
        for question in benchmark.questions():
            labels = question.options or tuple(benchmark.label_set())
            text = in_sheet(question.text, question.fields, benchmark)
            own = question_id(benchmark, question)
            yield LabeledRow("test", own, text, question.answer, labels, question.id, whose)
