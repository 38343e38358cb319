"""Ctrl-C and SIGTERM at 200 random moments of a real run: never the code of a verdict, and always the same figures once
it is called again. `make torture`; a kill and its second run take 10 to 20 s."""

import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attack.harness import figures

pytestmark = [pytest.mark.torture, pytest.mark.timeout(900)]
KILLS = 200
IMPATIENT = 0.2
"""Share of those who press Ctrl-C a second time."""
LONGEST_S = 400
"""Twenty times what a run takes on an idle core."""


@dataclass
class Process:
    """A `metier run` in a process of its own, and the lines that it has said so far."""

    recipe: Path
    out: Path
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        words = [sys.executable, "-u", "-m", "metier", "run", str(self.recipe), "--quick", "--out", str(self.out)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.out.parent
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace"))

    def ended(self) -> tuple[int, str]:
        """Exit code and all that was said. A process that does not end is a failure, and is killed."""
        try:
            code = self.process.wait(LONGEST_S)
        finally:
            self.process.kill()
            self.reader.join()
            self.process.stdout.close()
        return code, "".join(self.lines)

    def send(self, number: int) -> bool:
        """Whether the signal found the process at work."""
        if self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        return True


def answers(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("evaluate/*/*.jsonl"))}


@pytest.fixture(scope="module")
def undisturbed(cache, tmp_path_factory):
    """(recipe, seconds, number of lines, figures, answers) of a run that nobody stopped."""
    from tests.tiny import write_triage

    folder = tmp_path_factory.mktemp("undisturbed")
    recipe, run = write_triage(folder), folder / "run"
    Process(recipe, folder / "first").ended()  # makes the model, fills the caches
    started = time.monotonic()
    process = Process(recipe, run)
    code, said = process.ended()
    assert code == 0, said
    return recipe, time.monotonic() - started, len(process.lines), figures(run), answers(run)


def wait_for(process: Process, draw: random.Random, seconds: float, lines: int) -> None:
    """A random moment: by the clock, or shortly after a random line, for most of the time goes by before the first."""
    if draw.random() < 0.4:
        time.sleep(draw.uniform(0, seconds))
        return
    wanted = draw.randrange(lines)
    while len(process.lines) <= wanted and process.process.poll() is None:
        time.sleep(0.002)
    time.sleep(draw.choice([0, 0.01, 0.1, 0.5]) * draw.random())


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_stopped_run_has_no_code_of_a_verdict_and_goes_on_to_the_same_figures(undisturbed, tmp_path, kill):
    recipe, seconds, lines, expected, answered = undisturbed
    draw, out = random.Random(kill), tmp_path / "run"
    number = signal.SIGINT if kill % 2 else signal.SIGTERM
    process = Process(recipe, out)
    wait_for(process, draw, seconds, lines)
    stopped = process.send(number)
    if draw.random() < IMPATIENT:
        time.sleep(draw.uniform(0, 0.2))
        process.send(number)
    code, said = process.ended()
    if not stopped or (code == 0 and _verdict_line(out, said)):  # it was done, but for leaving
        assert code == 0
    else:
        assert code not in (0, 1, 2) or _still_starting(code, said), f"code {code} after {number!r}\n{said}"
    _goes_on(recipe, out, expected, answered)


def _verdict_line(out: Path, said: str) -> bool:
    return said.rstrip().endswith(str((out / "report.html").resolve())) and (out / "report.html").is_file()


def _still_starting(code: int, said: str) -> bool:
    """Python's own traceback, from before our `main` was there to catch anything."""
    return code == 1 and "KeyboardInterrupt" in said and ", in main\n" not in said


def _goes_on(recipe: Path, out: Path, expected: dict, answered: dict) -> None:
    code, said = Process(recipe, out).ended()
    assert code == 0, f"the second call ends with {code}\n{said}"
    assert figures(out) == expected
    assert answers(out) == answered
    leftovers = [path.name for path in out.rglob("*") if path.name.endswith((".part", ".part.jsonl", ".tmp"))]
    assert not leftovers, f"left behind: {leftovers}"
