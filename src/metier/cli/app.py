"""The command line: a short function per verb, to the verdict; those that use the model are in `use`.

Heavy packages are imported only where a verb needs them.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from metier import __version__
from metier.cli import failures, look_up, use
from metier.cli.check_text import check_text
from metier.cli.help_text import WholeSentences
from metier.cli.next_steps import next_line, of_recipe
from metier.cli.options import Changes, Folder, IndustryName, Json, Out, Quick, RecipeFile, Target
from metier.cli.output import FIX, finish, say, tell, verified_text
from metier.cli.progress_bar import listen
from metier.cli.resolve import checked, load_recipe, not_spread, recipe_or_run, recipe_target, run_stages
from metier.cli.stopping import Stops
from metier.errors import UserError, shown
from metier.runs import terminal
from metier.runs.lock import read_lock

app = typer.Typer(
    cls=WholeSentences,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Fine-tune an open language model for an industry, and test whether it got better.",
)


def _version(asked: bool) -> None:
    if asked:
        terminal.out(f"metier {__version__}")
        raise typer.Exit


@app.callback()
def metier(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Fine-tune an open language model for an industry, and test whether it got better."""


@app.command()
def run(
    recipe: RecipeFile = None,
    industry: IndustryName = None,
    set_: Changes = None,
    out: Out = None,
    quick: Quick = False,
    seeds: Annotated[int, typer.Option("--seeds", help="Number of trainings, each with its own seed.")] = 1,
    json_: Json = False,
) -> None:
    """Curate, train, evaluate and report. Continues where a killed run stopped."""
    if seeds != 1:
        from metier.experiments.seeds import seeds as run_seeds

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
    executor: Annotated[
        str, typer.Option("--executor", help="local, or ray: row-wise steps run on a Ray cluster.")
    ] = "local",
    json_: Json = False,
) -> None:
    """Read, clean and split the rows, and report whether they represent the task."""
    from metier.data import pipeline

    mappers = {"local": lambda: pipeline.in_batches, "ray": _ray}
    if executor not in mappers:
        raise UserError(f"There is no executor {shown(executor)}. Use local or ray.")
    done = run_stages(recipe_or_run(target, industry, set_, out, quick), ["curate"], mapper=mappers[executor]())
    say(done[1], json_, next_line("train", done[0]))


@app.command()
def ablate(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    set_: Changes = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for all its runs.")] = Path("runs/ablate"),
    rows: Annotated[int, typer.Option("--rows", help="Rows of the sampled arms; 0: half of all rows.")] = 0,
    tokens: Annotated[
        int, typer.Option("--tokens", help="Tokens of each training; 0: as many as the smallest arm has.")
    ] = 0,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each arm; at least 3.")] = 3,
    json_: Json = False,
) -> None:
    """Test whether curation helps: raw to fully curated data, equal training tokens, paired test."""
    from metier.experiments.ablate import ablate as run_arms

    ablation = run_arms(checked(load_recipe(recipe, None, set_, False)), out, rows, tokens, seeds)
    tell(ablation.to_json(), "\n".join(ablation.sentences), json_)


@app.command()
def train(folder: Folder, json_: Json = False) -> None:
    """Train an adapter on a run's rows."""
    say(run_stages((folder, None), ["train"])[1], json_, next_line("evaluate", folder))


@app.command()
def evaluate(folder: Folder, json_: Json = False) -> None:
    """Ask the base model and the tuned model the same questions."""
    say(run_stages((folder, None), ["evaluate"])[1], json_, next_line("report", folder))


@app.command()
def report(folder: Folder, json_: Json = False) -> None:
    """Judge the answers and write report.html and answers.html."""
    finish(run_stages((folder, None), ["report"]), json_)


@app.command()
def verify(folder: Folder, json_: Json = False) -> None:
    """Check every file of a run against its hash, and name each one that was edited or is missing."""
    from metier.runs.integrity import verify as hold

    with read_lock(folder):
        verified = hold(folder)
    tell(asdict(verified), verified_text(folder, verified), json_)
    if verified.findings:
        raise typer.Exit(FIX)


