"""`metier answers`: the rows of answers.html as a sheet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.evaluation.answers import Answers
from metier.reporting.answer_rows import AnswerRow, Given, answered_benchmarks
from metier.runs.files import file_sha256
from metier.runs.run import Run
from metier.serving.table import writer

MODELS = ("base", "tuned", "baseline")
COLUMNS = (
    *("id", "benchmark", "text", "right", *MODELS, *(f"{name}_score" for name in MODELS)),
    *("certainty", "group", "suspect"),
)
"""Of every sheet; behind them stand slices, fields of the prompt and free answers where a run has them."""


def write_sheet(run: Run, out: Path) -> int:
    """Write every test question with all answers as a CSV file, and say how many there are.

    The file is there completely or not at all. One that is there and differs stays: people may have written in it.
    Raises `UserError` then, and where the run has no answers or they were changed.
    """
    if out.suffix != ".csv":
        raise UserError(f"The sheet is to be written to {out}, but it is a CSV file. Name one that ends with .csv.")
    run.verify("evaluate")
    benchmarks = answered_benchmarks(Answers(run))
    scratch = out.with_name(f".{out.stem}.part.csv")
    rows = [sheet_row(one.name, row) for one in benchmarks for row in one.rows]
    further = sorted({column for row in rows for column in row} - set(COLUMNS))
    with writer(scratch, dict.fromkeys([*COLUMNS, *further], str)) as table:
        table.write(rows)
    if out.exists() and file_sha256(out) != file_sha256(scratch):
        scratch.unlink()
        raise UserError(f"{out} is there and holds something else. Name another file, or remove it.")
    scratch.replace(out)
    return len(rows)


def sheet_row(benchmark: str, row: AnswerRow) -> dict[str, Any]:
    """Column -> cell. A score of 1 is right and of 0 wrong."""
    given: dict[str, Given | None] = {name: getattr(row, name) for name in MODELS}
    return {
        "id": row.id,
        "benchmark": benchmark,
        "text": row.text,
        "right": row.right,
        **{name: one.answer if one else None for name, one in given.items()},
        **{f"{name}_score": one.score if one else None for name, one in given.items()},
        "certainty": row.certainty,
        "group": row.group,
        "suspect": row.suspect,
        **_prefixed("slice", row.slices),
        **_prefixed("field", row.fields),
        **_prefixed("completion", {name: one.completion for name, one in given.items() if one and one.completion}),
    }


def _prefixed(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """What a recipe calls a column must not be taken for one of ours."""
    return {f"{kind}.{name}": value for name, value in values.items()}
