"""Names that become files and folders: one rule for all of them."""

import unicodedata

from metier.errors import UserError, shown

MOST_LETTERS, MOST_BYTES = 100, 200
"""File systems take 255 bytes, and endings such as `.dropped.arrow.part` come behind a name."""
BETWEEN = "-_."
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that are no files on Windows, whatever their ending."""
RULE = f"Use letters, digits, '-', '_' and '.', at most {MOST_LETTERS} of them, and begin with a letter or digit."


def file_name(name: str, what: str) -> str:
    """The name itself. Raises `UserError` where it is none for a file: it would lead to another folder, be hidden, or
    not be taken by the file system. `what` says whose name it is (`benchmark name`)."""
    if why := _wrong(name):
        raise UserError(f"The {what} {shown(name)} becomes a file's name and {why}. {RULE}")
    return name


def _wrong(name: str) -> str | None:
    if not name:
        return "is empty"
    if len(name) > MOST_LETTERS:
        return f"has {len(name):,} letters"
    strange = next((letter for letter in name if not _allowed(letter)), None)
    if strange is not None:
        return f"holds {shown(strange)}"
    if len(name.encode()) > MOST_BYTES:
        return f"takes {len(name.encode()):,} bytes, of {MOST_BYTES} that fit"
    if not name[0].isalnum() and name[0] != "_":
        return f"begins with {shown(name[0])}"
    if name.endswith("."):
        return "ends with a dot"
    if name.split(".")[0].lower() in DEVICES:
        return "is a device's name on Windows"
    return None


def _allowed(letter: str) -> bool:
    """Letters of every script with their marks, digits, and what stands between words."""
    return letter in BETWEEN or unicodedata.category(letter)[0] in "LM" or letter.isdigit()
