"""`metier serve` under load, beside a plain server of the same model that scores labels one at a time.

    python bench/serving.py RUN [--seconds 60] [--clients 100] [--check]

Both serve on loopback, one behind the other. Each client sends one test text after another and waits for its answer.
Reported are answers a second, the latency's p50, p95 and p99, failed and lost requests, and how many answers equal the
run's saved ones (floats differ in the last digits from batch to batch, so that a tie may fall either way).
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from metier.api import run as run_recipe
from metier.evaluation.answers import TUNED, read_answers
from metier.export.export import export
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.predictor import benchmark_of

PLAIN = Path(__file__).parent / "beside" / "plain_server.py"
TIMES = {77: 8.0, 3: 3.0}
"""Labels -> how many times the plain server's answers a second ours must give."""
TOKEN = "a-token-for-the-bench-alone"
READY_S, LAST_S = 180, 600


@dataclass
class Load:
    """What the clients saw."""

    latencies: list[float] = field(default_factory=list)
    same: int = 0
    failed: int = 0
    lost: int = 0
    """Sent, and neither answered nor refused."""
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        p50, p95, p99 = (round(float(p), 3) for p in np.percentile(self.latencies or [np.nan], (50, 95, 99)))
        n = len(self.latencies)
        return {
            "answers_a_second": round(n / self.seconds, 2),
            "answers": n,
            "p50_s": p50,
            "p95_s": p95,
            "p99_s": p99,
            "failed": self.failed,
            "lost": self.lost,
            "same_as_saved": self.same,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="a finished run with a label set")
    parser.add_argument("--benchmark")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="a made-up run on the fake model, 4 clients, 2 seconds")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.quick:
            arguments.run, arguments.seconds, arguments.clients = made_up(Path(scratch)), 2, 4
        figures = measure(arguments, Path(scratch))
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and figures["missed"]:
        sys.exit(1)


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    run = runs.saved_run(arguments.run, Progress())
    benchmark = benchmark_of(run, arguments.benchmark)
    saved = {answer.prompt: answer.answer for answer in read_answers(run, TUNED, benchmark.name)}
    rows = [{"text": q.text, **q.fields} for q in benchmark.questions()]
    prompts = [benchmark.render(question) for question in benchmark.questions()]
    task = plain_task(run, benchmark, scratch)
    sides: dict[str, dict[str, Any]] = {}
    ours_command = [sys.executable, "-m", "metier", "serve", str(run.folder), "--anyway"]
    ours_command += ["--benchmark", benchmark.name]
    with server("ours", lambda port: [*ours_command, "--port", str(port)], "/ready", METIER_TOKEN=TOKEN) as port:
        bodies = [json.dumps({"rows": [row]}) for row in rows]
        sides["ours"] = loaded(
            arguments, port, "/v1/classify", bodies, prompts, saved, lambda got: got["answers"][0]["answer"], TOKEN
        )
    plain_command = [sys.executable, str(PLAIN), str(scratch / "merged"), str(task)]
    with server("plain", lambda port: [*plain_command, str(port)], "/", graceful=False) as port:
        bodies = [json.dumps({"prompt": prompt}) for prompt in prompts]
        sides["plain"] = loaded(
            arguments, port, "/classify", bodies, prompts, saved, lambda got: got["answer"], "", to_the_end=False
        )
    labels, times = len(benchmark.label_set()), ratio(sides)
    missed = [f"{name}: {key}" for name in ("ours",) for key in ("failed", "lost") if sides[name][key]]
    if not arguments.quick and (wanted := TIMES.get(labels)) and times < wanted:
        missed.append(f"{times} times the plain server's answers a second, {wanted} wanted")
    return {
        "benchmark": benchmark.name,
        "labels": labels,
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "servers": sides,
        "times": times,
        "missed": missed,
        "versions": {name: version(name) for name in ("torch", "transformers", "starlette", "uvicorn")},
        "machine": runs.processor(),
    }


def ratio(sides: dict[str, dict[str, Any]]) -> float:
    return round(sides["ours"]["answers_a_second"] / max(sides["plain"]["answers_a_second"], 1e-9), 2)