@app.command()
def check(
    recipe: RecipeFile = None,
    industry: IndustryName = None,
    set_: Changes = None,
    quick: Quick = False,
    json_: Json = False,
) -> None:
    """Find all problems of a recipe at once, and show what the model would read and learn. Trains nothing."""
    from metier.experiments.dry_run import check as look

    result = look(load_recipe(recipe, industry, set_, quick))
    tell(result, f"{check_text(result)}\n\n{next_line('run', *of_recipe(recipe, industry, set_, quick))}", json_)


@app.command()
def forecast(
    recipe: RecipeFile = None,
    industry: IndustryName = None,
    set_: Changes = None,
    out: Annotated[Path | None, typer.Option("--out", help="A folder. Default: runs/NAME-forecast.")] = None,
    model_sizes: Annotated[
        int, typer.Option("--model-sizes", min=0, help="Train the model on so many subsets (3); 0: not at all.")
    ] = 0,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="What these trainings may take; left out: up to all rows.")
    ] = None,
    json_: Json = False,
) -> None:
    """Forecast the figures and the chance of SHIP, now and with more labels, from held-out rows. Experimental."""
    from metier.cli.forecast_text import forecast_text
    from metier.experiments.forecast import forecast as look_ahead

    folder, loaded = recipe_target(recipe, industry, set_, out, False, "-forecast")
    found = look_ahead(loaded, folder, model_sizes, minutes)
    lines = [forecast_text(found), "", f"{(folder / 'forecast.html').resolve()}", ""]
    lines.append(next_line("run", *of_recipe(recipe, industry, set_, False)))
    tell(found.to_json(), "\n".join(lines), json_)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new folder, which will hold recipe.yaml.")],
    from_: Annotated[Path, typer.Option("--from", help="A folder of your tables (CSV, JSONL, Parquet) or documents.")],
    industry: IndustryName = None,
    json_: Json = False,
) -> None:
    """Write a recipe for your own files. Its open questions are comments in the recipe."""
    from metier.recipes.scaffold.new import new as start

    result = start(name, from_, industry)
    if not json_:
        result["questions"] = "".join(f"\n- {question}" for question in result["questions"])
    say(result, json_, next_line("check", result["recipe"], why="(answer the questions in the recipe first)"))


app.command()(use.answers)
app.command("list")(look_up.list_)
app.command()(look_up.show)
app.command()(look_up.compare)
app.command()(use.predict)
app.command()(use.serve)
app.command()(use.monitor)
app.command()(use.dossier)
app.command()(use.relabel)
app.command()(use.export)
app.command("verify-export")(use.verify_export)
app.command()(use.push)
app.command("verify-lm-eval")(use.verify_lm_eval)


def main() -> None:
    """Run a verb; what the user can fix ends in one message and exit code 3."""
    stops = Stops()
    stops.listen()
    try:
        code = stops.during(_verb)
    except BaseException as error:  # also what a plug-in raises to end the program
        code = FIX
        if isinstance(error, KeyboardInterrupt | typer.Abort):
            stops.asked = True
        if not stops.asked:  # behind a signal every error is what the signal broke
            if (message := failures.explained(error)) is None:
                raise
            terminal.complain(message)
    sys.exit(stops.end(code))


def _verb() -> int:
    """The exit code of the verb that the command line names. Not typer's own loop: it has codes of its own for what is
    stopped by a signal or has no reader."""
    terminal.prepare()
    listen()
    words = sys.argv[1:]
    for word in words:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UserError(f"The argument {shown(word)} is not written in UTF-8. Rename the file, or type it again.")
    command = typer.main.get_command(app)
    code = 0
    try:
        with command.make_context("metier", words) as context:
            command.invoke(context)
    except typer.Exit as done:
        code = done.exit_code
    sys.stdout.flush()  # here, where a full disk can still be told
    return code


def _ray() -> Any:
    from metier.data import ray

    return ray.mapper
