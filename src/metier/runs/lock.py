"""A run's folder is held against a second process."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from metier.errors import UserError
from metier.runs import distributed

BUSY = ".busy"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder against a second process at the same run. Freed by the system even after a kill -9."""
    from filelock import FileLock, Timeout  # takes as long to import as the rest of `--help`

    folder.mkdir(parents=True, exist_ok=True)
    if not distributed.first():  # the first of those that train together holds it for all
        yield
        return
    lock = FileLock(folder / BUSY, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"Another process is at work on {folder}. Wait for it, or name another folder.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def read_lock(*folders: Path) -> Iterator[None]:
    """Hold runs against a process that works on them, while they are read. Others may read them too.

    Raises `UserError` where one is at work.
    """
    with ExitStack() as held:
        for folder in {folder.resolve(): folder for folder in folders}.values():
            if not (folder / BUSY).is_file():  # nobody ever worked on it here
                continue
            stream = held.enter_context(open(folder / BUSY))
            try:
                # The lock that FileLock takes on Unix, in its shared form, which FileLock lacks. filelock's
                # ReadWriteLock stands on SQLite: its lock goes when the process opens the file a second time, and it
                # refuses to work in a forked child.
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"Another process is at work on {folder}. Call again when it has finished.") from error
        yield
