"""What a run says: lines through `logging`, and how far long work has come, as events of the same logger.

The command line shows a bar, or a line now and then (`metier.cli.progress_bar`). A caller of the Python API adds a
handler to the logger `metier`, filters, or hears nothing.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from metier.runs.outlook import Outlook

LOGGER = logging.getLogger("metier")
LOGGER.addHandler(logging.NullHandler())  # nothing is printed unless somebody listens
LINE_EVERY_S = 15.0
HEARTBEAT_S = 10.0


@dataclass(frozen=True)
class Event:
    """How far a piece of long work is: the attribute `event` of a log record."""

    kind: Literal["begin", "advance", "end"]
    what: str
    done: int
    total: int
    line: str
    """The same in words, with the rate and the time left."""


class Progress:
    """One piece of long work at a time, with its rate and the time left."""

    def __init__(self) -> None:
        self.what, self.unit, self.total, self.done = "", "", 0, 0
        self.began = self.spoke = 0.0
        self.warm: tuple[float, int] | None = None
        self.outlook = Outlook()

    def say(self, line: str) -> None:
        """A line for people."""
        LOGGER.info("%s", line)

    def warn(self, line: str) -> None:
        """A line that somebody should read: a fallback, or something that was cut or left out."""
        LOGGER.warning("%s", line)

    def stage(self, number: int, of: int, name: str) -> None:
        """A stage of several begins."""
        self.outlook.reach(name)
        left = self.outlook.left()
        self.say(f"stage {number} of {of}: {name}{', ' if left else ''}{left}")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Say what is being done, and every ten seconds that it still is: for work whose length nobody knows."""
        self.say(what)
        began, done = time.monotonic(), threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_S):
                self.say(f"  {what}: {_clock(time.monotonic() - began)} so far")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def begin(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """A piece of work of `total` units begins, of which some were done before."""
        self.what, self.unit, self.total, self.done, self.warm = what, unit, total, done, None
        self.began = self.spoke = time.monotonic()
        self.outlook.begin(what)
        self._tell("begin", "", logging.DEBUG)

    def advance(self, by: int = 1) -> None:
        """So many units more are done. Now and then a line says so at level INFO, otherwise at DEBUG."""
        self.done += by
        now = time.monotonic()
        # The first piece also loads and compiles: a first training step of 30 s among steps of 2 s promised hours.
        self.warm = self.warm or (now, self.done)
        level = logging.INFO if now - self.spoke >= LINE_EVERY_S else logging.DEBUG
        if level == logging.INFO:
            self.spoke = now
        self._tell("advance", self._line(now), level)

    def end(self, quiet: bool = False) -> None:
        """The work is done. `quiet`: somebody else says so."""
        level = logging.DEBUG if quiet else logging.INFO
        self._tell("end", f"{self.done:,} {self.unit} in {_clock(time.monotonic() - self.began)}", level)

    def _tell(self, kind: Literal["begin", "advance", "end"], line: str, level: int) -> None:
        event = Event(kind, self.what, self.done, self.total, line)
        LOGGER.log(level, "  %s: %s", self.what, line, extra={"event": event})

    def _line(self, now: float) -> str:
        line = f"{self.done:,} of {self.total:,} {self.unit}"
        since, counted = self.warm or (now, self.done)
        if self.done == counted or now == since:
            return line
        rate = (self.done - counted) / (now - since)
        seconds = (self.total - self.done) / rate
        self.outlook.measure((self.done - counted) / self.total, now - since)
        whole = self.outlook.left(seconds)
        return f"{line}, {rate:.3g}/s, {_clock(seconds)} left{'; ' if whole else ''}{whole}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
