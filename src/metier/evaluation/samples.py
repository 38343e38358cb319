"""A benchmark's questions as one run asks them: curate writes them once, and every stage behind it reads those."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark, Samples
from metier.recipes.schema import QUICK_QUESTIONS
from metier.runs.files import write_table
from metier.runs.run import Run

QUESTION, EXAMPLE = "question", "example"
"""The two roles of a row: it is asked, or it is a solved example before a question."""
SCHEMA = pa.schema(
    [
        ("role", pa.string()),
        ("kind", pa.string()),  # of an example: before which kind of question it stands
        ("id", pa.string()),
        ("text", pa.string()),
        ("answer", pa.string()),
        ("options", pa.list_(pa.string())),
        ("group", pa.string()),
        ("fields", pa.map_(pa.string(), pa.string())),
        ("slices", pa.map_(pa.string(), pa.string())),
        ("time", pa.string()),
    ]
)


@dataclass(frozen=True)
class Judging:
    """All benchmarks of a run, each with its samples."""

    benchmarks: list[Benchmark]
    retention: list[tuple[Benchmark, float | None]] = field(default_factory=list)
    """What must not be forgotten, with the loss that is tolerable; None: it is only monitored."""

    @property
    def everything(self) -> list[Benchmark]:
        return [*self.benchmarks, *(benchmark for benchmark, _ in self.retention)]


def file_of(name: str) -> str:
    """Where a benchmark's samples stand in a run's folder."""
    return f"evaluate/{name}/samples.parquet"


def open_samples(run: Run) -> Judging:
    """The recipe's benchmarks with the samples that curate wrote. Raises `UserError` where they were changed since."""
    recipe = run.recipe
    return Judging(
        [_opened(run, benchmark) for benchmark in recipe.build_benchmarks()],
        [(_opened(run, benchmark), margin) for benchmark, margin in recipe.build_retention()],
    )


def _opened(run: Run, benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, samples=_read(run.output("curate", file_of(benchmark.name))))


def write_samples(run: Run, benchmarks: list[Benchmark], training_rows: pa.Table) -> list[str]:
    """Fix the questions of benchmarks that still read their datasets; returns the files, which curate's mark lists."""
    most = QUICK_QUESTIONS if run.recipe.quick else 0
    for benchmark in benchmarks:
        labels = benchmark.label_set(training_rows)
        samples = Samples(benchmark.questions(most), labels, benchmark.solved, benchmark.times(), benchmark.labeled)
        write_table(run.path(file_of(benchmark.name)), _table(samples))
    return [file_of(benchmark.name) for benchmark in benchmarks]


def _table(samples: Samples) -> pa.Table:
    rows = [_row(QUESTION, question, time=samples.times.get(question.id)) for question in samples.questions]
    rows += [_row(EXAMPLE, one, kind=kind) for kind, solved in samples.solved.items() for one in solved]
    known = {"labels": samples.labels, "labeled": samples.labeled}
    return pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({"metier": json.dumps(known)}))


def _row(role: str, question: Question, kind: str | None = None, time: str | None = None) -> dict[str, Any]:
    return {
        "role": role,
        "kind": kind,
        "id": question.id,
        "text": question.text,
        "answer": question.answer,
        "options": list(question.options),
        "group": question.group,
        "fields": list(question.fields.items()),
        "slices": list(question.slices.items()),
        "time": time,
    }


def _read(path: Path) -> Samples:
    table = pq.read_table(path)
    known = json.loads(table.schema.metadata[b"metier"])
    questions, solved = (table.filter(pc.equal(table["role"], role)).to_pylist() for role in (QUESTION, EXAMPLE))
    kinds: dict[str, list[Question]] = {}
    for row in solved:
        kinds.setdefault(row["kind"], []).append(_question(row))
    times = {row["id"]: row["time"] for row in questions if row["time"]}
    return Samples([_question(row) for row in questions], known["labels"], kinds, times, known["labeled"])


def _question(row: dict[str, Any]) -> Question:
    return Question(
        row["id"],
        row["text"],
        row["answer"],
        tuple(row["options"]),
        row["group"],
        dict(row["fields"]),
        dict(row["slices"]),
    )
