"""What a run logs, on standard error: lines, and for long work a bar in a terminal or a line now and then elsewhere."""

import atexit
import logging
from functools import cached_property
from typing import TYPE_CHECKING

from metier.errors import printable
from metier.runs import distributed
from metier.runs.progress import LOGGER, Event

if TYPE_CHECKING:  # at the first line: `--help` answers without rich
    from rich.console import Console
    from rich.progress import Progress as Bar


NARROW = 100
"""Columns below which there is no room for a bar beside the words."""


def listen() -> None:
    """Show what the library logs. Called once, when the command line starts."""
    if not any(isinstance(handler, TerminalHandler) for handler in LOGGER.handlers):
        LOGGER.addHandler(TerminalHandler())
    LOGGER.setLevel(logging.DEBUG)  # the events of a bar
    LOGGER.propagate = False


class TerminalHandler(logging.Handler):
    """Lines of their own, above the bar where there is one."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.bar: Bar | None = None

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console

        # Of several processes that train together one speaks.
        return Console(stderr=True, highlight=False, emoji=False, quiet=not distributed.first())

    def emit(self, record: logging.LogRecord) -> None:
        event: Event | None = getattr(record, "event", None)
        if event and event.kind == "begin":
            self._begin(event)
        elif event and event.kind == "advance" and self.bar:
            self.bar.update(self.bar.task_ids[0], completed=event.done, line=event.line)
        else:
            if event and event.kind == "end":
                self._stop()
            if record.levelno >= logging.INFO:
                self._print(record.getMessage())

    def _print(self, line: str) -> None:
        (self.bar.console if self.bar else self.console).print(printable(line), markup=False, soft_wrap=True)

    def _begin(self, event: Event) -> None:
        self._stop()
        if not self.console.is_terminal:
            return
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        words = "  {task.description}", "{task.fields[line]}"
        parts = [TextColumn(words[0], markup=False), BarColumn(), TextColumn(words[1], markup=False)]
        if self.console.width < NARROW:  # the words are worth more than the bar
            parts = [TextColumn("  ".join(words), markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))]
        self.bar = Bar(*parts, console=self.console, transient=True)  # no markup: a name may hold brackets
        self.bar.start()
        atexit.register(self.bar.stop)  # or Ctrl-C and errors leave the terminal without a cursor
        self.bar.add_task(printable(event.what), total=event.total, completed=event.done, line="")

    def _stop(self) -> None:
        if self.bar:
            self.bar.stop()
            atexit.unregister(self.bar.stop)
            self.bar = None
