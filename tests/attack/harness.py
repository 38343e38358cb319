"""The command line called in this process, with all that it prints and writes; and a finished run to attack."""

import contextlib
import functools
import gc
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from metier.cli import app

CODES = (0, 2, 3)
HANG_S = 60
"""No verb of these small inputs takes longer, also on a busy machine."""
MEMORY = 10 << 30
"""Address space of a call: a recipe that asks for more is a fault, and must not take the machine with it."""
LONGEST = 20_000
"""Characters of a message: a value of a megabyte is not to be echoed whole."""
CLOCKS = ("seconds", "seconds_a_question", "peak_memory_mb")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ELSEWHERE = ("/dev/", "/proc/", "/sys/")
"""Where every program writes."""


class Hang(BaseException):
    """The time was up. No `except Exception` on the way swallows it."""


@dataclass(frozen=True)
class Outcome:
    """What a call of the command line came to; `wrote` has the paths that it opened for writing, made or moved."""

    code: int
    stdout: str
    stderr: str
    wrote: tuple[str, ...] = ()


class _Watch:
    """An audit hook cannot be taken away again, so there is one, and it is on during a call."""

    def __init__(self) -> None:
        self.on, self.paths = False, []
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        opened = event == "open" and isinstance(args[2], int) and args[2] & WRITES
        if opened or (event == "os.mkdir" and not os.path.isdir(args[0])):
            self.add(args[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self.add(args[1])
        elif event in ("os.remove", "os.rmdir"):
            self.add(args[0], args[1])

    def add(self, path: Any, folder: int = -1) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            # `shutil.rmtree` names what it removes from within an open folder.
            beside = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
            self.paths.append(os.path.normpath(os.path.join(beside, os.fsdecode(path))))


_watch = _Watch()


def call(*words: Any, inside: Path, seconds: float = HANG_S) -> Outcome:
    """`metier WORDS`, called from the folder `inside`. An exception that leaves `main` is code 1, as in a shell; a call
    that does not end in time raises `Hang`."""
    out, err = (  # as the interpreter makes them
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    before, argv, stdin = Path.cwd(), sys.argv, sys.stdin
    os.chdir(inside)
    sys.argv, sys.stdin = ["metier", *map(str, words)], io.StringIO()
    _watch.paths = []
    try:
        with _limits(seconds), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            _watch.on = True
            code = _code_of_main()
    finally:
        _watch.on = False
        sys.argv, sys.stdin = argv, stdin
        os.chdir(before)
    said = [stream.buffer.getvalue().decode("utf-8", errors="replace") for stream in (out, err)]
    return Outcome(code, *said, wrote=tuple(dict.fromkeys(_watch.paths)))


def _code_of_main() -> int:
    try:
        app.main()
    except SystemExit as stop:
        if isinstance(stop.code, str):  # as the interpreter does it
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code or 0
    except Exception:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def _limits(seconds: float) -> Iterator[None]:
    started, worked, handler = time.monotonic(), time.process_time(), signal.getsignal(signal.SIGALRM)

    def stop(*_: Any) -> None:
        waited = time.monotonic() - started
        if time.process_time() - worked < waited / 2 and waited < 5 * seconds:  # others had the processor
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return
        _watch.on = False
        raise Hang(f"The call was not done after {waited:.0f} s.")

    memory = resource.getrlimit(resource.RLIMIT_AS)
    left = signal.getitimer(signal.ITIMER_REAL)[0]  # pytest-timeout's
    signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, memory[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1) if left else 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, memory)


def promised(outcome: Outcome, *places: Path) -> Outcome:
    """The outcome, if it is one that Metier promises: code 0, 2 or 3; no traceback; a message where it is 3; no control
    characters for the terminal; and nothing written but in `places`."""
    said = outcome.stdout + outcome.stderr
    assert outcome.code in CODES and "Traceback (most recent call last)" not in said, f"code {outcome.code}\n{said}"
    assert outcome.code != 3 or outcome.stderr.strip(), "code 3 without a message"
    assert outcome.code != 3 or len(outcome.stderr) <= LONGEST, f"a message of {len(outcome.stderr)} characters"
    raw = {character for character in said if ord(character) < 32 or 127 <= ord(character) < 160} - set("\n\r\t")
    assert not raw, f"control characters reach the terminal: {sorted(raw)}"
    if strays := [path for path in outcome.wrote if not _allowed(path, places)]:
        raise AssertionError(f"written outside the run: {strays}")
    return outcome


def _allowed(path: str, places: tuple[Path, ...]) -> bool:
    homes = [*places, Path(os.environ["METIER_CACHE"]), Path(tempfile.gettempdir())]
    if path.startswith(ELSEWHERE) or "__pycache__" in path or "/.cache/" in path:
        return True
    return any(Path(path).is_relative_to(home.absolute()) for home in homes)


class Field:
    """A finished quick run of the model `fake` on the triage recipe, made once, and a new copy for every attack."""

    def __init__(self, root: Path) -> None:
        from tests.tiny import write_triage

        self.root, self.base, self.count = root, root / "base", 0
        for folder in (self.base, root / "scratch"):
            folder.mkdir(parents=True)
        # Files of a moment go here, so that all else under /tmp counts as outside.
        tempfile.tempdir = str(root / "scratch")
        self.recipe = write_triage(self.base)
        self.run = self.base / "run"
        done = call("run", self.recipe, "--quick", "--out", self.run, inside=self.base, seconds=280)
        assert done.code == 0, done.stderr
        self.figures = figures(self.run)
        self.files = sorted(str(path.relative_to(self.run)) for path in self.run.rglob("*") if path.is_file())
        gc.freeze()  # `check` and training collect garbage often, and need not look through all that was imported
        self.model = Path(os.environ["METIER_CACHE"]) / "models" / "fake"

    @contextlib.contextmanager
    def box(self) -> Iterator[Path]:
        """An empty folder of its own, gone afterwards."""
        self.count += 1
        box = self.root / f"box-{self.count}"
        box.mkdir()
        try:
            yield box
        finally:
            shutil.rmtree(box)

    @functools.cache  # noqa: B019 - one field a session
    def export(self, to: str) -> dict[str, bytes]:
        """What an export of the untouched run writes, from the untouched model."""
        with pytest.MonkeyPatch.context() as patch, self.box() as box:
            patch.setenv("METIER_CACHE", str(self.model.parents[1]))
            assert call("export", self.run, "--anyway", "--to", to, "--out", box / "out", inside=box).code == 0
            return exported(box / "out")

    @functools.cache  # noqa: B019
    def comparison(self) -> str:
        """What is said of the untouched run beside itself."""
        return call("compare", self.run, self.run, inside=self.root).stdout

    def copy(self, box: Path) -> Path:
        """The finished run in a box."""
        return Path(shutil.copytree(self.run, box / "run"))


def figures(run: Path) -> dict[str, Any]:
    """A run's verdict without the figures that a clock gives, and without commands, which name its folder."""
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    return {key: value for key, value in verdict.items() if key not in {*CLOCKS, "next_steps"}}


def exported(folder: Path) -> dict[str, bytes]:
    """What the figures of an export depend on; its other files name folders."""
    files = [path for pattern in ("*.safetensors", "*.jsonl") for path in folder.glob(pattern)]
    return {path.name: path.read_bytes() for path in files}
