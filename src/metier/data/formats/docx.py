"""Word documents."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError

MOST_MB, MOST_RATIO = 512, 200
"""What a document may unfold to: its size, and how many times its size on disk. Word's own stay below 100 times."""
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TWICE = ("{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback", f"{W}moveFrom")
"""What stands in the document a second time: for an older Word, and where a passage was before it was moved."""


@dataclass
class Format:
    """A row for each document: its paragraphs and tables in order; headers, footnotes and comments are left out."""

    suffixes: ClassVar[tuple[str, ...]] = (".docx",)

    def read(self, file: Path) -> Pieces:
        yield "", _unsafe(file) or _row(file)


def _unsafe(file: Path) -> RejectedRow | None:
    """Why the archive is not opened. Sizes may be declared too small: then reading stops at them with an error."""
    # Opened here and not by zipfile, which takes a file that it may not read for one that is no archive.
    with open(file, "rb") as stream:
        if not zipfile.is_zipfile(stream):
            return RejectedRow(
                "is no .docx: it is encrypted, or of an older Word. Save it as .docx without a password."
            )
        try:
            entries = zipfile.ZipFile(stream).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            return RejectedRow(f"is a broken archive: {error}. Save it anew.")
    for entry in entries:
        parts = entry.orig_filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            return RejectedRow(f"holds an entry that leads out of it: {entry.orig_filename[:100]!r}. Do not open it.")
    unfolded, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if unfolded > MOST_MB << 20 or unfolded > MOST_RATIO * max(packed, 1):
        return RejectedRow(f"is a zip bomb: {packed:,} bytes that unfold to {unfolded:,}. Do not open it.")
    return None


def _row(file: Path) -> dict[str, Any] | RejectedRow:
    try:
        import docx
        from docx.opc.exceptions import OpcError
        from lxml.etree import XMLSyntaxError
    except ImportError as error:
        raise UserError(f"{file} needs python-docx. Install it: pip install 'metier[docs]'.") from error
    try:
        body = docx.Document(str(file)).element.body
    # What python-docx lets through where a part is missing, is something else, or is damaged.
    except (
        OpcError, XMLSyntaxError, KeyError, ValueError, AttributeError, zipfile.BadZipFile, zlib.error, EOFError,
        RuntimeError, OSError,
    ) as error:  # fmt: skip
        return RejectedRow(f"is no Word document that can be read: {error}. Save it anew.")
    if body is None:
        return RejectedRow("is a Word document without a body. Save it anew.")
    return {"text": "\n".join(_lines(body))}


# Not python-docx's own `text`: it leaves out what stands in content controls and in tracked insertions.
def _lines(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{W}p":
            yield _words(child)
        elif child.tag == f"{W}tr":
            cells = (" ".join(filter(str.strip, _lines(cell))) for cell in child.iter(f"{W}tc") if _of(cell, child))
            yield "\t".join(cells)
        elif child.tag not in TWICE and isinstance(child.tag, str):
            yield from _lines(child)


def _of(cell: Any, row: Any) -> bool:
    """Whether a cell is the row's own and not one of a table within it."""
    return next(cell.iterancestors(f"{W}tr")) is row


def _words(paragraph: Any) -> str:
    parts = []
    for element in paragraph.iter():
        if element.tag == f"{W}t" and not any(True for _ in element.iterancestors(*TWICE)):
            parts.append(element.text or "")
        elif element.tag == f"{W}tab" and element.getparent().tag == f"{W}r":
            parts.append("\t")
        elif element.tag in (f"{W}br", f"{W}cr") or (element.tag == f"{W}p" and element is not paragraph):
            parts.append("\n")
    return "".join(parts)
