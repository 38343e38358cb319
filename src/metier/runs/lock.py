"""A run's folder is held against a second process."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metier.errors import UserError
from metier.runs import distributed

BUSY = ".busy"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder against a second process at the same run. Freed by the system even after a kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    if not distributed.first():  # the first of those that train together holds it for all
        yield
        return
    with open(folder / BUSY, "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"Another process is at work on {folder}. Wait for it, or name another folder.") from error
        yield
