"""How far long work has come: a bar in a terminal, a line now and then elsewhere. Always on standard error."""

import atexit
import time

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from metier.errors import printable
from metier.runs import distributed

LINE_EVERY_S = 15.0


class Progress:
    """One piece of long work at a time, with its rate and the time left."""

    def __init__(self) -> None:
        # Of several processes that train together one speaks.
        self.console = Console(stderr=True, highlight=False, emoji=False, quiet=not distributed.first())
        self.bar: Bar | None = None
        self.what, self.unit, self.total, self.done = "", "", 0, 0
        self.began = self.spoke = 0.0
        self.warm: tuple[float, int] | None = None

    def say(self, line: str) -> None:
        """A line of its own, above the bar where there is one."""
        (self.bar.console if self.bar else self.console).print(printable(line), markup=False, soft_wrap=True)

    def begin(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self.what, self.unit, self.total, self.done, self.warm = printable(what), unit, total, done, None
        self.began = self.spoke = time.monotonic()
        if self.console.is_terminal:
            self.bar = Bar(
                TextColumn("  {task.description}", markup=False),  # a name may hold brackets
                BarColumn(),
                TextColumn("{task.fields[line]}", markup=False),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            atexit.register(self.bar.stop)  # or Ctrl-C and errors leave the terminal without a cursor
            self.bar.add_task(self.what, total=total, completed=done, line="")

    def advance(self, by: int = 1) -> None:
        self.done += by
        now = time.monotonic()
        # The first piece also loads and compiles: a first training step of 30 s among steps of 2 s promised hours.
        self.warm = self.warm or (now, self.done)
        if self.bar:
            self.bar.update(self.bar.task_ids[0], completed=self.done, line=self._line(now))
        elif now - self.spoke >= LINE_EVERY_S:
            self.spoke = now
            self.say(f"  {self.what}: {self._line(now)}")

    def end(self) -> None:
        now = time.monotonic()
        if self.bar:
            self.bar.stop()
            atexit.unregister(self.bar.stop)
            self.bar = None
        self.say(f"  {self.what}: {self.done:,} {self.unit} in {_clock(now - self.began)}")

    def _line(self, now: float) -> str:
        line = f"{self.done:,} of {self.total:,} {self.unit}"
        since, counted = self.warm or (now, self.done)
        if self.done == counted or now == since:
            return line
        rate = (self.done - counted) / (now - since)
        return f"{line}, {rate:.3g}/s, {_clock((self.total - self.done) / rate)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
