"""Training on two processes (gloo, on the processor): the loss curve of one, and going on after one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

RECIPE = {
    "model": "fake",
    "datasets": [
        {"path": "labeled.csv", "text": "text", "label": "label", "license": "proprietary"},
        {"path": "raw.csv", "text": "text", "license": "proprietary"},
    ],
    "steps": ["normalize", "split"],
    "benchmarks": [{"name": "desk", "path": "test.csv", "text": "text", "label": "label", "prompt": "{text}\nDesk:"}],
    "retention": {},
}
METHODS = {
    "sft": {"batch_tokens": 300, "save_steps": 4, "lr": 0.002, "epochs": 4},
    "dapt": {"batch_tokens": 300, "save_steps": 4, "replay": 0, "eval_steps": 0, "block_size": 32, "epochs": 4},
}


def write(folder, method):
    words = {"skin": "itch rash", "lung": "cough fever"}
    rows = [f"{words[label]} {n},{label}\n" for n in range(60) for label in words]
    (folder / "labeled.csv").write_text("text,label\n" + "".join(rows))
    (folder / "raw.csv").write_text("text\n" + "".join(f"the patient has an itch since day {n}\n" for n in range(60)))
    asked = [f"{words[label]} {n},{label}\n" for n in range(100, 120) for label in words]
    (folder / "test.csv").write_text("text,label\n" + "".join(asked))
    recipe = {**RECIPE, "methods": [{method: METHODS[method]}]}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))


def command(*arguments, processes=1):
    start = ["torch.distributed.run", f"--nproc-per-node={processes}", "--standalone", "-m"] if processes > 1 else []
    return [sys.executable, "-m", *start, "metier", *arguments]


def call(folder, *arguments, processes=1):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command(*arguments, processes=processes), cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]


def losses(run: Path, method):
    lines = (run / "train" / f"01-{method}" / "log.jsonl").read_text().splitlines()
    return {row["step"]: row["loss"] for row in map(json.loads, lines)}


def losses_by_kind(run: Path, method):
    lines = (run / "train" / f"01-{method}" / "log.jsonl").read_text().splitlines()
    return {
        (row["step"], kind): [own["tokens"], own["loss"]]
        for row in map(json.loads, lines)
        for kind, own in row.get("kinds", {}).items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_give_the_loss_curve_of_one_and_go_on_after_a_kill(method, tmp_path):
    write(tmp_path, method)
    for run in ("one", "two", "killed"):
        call(tmp_path, "curate", "recipe.yaml", "--out", run)
    call(tmp_path, "train", "one")
    call(tmp_path, "train", "two", processes=2)
    alone, together = losses(tmp_path / "one", method), losses(tmp_path / "two", method)
    assert alone.keys() == together.keys() and len(alone) > 8
    for step, loss in alone.items():
        assert together[step] == pytest.approx(loss, rel=2e-3), step  # adapters and sums differ in their last bits
    by_kind = losses_by_kind(tmp_path / "one", method)
    expected = {key: pytest.approx(own, rel=2e-3) for key, own in by_kind.items()}
    assert losses_by_kind(tmp_path / "two", method) == expected and bool(by_kind) == (method == "sft")

    kill_in_the_middle(tmp_path, method)
    call(tmp_path, "train", "killed", processes=2)
    assert losses(tmp_path / "killed", method) == together
    assert json.loads((tmp_path / "killed" / "train.done.json").read_text())["result"]["resumed_at_step"] > 0


def kill_in_the_middle(folder, method):
    """Kill one of two workers as soon as a checkpoint is sealed."""
    started = subprocess.Popen(
        command("train", "killed", processes=2),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    checkpoints = folder / "killed" / "train" / f"01-{method}" / "checkpoints"
    until = time.monotonic() + 120
    while not list(checkpoints.glob("*/seal.json")):
        assert started.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    worker = subprocess.run(["pgrep", "-P", str(started.pid)], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(worker), signal.SIGKILL)
    assert started.wait(60) != 0
