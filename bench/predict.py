"""Does the predictor give a run's saved answers, and how fast is `metier predict` beside the evaluation?

    python bench/predict.py RUN [--rows 2000]

Asks a finished run its own test questions again and compares answers, probabilities and texts with the saved ones.
Then writes distinct rows to a file (the test texts with a number behind them), and times `metier predict` on it
against the seconds a question that the evaluation took in its batches.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from metier.evaluation.answers import TUNED, read_answers, stage_of
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run, saved_run
from metier.serving import job
from metier.serving.predictor import load_predictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    with run_lock(arguments.run):
        run = saved_run(arguments.run, Progress())
        print(json.dumps({**equality(run), **speed(run, arguments.rows)}))


def equality(run: Run) -> dict[str, Any]:
    """How many of the saved answers come out again, and how many to the last digit."""
    predictor = load_predictor(run)
    questions, saved = predictor.benchmark.questions(), read_answers(run, TUNED, predictor.benchmark.name)
    given = predictor.answer(questions)
    pairs = list(zip(given, saved, strict=True))
    digits = [[(x.answer, x.log_likelihoods, x.probabilities, x.completion) for x in pair] for pair in pairs]
    return {
        "n": len(pairs),
        "same_answer": sum(one.answer == other.answer for one, other in pairs),
        "same_digits": sum(one == other for one, other in digits),
    }


def speed(run: Run, rows: int) -> dict[str, Any]:
    """Rows a second of `metier predict` and of the evaluation, and the peak memory of this process."""
    benchmark = job.benchmark_of(run, None)
    questions, timing = benchmark.questions(), run.result(stage_of(benchmark.name, TUNED))["timing"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        texts = [f"{questions[n % len(questions)].text} {n}" for n in range(rows)]
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        started = time.monotonic()
        done = job.predict(run, str(file), Path(folder) / "answers.csv", job.Wishes(text="text"))
        took = time.monotonic() - started
    return {
        "rows": rows,
        "rows_a_second": round(rows / done.seconds, 1),
        "rows_a_second_with_reading_and_held_out": round(rows / took, 1),
        "evaluation_rows_a_second": round(len(questions) / timing["seconds"], 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
