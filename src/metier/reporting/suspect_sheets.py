"""Sheets of suspect labels for people: suspects.csv of training rows, suspects-test.csv of test questions, blind."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.reading import FileSource
from metier.data.records import Question
from metier.data.spreadsheets import safe, separated
from metier.data.steps import label_noise
from metier.errors import UserError
from metier.evaluation.answers import Answers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.suspects import suspects
from metier.recipes.schema import name_of
from metier.runs.files import write_text
from metier.runs.integrity import SHEETS
from metier.runs.run import Run

TRAINING, TEST = f"{SHEETS}.csv", f"{SHEETS}-test.csv"
COLUMNS = ("id", "text", "label", "suggestion", "corrected")
BLIND = ("id", "text", "label_a", "label_b", "corrected")
"""Both labels of a test question, in random order."""
MOST = 200
"""Rows of a sheet: an afternoon of one person."""
LONGEST = 30_000
"""Characters of a text in a sheet: a cell of Excel holds 32,767."""


@dataclass(frozen=True)
class Listed:
    """A sheet in the run's folder, and its rows."""

    file: str
    rows: int


def listed(run: Run) -> list[Listed]:
    """The sheets of a run that have rows."""
    found = [Listed(name, len(_read(run.folder / name))) for name in (TRAINING, TEST)]
    return [sheet for sheet in found if sheet.rows]


def write_training_sheet(run: Run) -> int:
    """Write the suspect labels that the step `label_noise` found in the user's own files; returns how many."""
    steps = [name_of("steps", use) for use in run.recipe.steps]
    if label_noise.NAME not in steps:
        return 0
    journal = json.loads(run.output("curate", "curate/steps.json").read_text(encoding="utf-8"))
    worst = next(entry["worst"] for entry in journal if entry["step"] == label_noise.NAME)
    own = {one.name for one in run.recipe.build_datasets() if isinstance(one, FileSource) and one.label}
    known = {(row["source"], row["id"]): row for row in training_rows(run).to_pylist() if row["source"] in own}
    prompts = {benchmark.name: benchmark for benchmark in run.recipe.build_benchmarks()}
    rows = []
    for suspect in worst:
        if (row := known.get((suspect["source"], suspect["id"]))) is not None:
            shown = in_sheet(row["text"], dict(row["fields"] or ()), prompts.get(row["task"]))
            rows.append((row["origin"], shown, suspect["label"], suspect["likelier"], ""))
    return _write(run, TRAINING, COLUMNS, rows[:MOST])


def training_rows(run: Run) -> pa.Table:
    """The rows that are learned and those held out."""
    return pa.concat_tables([run.table("curate", f"{side}.parquet") for side in ("train", "valid")])


def write_test_sheet(run: Run, answers: Answers) -> int:
    """Write the suspect test questions of the user's own files, blind; returns how many."""
    found = [row for benchmark in answers.judging.benchmarks for row in _blind_rows(run, answers, benchmark)]
    worst = sorted(found, key=lambda row: -row[0])[:MOST]
    # By the id, which is a hash: neither the score nor the place in the file shows.
    return _write(run, TEST, BLIND, sorted(row for _, row in worst))


def _blind_rows(run: Run, answers: Answers, benchmark: Benchmark) -> Iterable[tuple[float, tuple[str, ...]]]:
    """(how certain it is that the label is wrong, the row of the sheet)"""
    if not (benchmark.path and benchmark.label):
        return
    for suspect in suspects(answers, benchmark.name)[:MOST]:
        question = benchmark.questions()[suspect.question]
        own = question_id(benchmark, question)
        pair = in_random_order(suspect.label, suspect.suggestion, f"{run.recipe.seed}:{own}")
        yield suspect.score, (own, in_sheet(question.text, question.fields, benchmark), *pair, "")


def question_id(benchmark: Benchmark, question: Question) -> str:
    """What a sheet calls a test question: not by its line, since a file may be sorted by its labels."""
    # With a letter first: Excel takes 12e45 for a number.
    return f"q{xxhash.xxh3_64_hexdigest(chr(0).join([benchmark.name, question.id, question.text]).encode())[:12]}"


def in_random_order(recorded: str, suggestion: str, seed: str) -> tuple[str, str]:
    """Both labels, in an order that depends on the seed alone."""
    swapped = xxhash.xxh3_64_intdigest(f"order:{seed}".encode()) % 2
    return (suggestion, recorded) if swapped else (recorded, suggestion)


def in_sheet(text: str, fields: Mapping[str, str], benchmark: Benchmark | None) -> str:
    """What a sheet shows of a row: its text, and what else the prompt has of it."""
    further = sorted(benchmark.prompt_columns() - {"text"}) if benchmark else []
    lines = [text, *(f"{column}: {fields[column]}" for column in further if column in fields)]
    return "\n".join(lines).replace("\0", "\ufffd")[:LONGEST]


def _write(run: Run, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    path = run.folder / name
    if _is_filled_in(path):
        if {row["id"] for row in _read(path)} == {row[0] for row in rows}:
            return len(rows)  # people's work on the same rows
        kept = next(it for number in itertools.count(1) if not (it := path.with_stem(f"{path.stem}-{number}")).exists())
        path.rename(kept)
        run.progress.say(f"  {path} was filled in, and other labels are suspect now: it is called {kept.name}.")
    if not rows:
        path.unlink(missing_ok=True)
        return 0
    stream = io.StringIO()
    csv.writer(stream).writerows([columns, *([safe(cell) for cell in row] for row in rows)])
    write_text(path, "\ufeff" + stream.getvalue())
    return len(rows)


def _is_filled_in(path: Path) -> bool:
    return any((row.get("corrected") or "").strip() for row in _read(path))


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of a sheet; none where there is no sheet."""
    if not path.is_file():
        return []
    rows = []
    for origin, piece in pieces(str(path), separated(path)):
        if isinstance(piece, RejectedRow) or not {"id", "corrected"} <= piece.keys():
            why = piece.reason if isinstance(piece, RejectedRow) else "has no `id` or no `corrected`. Put them back."
            raise UserError(f"{origin} {why}")
        rows.append(piece)
    return rows