def plain_task(run: runs.Run, benchmark: Any, scratch: Path) -> Path:
    """What the plain server needs: the merged model, the labels, and whether the end token belongs to them."""
    from metier.engine.models.model import tokens_only

    export(run, "merged", scratch / "merged", anyway=True)
    model, labels = tokens_only(run.recipe.model), benchmark.label_set()
    ends = benchmark.build_scorer().ends([model.answer(label) for label in labels])
    dtype = run.locked()["dtype"]
    task = {"labels": labels, "end": [model.end_token] if ends else [], "dtype": dtype}
    (scratch / "task.json").write_text(json.dumps(task), encoding="utf-8")
    return scratch / "task.json"


@contextmanager
def server(
    name: str, command: Callable[[int], list[str]], probe: str, graceful: bool = True, **environment: str
) -> Iterator[int]:
    """A process that serves on a free port of this machine, stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(command(port), env={**os.environ, **environment})
    try:
        wait_until_ready(process, port, probe, name)
        yield port
    finally:
        process.terminate() if graceful else process.kill()
        process.wait(timeout=60)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, probe: str, name: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"The server {name} ended with {process.returncode}.")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", probe)
            if connection.getresponse().status != 503:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"The server {name} was not ready after {READY_S} s.")


def loaded(
    arguments: argparse.Namespace,
    port: int,
    path: str,
    bodies: list[str],
    prompts: list[str],
    saved: dict[str, str | None],
    answer_of: Callable[[Any], str],
    token: str,
    to_the_end: bool = True,
) -> dict[str, Any]:
    """All clients at once, each with one request at a time, until the time is up. `to_the_end`: what is under way then
    is waited for; a server that answers one request after another would take minutes."""
    load, lock = Load(), threading.Lock()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    began = time.monotonic()

    def client(number: int) -> None:
        draw = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LAST_S)
        while time.monotonic() - began < arguments.seconds:
            at, sent = draw.randrange(len(bodies)), time.monotonic()
            try:
                connection.request("POST", path, bodies[at], headers)
                response = connection.getresponse()
                got, status = response.read(), response.status
            except (OSError, http.client.HTTPException):
                with lock:
                    load.lost += 1
                connection.close()
                continue
            with lock:
                if status != 200:
                    load.failed += 1
                    continue
                load.latencies.append(time.monotonic() - sent)
                load.same += answer_of(json.loads(got)) == saved.get(prompts[at])

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(None if to_the_end else max(0.0, began + arguments.seconds - time.monotonic()))
    with lock:
        load.seconds = time.monotonic() - began
        return load.figures()


def made_up(folder: Path) -> Path:
    """A finished run on the fake model."""
    words = {"red": ("cherry", "strawberry"), "yellow": ("lemon", "banana"), "green": ("lime", "pear")}
    for name, numbers in (("train", range(40)), ("test", range(100, 120))):
        rows = [{"text": f"{words[label][n % 2]} {n}", "label": label} for n in numbers for label in words]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = {
        "model": "fake",
        "datasets": [{"path": str(folder / "train.jsonl"), "text": "text", "label": "label", "license": "Apache-2.0"}],
        "steps": ["normalize", "decontaminate", "split"],
        "methods": [{"sft": {"lr": 0.01}}],
        "benchmarks": [{"name": "colors", "path": str(folder / "test.jsonl"), "prompt": "{text}\nColor:"}],
        "retention": {},
    }
    return run_recipe(recipe, folder / "run").folder


def text(figures: dict[str, Any]) -> str:
    keys = ("answers_a_second", "p50_s", "p95_s", "p99_s", "answers", "failed", "lost", "same_as_saved")
    lines = [f"{'':<7}" + "".join(f"{key:>18}" for key in keys)]
    lines += [f"{name:<7}" + "".join(f"{side[key]:>18}" for key in keys) for name, side in figures["servers"].items()]
    lines += [f"{figures['labels']} labels, {figures['clients']} clients: {figures['times']} times the plain server"]
    return "\n".join([*lines, *(f"missed: {line}" for line in figures["missed"])])


if __name__ == "__main__":
    main()
