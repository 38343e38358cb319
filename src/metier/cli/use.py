"""Verbs that use a finished run: answer, serve, export, send, monitor."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metier.cli.next_steps import next_line
from metier.cli.options import (
    AnswersFile,
    Anyway,
    Folder,
    Json,
    MaxError,
    OneBenchmark,
    ReviewShare,
    Rows,
    TextColumn,
    WhoseTask,
)
from metier.cli.output import FIX, HOLD, say, tell
from metier.cli.resolve import model_folder, opened
from metier.errors import UserError
from metier.runs.lock import read_lock, run_lock


def predict(
    folder: Folder,
    file: Rows,
    out_file: AnswersFile,
    benchmark: WhoseTask = None,
    text: TextColumn = None,
    with_: Annotated[
        str, typer.Option("--with", help="Who answers: tuned, or a baseline of the run (tfidf).")
    ] = "tuned",
    max_error: MaxError = None,
    review: ReviewShare = None,
    prefix: Annotated[str, typer.Option("--prefix", help="What stands before the names of the new columns.")] = "",
    cost: Annotated[bool, typer.Option("--cost", help="Print seconds and money for 1,000 rows.")] = False,
    json_: Json = False,
) -> None:
    """Answer the rows of a file with a finished run. Goes on where a killed call stopped."""
    from metier.serving import job

    with run_lock(model_folder(folder)):
        run = opened(model_folder(folder))
        done = job.predict(run, file, out_file, job.Wishes(benchmark, text, with_, max_error, review, prefix))
    lines = [f"{done.answered:,} of {done.rows:,} rows answered, {done.to_review:,} for review   {out_file.resolve()}"]
    lines += [job.cost(run, done)] if cost else []
    if not prefix:  # `metier monitor` looks for a column `answer`
        watch = ["monitor", folder, out_file, *_whose(benchmark, with_)]
        lines += ["", next_line(*watch, why="(does the work still look like the test?)")]
    tell(asdict(done), "\n".join(lines), json_)


def _whose(benchmark: str | None, with_: str) -> list[str]:
    """The options that name the same task and the same model again."""
    return [*(["--benchmark", benchmark] if benchmark else []), *(["--with", with_] if with_ != "tuned" else [])]


def answers(
    folder: Folder,
    csv: Annotated[Path, typer.Option("--csv", help="The sheet: a .csv file, which is never written over.")],
    json_: Json = False,
) -> None:
    """Write every test question with all models' answers as a sheet: what answers.html beside the report shows."""
    from metier.serving.sheet import write_sheet

    folder = model_folder(folder)
    with read_lock(folder):
        rows = write_sheet(opened(folder), csv)
    tell({"out": str(csv), "rows": rows}, f"{rows:,} questions with all answers   {csv.resolve()}", json_)


def serve(
    folders: Annotated[list[Path], typer.Argument(help="The folders of one or more runs.")],
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A further name that clients may call the server by.")
    ] = None,
    benchmark: WhoseTask = None,
    with_: Annotated[
        str, typer.Option("--with", help="Who answers: tuned, or a baseline of the run (tfidf).")
    ] = "tuned",
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


def monitor(
    folder: Folder,
    traces: Annotated[str, typer.Argument(help="Traces of a served run, or a file of answers.")],
    out: Annotated[Path | None, typer.Option("--out", help="Default: RUN/monitor.")] = None,
    to_dataset: Annotated[Path | None, typer.Option("--to-dataset", help="A new folder for the reviewed rows.")] = None,
    benchmark: WhoseTask = None,
    with_: Annotated[
        str, typer.Option("--with", help="Who answered: tuned, or a baseline of the run (tfidf).")
    ] = "tuned",
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

    place, run = out or folder / "monitor", model_folder(folder)
    with read_lock(run):
        options = MonitorOptions(benchmark, with_, corrected, at_random, to_dataset, license_)
        found = watch(opened(run), traces, place, options)
    lines = [*sentences(found), "", str((place / "monitor.html").resolve())]
    if found.queued:
        words = ["metier", "monitor", str(folder), traces, *_whose(benchmark, with_), "--corrected", f"{place}/*.csv"]
        lines += [f"Next: fill in `corrected` in {place / 'to_label.csv'}, then {shlex.join(words)}"]
    tell(found.to_json(), "\n".join(lines), json_)
    if found.ringing:
        raise typer.Exit(HOLD)


def dossier(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", help="A new folder. Default: RUN/dossier.")] = None,
    json_: Json = False,
) -> None:
    """Write what an auditor or a reviewer takes along: a page that prints, its values, and evidence with hashes.

    Verifies the run's files first; exit code 3 where one is not as it was written.
    """
    from metier.governance.dossier import PAGE
    from metier.governance.dossier import dossier as write

    made, place = write(folder, out)
    lines = [f"{one.file}: {one.what}" for one in made.findings]
    lines += [f"Exploratory: {sentence}" for sentence in made.exploratory]
    lines += [f"{made.decision}, {made.to_add} items left to a person   {(place / PAGE).resolve()}"]
    tell(made.to_json(), "\n".join(lines), json_)
    if made.findings:
        raise typer.Exit(FIX)


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

    folder = model_folder(folder)
    with read_lock(folder):
        done = write(opened(folder), to, out, anyway, quantization)
    say(done.to_json(), json_)


def verify_export(
    folder: Folder,
    artefact: Annotated[Path, typer.Argument(help="What `metier export` wrote: its folder, or a .gguf file.")],
    benchmark: OneBenchmark = None,
    json_: Json = False,
) -> None:
    """Ask an exported artefact the run's test questions: is it as good? Exit code 2 where it is not."""
    from metier.export.verify_export import verify_export as verify

    folder = model_folder(folder)
    with read_lock(folder):
        found = verify(opened(folder), artefact, benchmark)
    tell(found.to_json(), "\n".join(row.sentence for row in found.benchmarks), json_)
    if found.lost:
        raise typer.Exit(HOLD)


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

    folder = model_folder(folder)
    with read_lock(folder):
        done = send(opened(folder), to, name, form, anyway, public)
    say(done.to_json(), json_)


def verify_lm_eval(folder: Folder, out: Folder, json_: Json = False) -> None:
    """Compare the results of lm-evaluation-harness on the exported tasks with our own answers."""
    from metier.export.verify_lm_eval import verify_lm_eval as join

    with read_lock(folder):
        result = join(opened(folder), out)
    tell(result, "\n".join(row["sentence"] for row in result["checks"]), json_)


def relabel(
    folder: Folder,
    sheets: Annotated[
        list[Path] | None, typer.Argument(help="Sheets that were filled in. Default: the run's suspects*.csv.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who corrected the labels. Default: your user name.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for the new versions. Default: beside the old ones.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write a new version of your data file with the labels that people corrected in suspects.csv."""
    from metier.relabeling.relabel import relabel as write

    folder = model_folder(folder)
    with run_lock(folder):
        done = write(opened(folder), sheets or [], by, out)
    tell(asdict(done), done.text, json_)
