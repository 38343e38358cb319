"""The command line: a short function per verb. Nothing heavy is imported before a verb needs it."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from metier.errors import Problems, UserError
from metier.last_lines import check_text, finish, say
from metier.targets import checked, load_recipe, not_spread, recipe_or_run, recipe_target, run_stages

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Teach an open language model a trade, and prove that it learned it.",
)

MEND = 3  # 0: done, or SHIP; 1: our bug, with its traceback; 2: HOLD
FULL = os.strerror(errno.ENOSPC)

RecipeFile = Annotated[
    Path | None, typer.Argument(help="A recipe (YAML). Left out: ICD-10-CM coding, which needs no data.")
]
Target = Annotated[Path | None, typer.Argument(help="A recipe (YAML) or the folder of a run. Left out: as for run.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a run.")]
IndustryName = Annotated[str | None, typer.Option("--industry", help="A pack's name, or a path to its Python file.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: key=value, a.b=value.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder; if left out runs/NAME, or runs/NAME-seeds.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smoke run: few rows, same path, no verdict.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def run(
    recipe: RecipeFile = None,
    industry: IndustryName = None,
    set_: Changes = None,
    out: Out = None,
    quick: Quick = False,
    seeds: Annotated[int, typer.Option("--seeds", help="So many trainings, each with a seed of its own.")] = 1,
    json_: Json = False,
) -> None:
    """Everything: curate, train, evaluate, report. Goes on where a killed run stopped."""
    if seeds != 1:
        from metier.stages.seeds import seeds as run_seeds

        not_spread()
        folder, loaded = recipe_target(recipe, industry, set_, out, quick, "-seeds")
        checked(loaded)
        finish((folder, run_seeds(loaded, folder, seeds)), json_)
        return
    finish(
        run_stages(recipe_target(recipe, industry, set_, out, quick), ["curate", "train", "evaluate", "report"]), json_
    )


@app.command()
def curate(
    target: Target = None,
    industry: IndustryName = None,
    set_: Changes = None,
    out: Out = None,
    quick: Quick = False,
    on: Annotated[str, typer.Option("--on", help="local, or ray: row-wise steps over a Ray cluster.")] = "local",
    json_: Json = False,
) -> None:
    """Read, clean, split; and say whether the rows represent the work."""
    from metier import sifting

    mappers = {"local": lambda: sifting.in_batches, "ray": _ray}
    if on not in mappers:
        raise UserError(f"Rows cannot be curated on '{on}'. Use local or ray.")
    say(run_stages(recipe_or_run(target, industry, set_, out, quick), ["curate"], mapper=mappers[on]())[1], json_)


@app.command()
def prove(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    set_: Changes = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for all its runs.")] = Path("runs/prove"),
    rows: Annotated[int, typer.Option("--rows", help="Budget of the drawn arms; 0: half the rows.")] = 0,
    tokens: Annotated[int, typer.Option("--tokens", help="Tokens of each training; 0: those of the smallest arm.")] = 0,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each arm; at least 3.")] = 3,
    json_: Json = False,
) -> None:
    """Does curation help? Arms of the same tokens, raw to fully curated, by the paired test."""
    from metier.stages.prove import prove as run_arms

    found = run_arms(checked(load_recipe(recipe, None, set_, False)), out, rows, tokens, seeds)
    print(json.dumps(found) if json_ else "\n".join(found["sentences"]))


@app.command()
def train(folder: Folder, json_: Json = False) -> None:
    """Train an adapter on a run's rows."""
    say(run_stages((folder, None), ["train"])[1], json_)


@app.command()
def evaluate(folder: Folder, json_: Json = False) -> None:
    """Ask base and tuned model the same questions."""
    say(run_stages((folder, None), ["evaluate"])[1], json_)


@app.command()
def report(folder: Folder, json_: Json = False) -> None:
    """Judge the answers and write report.html."""
    finish(run_stages((folder, None), ["report"]), json_)


@app.command()
def check(
    recipe: RecipeFile = None,
    industry: IndustryName = None,
    set_: Changes = None,
    quick: Quick = False,
    json_: Json = False,
) -> None:
    """Find every problem of a recipe at once, and show what the model would read and learn. Trains nothing."""
    from metier.stages.check import check as look

    found = look(load_recipe(recipe, industry, set_, quick))
    print(json.dumps(found) if json_ else check_text(found))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new folder, which will hold recipe.yaml.")],
    from_: Annotated[Path, typer.Option("--from", help="A folder of your tables (CSV, JSONL, Parquet) or documents.")],
    industry: IndustryName = None,
    json_: Json = False,
) -> None:
    """Start a recipe on your own files. What it could not know stands in the recipe as questions."""
    from metier.stages.new import new as start

    found = start(name, from_, industry)
    if not json_:
        found["questions"] = "".join(f"\n- {question}" for question in found["questions"])
    say(found, json_)


