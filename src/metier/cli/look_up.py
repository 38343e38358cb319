"""Verbs that look things up: plug-ins, models, and two sides of a comparison."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metier.cli.help_text import columns, first_sentence
from metier.cli.options import Json
from metier.cli.output import tell
from metier.errors import UserError, shown
from metier.runs.lock import read_lock

MODELS = "models"
"""Beside the kinds of plug-ins."""


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="industries, datasets, formats, converters, steps, methods, benchmarks, scorers, metrics, baselines, "
            "exports, models"
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """List the plug-ins of a kind, or the models; without a kind, list the kinds."""
    from metier.recipes import plugins

    if kind in (MODELS, "model"):
        from metier.engine.models.known import known_models

        models = known_models()
        tell([asdict(one) for one in models], columns([(one.name, one.sentence) for one in models]), json_)
        return
    if kind is None:
        rows = [(known, ", ".join(plugins.names(known))) for known in plugins.KINDS]
        rows.append((MODELS, "`metier list models`: what `model:` may name, and what is on this machine"))
    else:
        of = _kind(kind)
        rows = [(name, first_sentence(plugins.about(of, name))) for name in plugins.names(of)]
    tell([{"name": name, "what": what} for name, what in rows], columns(rows), json_)


def show(kind: Annotated[str, typer.Argument()], name: Annotated[str, typer.Argument()], json_: Json = False) -> None:
    """Show what a plug-in does, its settings and their defaults."""
    from metier.recipes import plugins

    plug_in, what = plugins.find(_kind(kind), name), plugins.about(_kind(kind), name)
    settings = [
        dict(zip(("name", "type", "default", "what"), row, strict=True)) for row in plugins.settings_help(plug_in)
    ]
    lines = [f"{name}: {what}\n"]
    lines += [f"  {row['name']}: {row['type']} = {row['default']!r}\n      {row['what']}" for row in settings]
    tell({"name": name, "what": what, "settings": settings}, "\n".join(lines), json_)


def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a run, or a file of answers (CSV, JSONL).")],
    second: Annotated[Path, typer.Argument(help="The same; what it gains over the first is shown.")],
    id_: Annotated[list[str] | None, typer.Option("--id", help="Column of the ids. Twice: of each file.")] = None,
    right: Annotated[list[str] | None, typer.Option("--right", help="Column of the right answers.")] = None,
    answer: Annotated[list[str] | None, typer.Option("--answer", help="Column of the given answers.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="Column by which rows belong together.")] = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", help="The run's benchmark to compare with a file, if it has several.")
    ] = None,
    json_: Json = False,
) -> None:
    """Compare two runs, or any two files of answers to the same questions, by the paired test."""
    if first.is_dir() and second.is_dir():
        if id_ or right or answer or group or benchmark:
            raise UserError("--id, --right, --answer, --group and --benchmark are for files of answers, not for runs.")
        from metier.experiments.compare import compare as pair

        with read_lock(first, second):
            runs = pair(first, second)
        tell(runs.to_json(), "\n".join(row.sentence for row in runs.benchmarks), json_)
        return
    from metier.experiments.compare_files import compare_files

    named = {"id": id_, "right": right, "answer": answer, "group": group}
    with read_lock(*(path for path in (first, second) if path.is_dir())):
        result = compare_files(first, second, {role: names for role, names in named.items() if names}, benchmark)
    tell(result.to_json(), "\n".join(result.sentences), json_)


def _kind(kind: str) -> str:
    from metier.recipes import plugins
    from metier.recipes.renamed import hint

    for known in plugins.KINDS:
        if kind in (known, plugins.singular(known)):
            return known
    raise UserError(f"There is no kind {shown(kind)}.{hint('kind', kind, [*plugins.KINDS, MODELS])}")
