"""The command line: a short function per verb. Heavy packages are imported only where a verb needs them."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from metier import __version__
from metier.cli import failures
from metier.cli.output import HOLD, check_text, finish, say, tell, verified_text
from metier.cli.progress_bar import listen
from metier.cli.resolve import checked, load_recipe, not_spread, recipe_or_run, recipe_target, run_stages
from metier.cli.stopping import Stops
from metier.errors import UserError, shown
from metier.runs import terminal
from metier.runs.lock import read_lock, run_lock

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Fine-tune an open language model for an industry, and test whether it got better.",
)

FIX = 3  # 0: done, or SHIP; 1: our bug, with its traceback; 2: HOLD

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
WhoseTask = Annotated[str | None, typer.Option("--benchmark", help="Whose task it is, if the run has several.")]
TextColumn = Annotated[str | None, typer.Option("--text", help="The column with the text; if left out, as in the run.")]
MaxError = Annotated[float | None, typer.Option("--max-error", help="Share of unreviewed answers that may be wrong.")]
ReviewShare = Annotated[float | None, typer.Option("--review", help="Share of the rows to review: the least sure.")]
OneBenchmark = Annotated[str | None, typer.Option("--benchmark", help="One of the run's benchmarks. Default: all.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Also a model whose verdict is not SHIP.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


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
        raise UserError(f"Rows cannot be curated on {shown(executor)}. Use local or ray.")
    say(run_stages(recipe_or_run(target, industry, set_, out, quick), ["curate"], mapper=mappers[executor]())[1], json_)


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
    say(run_stages((folder, None), ["train"])[1], json_)


@app.command()
def evaluate(folder: Folder, json_: Json = False) -> None:
    """Ask the base model and the tuned model the same questions."""
    say(run_stages((folder, None), ["evaluate"])[1], json_)


@app.command()
def report(folder: Folder, json_: Json = False) -> None:
    """Judge the answers and write report.html."""
    finish(run_stages((folder, None), ["report"]), json_)


@app.command()
def verify(folder: Folder, json_: Json = False) -> None:
    """Hold every file of a run against its hash, and name each that was edited or is missing."""
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
    tell(result, check_text(result), json_)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new folder, which will hold recipe.yaml.")],
    from_: Annotated[Path, typer.Option("--from", help="A folder of your tables (CSV, JSONL, Parquet) or documents.")],
    industry: IndustryName = None,
    json_: Json = False,
) -> None:
    """Write a recipe for your own files. What it cannot find out, it asks in comments in the recipe."""
    from metier.recipes.scaffold.new import new as start

    result = start(name, from_, industry)
    if not json_:
        result["questions"] = "".join(f"\n- {question}" for question in result["questions"])
    say(result, json_)


@app.command("list")
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="industries, datasets, formats, converters, steps, methods, benchmarks, scorers, metrics, exports"
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """List the plug-ins of a kind; without a kind, list the kinds."""
    from metier.recipes import plugins

    if kind is None:
        rows = [{"name": known, "what": ", ".join(plugins.names(known))} for known in plugins.KINDS]
    else:
        names = plugins.names(_kind(kind))
        rows = [{"name": name, "what": _first_line(plugins.about(_kind(kind), name))} for name in names]
    tell(rows, "\n".join(f"{row['name']:<18} {row['what']}" for row in rows), json_)


@app.command()
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


@app.command()
def compare(first: Folder, second: Folder, json_: Json = False) -> None:
    """Compare two runs on the same questions, by the paired test."""
    from metier.experiments.compare import compare as pair

    with read_lock(first, second):
        compared = pair(first, second)
    tell(compared.to_json(), "\n".join(row.sentence for row in compared.benchmarks), json_)


@app.command()
def predict(
    folder: Folder,
    file: Rows,
    out_file: AnswersFile,
    benchmark: WhoseTask = None,
    text: TextColumn = None,
    with_: Annotated[str, typer.Option("--with", help="Who answers: tuned, or the run's baseline (tfidf).")] = "tuned",
    max_error: MaxError = None,
    review: ReviewShare = None,
    prefix: Annotated[str, typer.Option("--prefix", help="What stands before the names of the new columns.")] = "",
    cost: Annotated[bool, typer.Option("--cost", help="Print seconds and money for 1,000 rows.")] = False,
    json_: Json = False,
) -> None:
    """Answer the rows of a file with a finished run. Goes on where a killed call stopped."""
    from metier.runs.progress import Progress
    from metier.runs.run import model_folder, saved_run
    from metier.serving import job

    folder = model_folder(folder)
    with run_lock(folder):
        run = saved_run(folder, Progress())
        done = job.predict(run, file, out_file, job.Wishes(benchmark, text, with_, max_error, review, prefix))
    lines = [f"{done.answered:,} of {done.rows:,} rows answered, {done.to_review:,} for review   {out_file.resolve()}"]
    lines += [job.cost(run, done)] if cost else []
    tell(asdict(done), "\n".join(lines), json_)


@app.command()
def serve(
    folders: Annotated[list[Path], typer.Argument(help="The folders of one or more runs.")],
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A further name that clients may call the server by.")
    ] = None,
    benchmark: WhoseTask = None,
    with_: Annotated[str, typer.Option("--with", help="Who answers: tuned, or the run's baseline (tfidf).")] = "tuned",
    max_error: MaxError = None,
    review: ReviewShare = None,
    anyway: Anyway = False,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Append each answered row to this file (.jsonl).")
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Take identifiers of persons out of the trace first.")
    ] = False,
    drain: Annotated[
        float, typer.Option("--drain", min=0, help="Seconds to finish accepted requests on SIGTERM.")
    ] = 30,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds until a request must be answered to its end.")
    ] = 300,
) -> None:
    """Answer requests over HTTP with finished runs, until SIGTERM. Set METIER_TOKEN, or one is made and printed."""
    from metier.serving.served import ServeOptions
    from metier.serving.server.serve import serve as run_server
    from metier.serving.server.settings import ServerSettings

    if redact and trace is None:
        raise UserError("--redact works on the lines of --trace. Name a file: --trace traces.jsonl.")
    hosts = tuple(allow_host or ())
    settings = ServerSettings(host, port, hosts, request_s=timeout, drain_s=drain, trace=trace, redact=redact)
    code = run_server(folders, ServeOptions(benchmark, with_, max_error, review, anyway), settings)
    raise typer.Exit(code)


@app.command()
def monitor(
    folder: Folder,
    traces: Annotated[str, typer.Argument(help="Traces of a served run, or a file of answers.")],
    out: Annotated[Path | None, typer.Option("--out", help="Default: RUN/monitor.")] = None,
    to_dataset: Annotated[Path | None, typer.Option("--to-dataset", help="A new folder for the reviewed rows.")] = None,
    benchmark: WhoseTask = None,
    with_: Annotated[str, typer.Option("--with", help="Who answered: tuned, or the run's baseline (tfidf).")] = "tuned",
    corrected: Annotated[
        str | None, typer.Option("--corrected", help="Corrections: to_label.csv filled in, or a pattern.")
    ] = None,
    at_random: Annotated[bool, typer.Option("--at-random", help="Reviewed rows were drawn at random.")] = False,
    license_: Annotated[
        str | None, typer.Option("--license", help="Of the reviewed rows, if not the run's own.")
    ] = None,
    json_: Json = False,
) -> None:
    """Compare a model at work with its test; exit code 2 while an alarm is on. May be called every day."""
    from metier.monitoring.monitor import MonitorOptions
    from metier.monitoring.monitor import monitor as watch
    from metier.monitoring.page import sentences
    from metier.runs.progress import Progress
    from metier.runs.run import model_folder, saved_run

    place = out or folder / "monitor"
    with read_lock(folder):
        options = MonitorOptions(benchmark, with_, corrected, at_random, to_dataset, license_)
        found = watch(saved_run(model_folder(folder), Progress()), traces, place, options)
    lines = [*sentences(found), "", str((place / "monitor.html").resolve())]
    if found.queued:
        again = f'metier monitor {folder} {traces} --corrected "{place}/*.csv"'
        lines += [f"Next: fill in `corrected` in {place / 'to_label.csv'}, then {again}"]
    tell(found.to_json(), "\n".join(lines), json_)
    if found.ringing:
        raise typer.Exit(HOLD)


@app.command()
def export(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", help="merged, adapter, gguf, ollama, vllm or lm-eval; `list exports`")],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    anyway: Anyway = False,
    quantization: Annotated[
        str | None, typer.Option("--quantization", help="Of gguf and ollama: f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write a finished run for other programs: weights, an adapter, a GGUF file, or tasks for lm-evaluation-harness."""
    from metier.export.export import export as write
    from metier.runs.progress import Progress
    from metier.runs.run import saved_run

    with read_lock(folder):
        done = write(saved_run(folder, Progress()), to, out, anyway, quantization)
    say(done.to_json(), json_)


