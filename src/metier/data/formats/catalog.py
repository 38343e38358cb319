"""Product catalogs: a JSON list, JSON lines, or CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from metier.data.decoding import TOO_DEEP, opened, too_deep
from metier.data.format import Pieces, RejectedRow
from metier.data.formats.csv import Format as Table
from metier.recipes import strict_json


@dataclass
class Format:
    """Products, a row each: what is known of it as one text, and its columns; a column `text` gives way to that."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    title: str = "title"
    """The column with the product's name; a product without one gives no row."""
    description: str = "description"
    """The column with running text, if there is one."""
    brand: str = "brand"
    """The column with the brand, if there is one."""
    price: str = "price"
    """The column with the price, if there is one."""
    bullets: str = "bullets"
    """The column with the selling points, if there is one: a list, or a text with one a line."""

    def read(self, file: Path) -> Pieces:
        for place, product in _table(file) if file.name.lower().endswith(Table.suffixes) else _json(file):
            if isinstance(product, RejectedRow):
                yield place, product
            elif not isinstance(product, dict):
                why = f"is no JSON object but a {type(product).__name__}. Each product must be one object."
                yield place, RejectedRow(why, str(product)[:200])
            elif too_deep(product):  # asked here already: `_words` goes into the product
                yield place, TOO_DEEP
            elif not _words(product.get(self.title)):
                why = f"has no title in '{self.title}'. Fill it in, or name the column: catalog: {{title: ...}}."
                yield place, RejectedRow(why, str(product)[:200])
            else:
                yield place, {**product, "text": self._text(product)}

    def _text(self, product: dict[str, Any]) -> str:
        bullets = product.get(self.bullets)
        points = bullets if isinstance(bullets, list) else str(bullets or "").splitlines()
        labeled = [
            f"{label}: {words}"
            for label, words in (("Brand", _words(product.get(self.brand))), ("Price", _words(product.get(self.price))))
            if words
        ]
        parts = [_words(product[self.title]), *labeled, _words(product.get(self.description)), *map(_words, points)]
        return " ".join(part if part[-1] in ".!?" else f"{part}." for part in parts if part)


def _words(value: Any) -> str:
    """A value as words: an amount with its currency (`{"value": 5, "currency": "EUR"}`) as both, nothing as nothing."""
    if isinstance(value, dict):
        return " ".join(filter(None, map(_words, value.values())))
    if isinstance(value, list):
        return " ".join(filter(None, map(_words, value)))
    return "" if value is None else " ".join(str(value).split())


def _table(file: Path) -> Iterator[tuple[str, Any]]:
    for place, cells in Table().read(file):
        row = cells if isinstance(cells, RejectedRow) else {name: cell or None for name, cell in cells.items()}
        yield f"line {place}", row


def _json(file: Path) -> Iterator[tuple[str, Any]]:
    """A file is read by lines where it does not open with a bracket and one of the first two is an object by itself."""
    with opened(file) as stream:
        listed = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        stream.seek(0)
        if not listed and any(isinstance(_parse(line), dict) for line in islice(stream, 2)):
            stream.seek(0)
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield f"line {number}", _parse(line)
            return
        stream.seek(0)
        whole = _parse(stream.read())
    if isinstance(whole, list):
        for number, product in enumerate(whole, start=1):
            yield f"product {number}", product
    else:
        yield "line 1", whole


def _parse(raw: bytes) -> Any:
    try:
        # Prices stay as they are written: 5.00 is not 5.0.
        return strict_json.loads(raw.decode("utf-8-sig"), parse_float=str)
    except UnicodeDecodeError as error:
        return RejectedRow(f"is not UTF-8 (byte {error.start}). Convert it.")
    except (ValueError, RecursionError) as error:
        return RejectedRow(f"is no valid JSON: {error}. Fix it.", raw[:200].decode("utf-8", "replace"))
