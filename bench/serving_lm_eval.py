"""lm-evaluation-harness asks `metier serve` over HTTP: does it get the answers that the run was judged by?

    python bench/serving_lm_eval.py RUN [--check]

Exports the run's benchmarks as tasks, serves the run on loopback, and has the harness (0.4.13, model
`local-completions`) score every option over /v1/completions with `echo`. Its samples are then compared with the saved
answers by `metier verify-lm-eval`. The harness is installed into an environment of its own on first use.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval_vs_lm_eval import HARNESS, harness_python
from serving import TOKEN, server

from metier.engine.models import weights
from metier.export.export import export
from metier.export.verify_lm_eval import verify_lm_eval
from metier.runs import run as runs
from metier.runs.progress import Progress

SAME = 0.99
"""Least share of questions with the same answer."""
CLIENTS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run whose answers are chosen")
    parser.add_argument("--check", action="store_true", help="exit 1 where fewer answers are the same")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(runs.saved_run(arguments.run, Progress()), Path(scratch) / "tasks")
    print(json.dumps(figures) if arguments.json else "\n".join(row["sentence"] for row in figures["checks"]))
    if arguments.check and any(row["same_answer"] < SAME for row in figures["checks"]):
        sys.exit(1)


def measure(run: runs.Run, out: Path) -> dict[str, Any]:
    tasks = export(run, "lm-eval", out).details["tasks"]
    command = [sys.executable, "-m", "metier", "serve", str(run.folder), "--anyway"]
    began = time.monotonic()
    with server("ours", lambda port: [*command, "--port", str(port)], "/ready", METIER_TOKEN=TOKEN) as port:
        ready = time.monotonic()
        for task in tasks:
            asked(run, out, task, port, len(tasks))
    checks = verify_lm_eval(run, out)["checks"]
    return {
        "checks": checks,
        "seconds": {"until_ready": round(ready - began, 1), "asked": round(time.monotonic() - ready, 1)},
        "versions": {"lm_eval": HARNESS, "torch": version("torch")},
        "machine": runs.processor(),
    }


def asked(run: runs.Run, out: Path, task: str, port: int, tasks: int) -> None:
    """One task, as a user of the harness would call it."""
    name, tokenizer = run.folder.resolve().name, weights.folder(run.recipe.model)
    model = name if tasks == 1 else f"{name}/{task.removeprefix('metier_')}"
    settings = f"model={model},base_url=http://127.0.0.1:{port}/v1/completions,tokenizer={tokenizer}"
    settings += f",tokenizer_backend=huggingface,tokenized_requests=True,num_concurrent={CLIENTS},max_retries=3"
    command = [harness_python(), "-m", "lm_eval", "--model", "local-completions", "--model_args", settings]
    command += ["--tasks", task, "--include_path", out, "--batch_size", "16", "--log_samples"]
    command += ["--output_path", out / "tuned"]
    environment = {**os.environ, "OPENAI_API_KEY": TOKEN, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(out / ".hf")}
    # The tasks name their files without a folder: the harness is started where they are.
    done = subprocess.run(list(map(str, command)), env=environment, cwd=out, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lm-eval ended with {done.returncode}:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
