"""What an error means to the person at the keyboard: what failed and what to do; nothing where it is our bug."""

import errno
import os
import traceback
from collections.abc import Iterator
from typing import Any

import metier
from metier.errors import Problems, UserError, shown

CONTINUES = "then call again: the run continues where it stopped."
ROOM = f"Make room, {CONTINUES}"
PERMISSIONS = f"Fix the permissions or name another place (`--out`; METIER_CACHE for models), {CONTINUES}"
FOLDER = "There is a file where a folder is needed. Move the file away, or name another place."
OPEN = f"Raise the limit on open files (`ulimit -n 4096`), {CONTINUES}"
MEMORY = (
    "There is not enough memory. Lower `batch_tokens` or `max_length`, or train on fewer rows; or close other "
    f"programs, {CONTINUES}"
)
# What to do about an error of the system. The other ones get the system's own words alone.
ADVICE = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: f"Raise the limit on file sizes (`ulimit -f unlimited`) or use another file system, {CONTINUES}",
    errno.EACCES: PERMISSIONS,
    errno.EPERM: PERMISSIONS,
    errno.EROFS: PERMISSIONS,
    errno.ENOENT: "Put it back, or name a path that exists.",
    errno.EISDIR: "There is a folder where a file is needed. Move the folder away, or name another file.",
    errno.ENOTDIR: FOLDER,
    errno.EEXIST: FOLDER,
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.EMFILE: OPEN,
    errno.ENFILE: OPEN,
    errno.ELOOP: "Its links lead in a circle: remove one.",
    errno.EIO: f"The disk or the network drive failed. Fix it, {CONTINUES}",
    errno.ENOMEM: MEMORY,
}
# Those that are the machine's, whichever file they were met at, and in whichever words a library passes them on.
OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO)
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "bad_alloc", os.strerror(errno.ENOMEM))
PACKAGE = os.path.dirname(metier.__file__) + os.sep


def explained(error: BaseException) -> str | None:
    """The message for an error that the user can fix; None for our own bug, which keeps its traceback."""
    if isinstance(error, UserError):
        several = isinstance(error, Problems) and len(error.problems) > 1
        return f"There are several problems:\n{error}" if several else str(error)
    if isinstance(error, SystemExit):
        return (
            f"{_place(error)} ended the program (exit code {shown(error.code)}) before its work was done. Remove the "
            "call to `sys.exit` there, then call again."
        )
    if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
        message: str = error.format_message()
        return message
    return _of_the_system(error) or _of_a_text(error) or _of_a_plugin(error)


def _of_the_system(error: BaseException) -> str | None:
    for one, handled in _chain(error):
        number, text = one.errno if isinstance(one, OSError) else None, str(one)
        name = one.filename if isinstance(one, OSError) else None
        if isinstance(one, MemoryError) or any(words in text for words in OUT_OF_MEMORY):
            return f"{MEMORY} ({_first_line(text)})" if text else MEMORY
        # An error that somebody handled before another one came says nothing of that one, unless it is the machine's.
        if number is not None and (number in OF_THE_MACHINE or name is not None and not handled):
            return _of_a_file(number, name)
        for number in OF_THE_MACHINE:  # safetensors, Arrow and shutil have errors of their own for it
            if os.strerror(number) in text or f"(os error {number})" in text:
                return _of_a_file(number, None)
        if isinstance(one, RuntimeError) and "home directory" in text:  # pathlib's words
            return "There is no home folder: HOME is not set. Set it, or METIER_CACHE and HF_HOME, then call again."
        if "PytorchStreamWriter" in text:  # torch does not say why it could not write
            return f"A file could not be written: the disk is full, or the file too large. {ROOM}"
    return None


def _of_a_file(number: int, name: Any) -> str:
    place = f"{os.fsdecode(name) if isinstance(name, str | bytes) else name}: " if name is not None else ""
    return f"{place}{os.strerror(number)}. {ADVICE.get(number, '')}".rstrip()


def _of_a_text(error: BaseException) -> str | None:
    """Half of a character (a lone surrogate), which JSON can write as `\\ud800` and no file can hold."""
    for one, _ in _chain(error):
        if isinstance(one, UnicodeEncodeError) and one.reason == "surrogates not allowed":
            context = one.object[max(0, one.start - 20) : one.end + 20]
            return f"A text contains half of a character (a lone surrogate) and cannot be saved: {shown(context)}."
    return None


def _of_a_plugin(error: BaseException) -> str | None:
    """A bug in a file of the user's own, where its code is the last that ran, libraries aside."""
    from metier.recipes.plugins import files_run

    files = files_run()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            message = f"{type(error).__name__}: {_first_line(str(error))}"
            return f"{frame.filename}, line {frame.lineno}: the plug-in failed ({message}). Fix it, {CONTINUES}"
        if frame.filename.startswith(PACKAGE):
            return None
    return None


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    named = [frame for frame in frames if not frame.filename.startswith("<")]
    return f"{named[-1].filename}, line {named[-1].lineno}," if named else "Something"


def _chain(error: BaseException) -> Iterator[tuple[BaseException, bool]]:
    """An error and those behind it; True for those that it was not raised from, but while they were handled."""
    seen: set[int] = set()
    one: BaseException | None = error
    handled = False
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one, handled
        handled = handled or one.__cause__ is None
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _first_line(text: str) -> str:
    return shown(next(iter(text.strip().splitlines()), ""), 200)