@app.command("verify-export")
def verify_export(
    folder: Folder,
    artefact: Annotated[Path, typer.Argument(help="What `metier export` wrote: its folder, or a .gguf file.")],
    benchmark: OneBenchmark = None,
    json_: Json = False,
) -> None:
    """Ask an exported artefact the run's test questions: is it as good? Exit code 2 where it is not."""
    from metier.export.verify_export import verify_export as verify
    from metier.runs.progress import Progress
    from metier.runs.run import saved_run

    with read_lock(folder):
        found = verify(saved_run(folder, Progress()), artefact, benchmark)
    tell(found.to_json(), "\n".join(row.sentence for row in found.benchmarks), json_)
    if found.lost:
        raise typer.Exit(HOLD)


@app.command()
def push(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", help="hub (Hugging Face) or mlflow (its registry).")],
    name: Annotated[str, typer.Option("--name", help="On the hub OWNER/NAME; in the registry the model's name.")],
    form: Annotated[
        str | None, typer.Option("--form", help="adapter or merged. Default: the adapter, where the run has one.")
    ] = None,
    anyway: Anyway = False,
    public: Annotated[
        bool, typer.Option("--public", help="Also into a repository that everybody can read. A new one is private.")
    ] = False,
    json_: Json = False,
) -> None:
    """Send a finished run to the Hugging Face hub or an MLflow registry, with its card, verdict and hashes."""
    from metier.export.push.push import push as send
    from metier.runs.progress import Progress
    from metier.runs.run import saved_run

    with read_lock(folder):
        done = send(saved_run(folder, Progress()), to, name, form, anyway, public)
    say(done.to_json(), json_)


@app.command("verify-lm-eval")
def verify_lm_eval(folder: Folder, out: Folder, json_: Json = False) -> None:
    """Compare the results of lm-evaluation-harness on the exported tasks with our own answers."""
    from metier.export.verify_lm_eval import verify_lm_eval as join
    from metier.runs.progress import Progress
    from metier.runs.run import saved_run

    with read_lock(folder):
        result = join(saved_run(folder, Progress()), out)
    tell(result, "\n".join(row["sentence"] for row in result["checks"]), json_)


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


def _kind(kind: str) -> str:
    from metier.recipes import plugins
    from metier.recipes.renamed import hint

    for known in plugins.KINDS:
        if kind in (known, plugins.singular(known)):
            return known
    raise UserError(f"There is no kind {shown(kind)}.{hint('kind', kind, plugins.KINDS)}")


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
