"""What is printed: no control characters of others, in any encoding, also where nobody reads any more."""

import errno
import io
import json
import os
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO

from metier.errors import printable

GONE = (errno.EPIPE, errno.EIO)
"""Errors of a reader that has left: a closed pipe (`metier list | head -1`), a terminal that was shut."""


def prepare() -> None:
    """Standard output and error that nothing in a text can break. A reader that leaves does not end the work."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed by whoever called: the next file would get its number, and what is printed
            os.open(os.devnull, os.O_RDWR)
    # Where a program has put streams of its own in their place, those stay.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr)
        sys.excepthook = _traceback


def out(text: str) -> None:
    """Lines for people on standard output."""
    print(printable(text))


def out_json(value: Any) -> None:
    """One JSON object on standard output, in ASCII."""
    print(json.dumps(value, default=str).replace("\x7f", "\\u007f"))


def complain(text: str) -> None:
    """Lines for people on standard error."""
    print(printable(text), file=sys.stderr)


class _Descriptor(io.FileIO):
    """A file by its number, which takes whatever is written once its reader has left, or once a failure was told."""

    failed = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if not self.failed and error.errno not in GONE:
                self.failed = True  # or Python would try again when it ends, with a traceback
                raise
            return len(data)


def _stream(number: int, old: TextIO | None) -> io.TextIOWrapper:
    known = old if isinstance(old, io.TextIOWrapper) else None
    if known:
        known.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(number, "w", closefd=False)),
        encoding=known.encoding if known else "utf-8",
        errors="backslashreplace",
        line_buffering=known.line_buffering if known else True,
        write_through=known.write_through if known else False,
    )


def _traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Of our bug: a row's text may stand in it."""
    complain("".join(traceback.format_exception(kind, error, trace)).rstrip())
