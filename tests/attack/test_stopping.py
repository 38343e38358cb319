"""Ctrl-C and SIGTERM: never the code of SHIP, never lost, and the run goes on to the same figures."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from metier.cli import app
from metier.cli.stopping import MESSAGE
from metier.runs import files
from tests.tiny import write_triage

SWALLOWED = """
import ctypes, sys, time
from metier.cli import stopping
stops = stopping.Stops()
stops.listen()
stopping.AGAIN_S = 0.2

@ctypes.CFUNCTYPE(None)
def called_from_c():
    print("ready", flush=True)
    for _ in range(100):
        time.sleep(0.01)

def verb():
    called_from_c()  # an exception in here is printed and forgotten
    time.sleep(20)
    return 0

try:
    code = stops.during(verb)
except KeyboardInterrupt:
    code = 1
sys.exit(stops.end(code))
"""
COMPILING = """
import sys
from metier.cli import app
import numba

def compile_on():
    print("ready", flush=True)
    while True:
        found = {}
        exec("def f(x):\\n total = 0\\n for i in range(x):\\n  total += i * len(str(i))\\n return total", found)
        numba.njit(found["f"])(3)

app._verb = compile_on
app.main()
"""
CATCHES_ALL = """
import sys, time
from metier.cli import app

def verb():
    try:
        print("ready", flush=True)
        time.sleep(20)
    except BaseException:
        pass
    return 0  # as if nothing had been

app._verb = verb
app.main()
"""


def go(monkeypatch, capfd, *words):
    """Exit code and standard error of a verb in this process."""
    monkeypatch.setattr(sys, "argv", ["metier", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        app.main()
    return stop.value.code or 0, capfd.readouterr().err


def figures(folder):
    """What a verdict rests on; times and memory differ from call to call."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    for entry in verdict["benchmarks"]:
        for timed in (entry, *entry["baselines"]):
            timed.pop("business")  # answers an hour
    return {key: verdict[key] for key in ("decision", "reasons", "benchmarks", "adapter_sha256")}


def started(code):
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def test_a_run_stopped_in_every_stage_ends_with_3_and_comes_to_the_same_figures(monkeypatch, capfd, tmp_path):
    recipe = write_triage(tmp_path, train=30, test=12)
    count, write = [], files.write
    monkeypatch.setattr(files, "write", lambda path, fill: (count.append(path), write(path, fill)))
    whole, _ = go(monkeypatch, capfd, "run", recipe, "--out", tmp_path / "whole")
    assert whole in (0, 2)
    stages = {"curate", "train", "evaluate", "verdict"}
    assert stages <= {path.relative_to(tmp_path / "whole").parts[0].split(".")[0] for path in count}
    stopped, numbers = [], [signal.SIGINT, signal.SIGTERM]

    def interrupted(path, fill):
        stage = path.relative_to(tmp_path / "run").parts[0].split(".")[0]
        if stage in stages and stage not in stopped:
            stopped.append(stage)
            os.kill(os.getpid(), numbers[len(stopped) % 2])
        write(path, fill)

    monkeypatch.setattr(files, "write", interrupted)
    for _ in stages:
        code, err = go(monkeypatch, capfd, "run", recipe, "--out", tmp_path / "run")
        assert code == 3 and MESSAGE in err and "Traceback" not in err
    assert set(stopped) == stages
    code, _ = go(monkeypatch, capfd, "run", recipe, "--out", tmp_path / "run")
    assert code == whole and figures(tmp_path / "run") == figures(tmp_path / "whole")


@pytest.mark.parametrize("code", [SWALLOWED, COMPILING, CATCHES_ALL], ids=["callback", "numba", "catches-all"])
def test_one_signal_stops_also_what_swallows_it(code):
    process = started(code)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3 and err == f"{MESSAGE}\n"


def test_a_second_signal_ends_at_once_with_3():
    # "ready" from within the try: a signal before it would not be heard there.
    waits = "try: print('ready', flush=True); time.sleep(20)\n        except KeyboardInterrupt: "
    patient = f"class Patient:\n    def __init__(self):\n        {waits}print('first', flush=True); time.sleep(20)\n\n"
    code = SWALLOWED.replace('    print("ready", flush=True)\n', "").replace("time.sleep(0.01)", "Patient()")
    process = started(code.replace("def verb", f"{patient}def verb"))
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "first\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3 and err == f"{MESSAGE}\n"


def test_a_signal_behind_the_verb_is_not_code_0():
    code = "import os, signal, sys\nfrom metier.cli.stopping import Stops\n"
    code += "stops = Stops()\nstops.listen()\n{}\nsys.exit(0)"
    for late in (
        "assert stops.during(lambda: 0) == 0\nos.kill(os.getpid(), signal.SIGINT)\nsys.exit(stops.end(0))",
        "stops.end(0)\nos.kill(os.getpid(), signal.SIGTERM)",
    ):
        done = subprocess.run([sys.executable, "-c", code.format(late)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (3, f"{MESSAGE}\n")


def test_a_signal_while_python_starts_is_not_code_0():
    for wait in (0.02, 0.1, 0.2):
        process = subprocess.Popen(
            [sys.executable, "-m", "metier", "list", "methods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert process.returncode != 0 or b"sft" in out  # it may have been through
