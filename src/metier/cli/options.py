"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

RecipeFile = Annotated[
    Path | None, typer.Argument(help="A recipe (YAML). Default: ICD-10-CM coding, which needs no data of your own.")
]
Target = Annotated[Path | None, typer.Argument(help="A recipe (YAML) or the folder of a run. Default: as for run.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a run.")]
IndustryName = Annotated[str | None, typer.Option("--industry", help="A pack's name, or a path to its Python file.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: key=value, a.b=value.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder. Default: runs/NAME, or runs/NAME-seeds.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smoke run: few rows, all stages, no verdict.")]
Rows = Annotated[str, typer.Argument(help="Rows: a file, folder or pattern, in any format that training reads.")]
AnswersFile = Annotated[Path, typer.Option("--out", help="The answers: a .csv, .jsonl or .parquet file.")]
WhoAnswers = Annotated[
    str,
    typer.Option(
        "--with",
        help="Who answers: what was judged; tuned, the model alone; or a baseline of the run (tfidf).",
    ),
]
WhoseTask = Annotated[str | None, typer.Option("--benchmark", help="Whose task it is, if the run has several.")]
TextColumn = Annotated[str | None, typer.Option("--text", help="The column with the text; if left out, as in the run.")]
MaxError = Annotated[float | None, typer.Option("--max-error", help="Share of unreviewed answers that may be wrong.")]
ReviewShare = Annotated[float | None, typer.Option("--review", help="Share of the rows to review: the least sure.")]
OneBenchmark = Annotated[str | None, typer.Option("--benchmark", help="One of the run's benchmarks. Default: all.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Also a model whose verdict is not SHIP.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
