"""PDF files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from metier.data.format import Pieces, RejectedRow
from metier.errors import UserError

PICTURES = RejectedRow("holds no text, only pictures. Run OCR over it first.")


@dataclass
class Format:
    """A row for each file or each page, with its text in the order in which the file draws it."""

    suffixes: ClassVar[tuple[str, ...]] = (".pdf",)

    by: Literal["file", "page"] = "file"
    """What becomes a row: `file` (with the column `pages_without_text`) or `page`; empty pages give none."""

    def read(self, file: Path) -> Pieces:
        try:
            import pypdfium2
            from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
        except ImportError as error:
            raise UserError(f"{file} needs pypdfium2. Install it: pip install 'metier[docs]'.") from error
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if error.err_code in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
                yield "", RejectedRow("is encrypted. Save it without a password.")
            else:
                yield "", RejectedRow(f"is no PDF that can be read: {str(error).rstrip('.')}. Write it anew.")
            return
        try:
            yield from self._rows(document)
        finally:
            document.close()

    def _rows(self, document: Any) -> Pieces:
        texts: list[str] = []
        without = 0
        for number in range(len(document)):
            text = _text(document, number)
            if isinstance(text, RejectedRow):
                without += 1
                if self.by == "page":
                    yield f"page {number + 1}", text
                elif text is not PICTURES:
                    yield "", RejectedRow(f"has the page {number + 1} that {text.reason}")
                    return
            elif text and self.by == "page":
                yield f"page {number + 1}", {"text": text}
            elif text:
                texts.append(text)
        if self.by == "file":
            yield "", {"text": "\n\n".join(texts), "pages_without_text": without} if texts else PICTURES


def _text(document: Any, number: int) -> str | RejectedRow:
    """The page's text; empty where the page is, and `PICTURES` where it shows something all the same."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError as error:
        return RejectedRow(f"cannot be read: {str(error).rstrip('.')}. Write the file anew.")
    try:
        words = page.get_textpage()
        # pdfium marks a hyphen at the end of a line with U+FFFE (in some builds U+0002): the word is one.
        text = re.sub(r"[\ufffe\x02](?:\r?\n)?", "", words.get_text_range()).replace("\r\n", "\n").replace("\0", "")
        words.close()
        if text.strip():
            return text.strip("\n")
        return PICTURES if any(True for _ in page.get_objects()) else ""
    finally:
        page.close()