@app.command("list")
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(help="industries, sources, formats, shapes, steps, methods, benchmarks, scorers, metrics"),
    ] = None,
    json_: Json = False,
) -> None:
    """What there is of a kind; without one, the kinds."""
    from metier import plugins

    if kind is None:
        rows = [{"name": known, "what": ", ".join(plugins.names(known))} for known in plugins.KINDS]
    else:
        names = plugins.names(_kind(kind))
        rows = [{"name": name, "what": _first_line(plugins.find(_kind(kind), name).__doc__)} for name in names]
    print(json.dumps(rows) if json_ else "\n".join(f"{row['name']:<18} {row['what']}" for row in rows))


@app.command()
def show(kind: Annotated[str, typer.Argument()], name: Annotated[str, typer.Argument()], json_: Json = False) -> None:
    """One plug-in: what it does, its settings and their defaults."""
    from metier import plugins

    found = plugins.find(_kind(kind), name)
    settings = [
        dict(zip(("name", "type", "default", "what"), row, strict=True)) for row in plugins.settings_help(found)
    ]
    if json_:
        print(json.dumps({"name": name, "what": found.__doc__, "settings": settings}, default=str))
        return
    print(f"{name}: {found.__doc__}\n")
    for row in settings:
        print(f"  {row['name']}: {row['type']} = {row['default']!r}\n      {row['what']}")


@app.command()
def compare(first: Folder, second: Folder, json_: Json = False) -> None:
    """Two runs on the same questions, by the paired test."""
    from metier.stages.compare import compare as pair

    found = pair(first, second)
    print(json.dumps(found) if json_ else "\n".join(row["sentence"] for row in found["benchmarks"]))


@app.command()
def export(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", help="merged or lm-eval")],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    json_: Json = False,
) -> None:
    """A finished run for other programs: merged weights, or tasks for lm-evaluation-harness."""
    from metier.progress import Progress
    from metier.runs import saved_run
    from metier.stages.export import export as write

    say(write(saved_run(folder, Progress()), to, out), json_)


@app.command("check-lm-eval")
def check_lm_eval(folder: Folder, out: Folder, json_: Json = False) -> None:
    """Hold what lm-evaluation-harness found on the exported tasks against our own answers."""
    from metier.progress import Progress
    from metier.runs import saved_run
    from metier.stages.check_lm_eval import check_lm_eval as join

    found = join(saved_run(folder, Progress()), out)
    print(json.dumps(found) if json_ else "\n".join(row["sentence"] for row in found["checks"]))


def main() -> None:
    """Run a verb; problems that the user can mend end in one message and exit code 3."""
    try:
        app(standalone_mode=False)
    except UserError as error:
        _stop(
            str(error),
            MEND,
            "There are several problems:\n" if isinstance(error, Problems) and len(error.problems) > 1 else "",
        )
    except typer.Abort:
        _stop("Stopped. The run goes on where it stopped when you call it again.", MEND)
    except KeyboardInterrupt:
        _stop("Stopped. The run goes on where it stopped when you call it again.", MEND)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            _stop(
                f"{error.filename}: {error.strerror}. Make room or mend the permissions, then call again: "
                "the run goes on where it stopped.",
                MEND,
            )
        if FULL in str(error):  # safetensors and shutil have errors of their own for it, without a file's name
            _stop(f"{FULL}. Make room, then call again: the run goes on where it stopped.", MEND)
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            _stop(error.format_message(), MEND)
        raise


def _stop(message: str, code: int, before: str = "") -> None:
    print(before + message, file=sys.stderr)
    sys.exit(code)


def _ray() -> Any:
    from metier import on_ray

    return on_ray.mapper


def _kind(kind: str) -> str:
    from metier import plugins
    from metier.errors import nearest

    for known, name in plugins.KINDS.items():
        if kind in (known, name.lower()):
            return known
    raise UserError(f"There is no kind '{kind}'.{nearest(kind, plugins.KINDS)}")


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if text else ""
