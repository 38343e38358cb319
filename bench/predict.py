"""Does `metier predict` give a run's saved answers, as fast as the evaluation, in constant memory, also when killed?

    python bench/predict.py RUN [--rows 100000] [--fewer 1000] [--kills 3]

Asks a finished run its own test questions again and compares answers, probabilities and texts with the saved ones.
Then writes distinct short rows to a file (the test texts with a number behind them), and calls `metier predict` on
`--fewer` and on all of them, each in a process of its own: rows a second beside those of asking the test again, as the
evaluation does, and peak memory. At last a call is killed (SIGKILL) at random moments, called again, and must end in
the same file.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.evaluation.answers import TUNED, read_answers
from metier.runs import run as runs
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run, saved_run
from metier.serving import job
from metier.serving.predictor import load_predictor

RATE, MORE_MB = 0.9, 300
"""Least share of the evaluation's rows a second, and most megabytes more than for `--fewer` rows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--fewer", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    arguments = parser.parse_args()
    run = saved_run(arguments.run, Progress())
    with run_lock(arguments.run):
        figures: dict[str, Any] = {"equal": equality(run)}
    with tempfile.TemporaryDirectory() as folder:
        files = [written(run, rows, Path(folder)) for rows in (arguments.fewer, arguments.rows)]
        figures |= {"fewer": called(run, files[0], files[0].with_suffix(".csv"))}
        figures |= {"all": called(run, files[1], files[1].with_suffix(".csv"))}
        figures["killed"] = killed(run, files[1], arguments.kills, figures["all"]) if arguments.kills else None
    figures["missed"] = missed(figures)
    figures |= {"versions": {"torch": version("torch")}, "machine": runs.processor()}
    print(json.dumps(figures, indent=1))
    if arguments.check and figures["missed"]:
        sys.exit(1)


def equality(run: Run) -> dict[str, Any]:
    """How many of the saved answers come out again, and how many to the last digit."""
    predictor = load_predictor(run)
    questions, saved = predictor.benchmark.questions(), read_answers(run, TUNED, predictor.benchmark.name)
    began = time.monotonic()
    given = predictor.answer(questions)
    seconds = time.monotonic() - began
    pairs = list(zip(given, saved, strict=True))
    digits = [[(x.answer, x.log_likelihoods, x.probabilities, x.completion) for x in pair] for pair in pairs]
    return {
        "n": len(pairs),
        "same_answer": sum(one.answer == other.answer for one, other in pairs),
        "same_digits": sum(one == other for one, other in digits),
        "rows_a_second": round(len(pairs) / seconds, 2),
    }


def written(run: Run, rows: int, folder: Path) -> Path:
    """A file of so many distinct rows."""
    questions = job.benchmark_of(run, None).questions()
    file = folder / f"{rows}.jsonl"
    with open(file, "w", encoding="utf-8") as stream:
        for number in range(rows):
            question = questions[number % len(questions)]
            row = {**question.fields, "text": f"{question.text} {number}"}
            if question.options:
                row["options"] = list(question.options)
            stream.write(json.dumps(row) + "\n")
    return file


def command(run: Run, file: Path, out: Path) -> list[str]:
    words = ["predict", str(run.folder), str(file), "--out", str(out), "--text", "text", "--json"]
    return [sys.executable, "-m", "metier", *words]


def called(run: Run, file: Path, out: Path) -> dict[str, Any]:
    """One call in a process of its own: rows a second, all seconds, and its peak memory."""
    began = time.monotonic()
    process = subprocess.Popen(command(run, file, out), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"`{' '.join(command(run, file, out))}` ended with {os.waitstatus_to_exitcode(status)}.")
    done = json.loads(said)
    return {
        "rows": done["rows"],
        "answered": done["answered"],
        "rows_a_second": round(done["distinct"] / done["seconds"], 2),
        "seconds": round(time.monotonic() - began, 1),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }


def killed(run: Run, file: Path, times: int, whole: dict[str, Any]) -> dict[str, Any]:
    """The same call, killed at random moments of a whole one's time and called again, to its end."""
    draw, out, moments = random.Random(0), file.with_name("killed.csv"), []
    for number in range(times):
        moments.append(round(whole["seconds"] * draw.uniform(0.2, 0.9) / times * (number + 1) / times, 1))
        process = subprocess.Popen(command(run, file, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments[-1])
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = called(run, file, out)
    return {"after_s": moments, "same_file": last["sha256"] == whole["sha256"], "last_call_s": last["seconds"]}


def missed(figures: dict[str, Any]) -> list[str]:
    """What falls short, in words."""
    found, equal = [], figures["equal"]
    if equal["same_answer"] != equal["n"]:
        found.append(f"{equal['n'] - equal['same_answer']} answers differ from the saved ones")
    if figures["all"]["rows_a_second"] < RATE * equal["rows_a_second"]:
        found.append(f"{figures['all']['rows_a_second']} rows a second")
    if (more := figures["all"]["peak_memory_mb"] - figures["fewer"]["peak_memory_mb"]) > MORE_MB:
        found.append(f"{more} MB more")
    if figures["killed"] and not figures["killed"]["same_file"]:
        found.append("another file after being killed")
    return found


if __name__ == "__main__":
    main()
