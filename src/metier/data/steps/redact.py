"""Take identifiers of persons out of texts, answers and labels."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pyarrow as pa
import xxhash

from metier.data.redaction import Redactor, presidio
from metier.data.step import StepContext, StepLike, StepResult, filter_rows

STATEMENT = "This is no statement of compliance with any law or rule. What is found and what is not: docs/redaction.md."
_TEXTS = ("text", "chosen", "rejected")
_COLUMNS = ("id", "group", "label", "options", "messages", "fields", "raw_hash", *_TEXTS)


@dataclass
class Step(StepLike):
    """Replace names, numbers, dates and addresses of persons by tags or stand-ins; no row is dropped."""

    profile: Literal["healthcare", "finance", "legal", "retail"] = "healthcare"
    """Which identifiers: healthcare (the 18 of HIPAA Safe Harbor), finance, legal or retail."""
    replace: Literal["tag", "surrogate"] = "tag"
    """`tag` writes [NAME]; `surrogate` writes a value that looks alike, the same throughout a document."""
    dates: Literal["shift", "tag", "keep"] = "shift"
    """`shift` moves all dates of a group by the same days, `tag` writes [DATE], `keep` leaves them. Outside healthcare
    only dates of birth."""
    parties: bool = True
    """Take out the parties of cases and contracts (profile legal)."""
    dockets: bool = False
    """Take out docket and case numbers (profile legal)."""
    labels: Literal["auto", "keep"] = "auto"
    """`auto` reads labels of several words or with digits as text; class names lose only what was found in their row.
    `keep` leaves all labels and options as they are."""
    presidio: str | None = None
    """Name or folder of a spaCy model with which presidio-analyzer looks too; needs pip install 'metier[privacy]'."""

    rowwise: ClassVar[bool] = True
    version: ClassVar[int] = 2
    noted = {"changed": "texts redacted"}

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        redactor = self._redactor(context.seed)
        columns: dict[str, list[Any]] = {name: rows[name].to_pylist() for name in _COLUMNS}
        kinds: Counter[str] = Counter()
        changed: set[str] = set()
        count = 0
        for n, row_id in enumerate(columns["id"]):
            places = list(self._places(columns, n))
            texts = [_read(columns, n, place) for place in places]
            only = [
                place[0] in ("label", "options") and _class_name(text)
                for place, text in zip(places, texts, strict=True)
            ]
            named = [columns["fields"][n][at][0] if name == "fields" else "" for name, at in places]
            after, counts = redactor.redact(texts, columns["group"][n] or row_id, only, named)
            if after == texts:
                continue
            count += 1
            kinds.update(counts)
            if columns["text"][n] and texts[0] != after[0] and columns["raw_hash"][n] is None:
                columns["raw_hash"][n] = xxhash.xxh3_64_hexdigest(columns["text"][n].encode())
                changed.add("raw_hash")
            for place, old, new in zip(places, texts, after, strict=True):
                if new != old:
                    _write(columns, n, place, new)
                    changed.add(place[0])
        for name in sorted(changed):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, rows.schema.field(at), pa.array(columns[name], rows.schema.field(at).type))
        notes = {"changed": count, "found": dict(sorted(kinds.items())), "detectors": redactor.detectors()}
        return filter_rows(rows, [None] * len(rows), **notes, statement=STATEMENT)

    def problems(self) -> list[str]:
        return [f"presidio: {presidio.MISSING}"] if self.presidio and not presidio.installed() else []

    def _redactor(self, seed: int) -> Redactor:
        return Redactor(self.profile, self.replace, self.dates, self.parties, self.dockets, seed, self.presidio)

    def _places(self, columns: dict[str, list[Any]], n: int) -> Iterator[tuple[str, Any]]:
        """(column, place within it) of every text of a row, the column `text` first."""
        yield from ((name, None) for name in _TEXTS if columns[name][n])
        if self.labels != "keep":
            yield from (("label", None) for _ in range(bool(columns["label"][n])))
            yield from (("options", i) for i in range(len(columns["options"][n] or ())))
        yield from (("messages", i) for i, message in enumerate(columns["messages"][n] or ()) if message["content"])
        yield from (("fields", i) for i, (_, value) in enumerate(columns["fields"][n] or ()) if value)


def _class_name(label: str) -> bool:
    """One word without a number: a class, whose name must stay the same in all rows."""
    return not re.search(r"\s|@|\d{4}", label)


def _read(columns: dict[str, list[Any]], n: int, place: tuple[str, Any]) -> str:
    value = columns[place[0]][n]
    inner = value if place[1] is None else value[place[1]]
    text: str = inner["content"] if place[0] == "messages" else inner[1] if place[0] == "fields" else inner
    return text


def _write(columns: dict[str, list[Any]], n: int, place: tuple[str, Any], new: str) -> None:
    name, inner = place
    if inner is None:
        columns[name][n] = new
        return
    value = columns[name][n]
    if name == "messages":
        value[inner]["content"] = new
    elif name == "fields":
        value[inner] = (value[inner][0], new)
    else:
        value[inner] = new
