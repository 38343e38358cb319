"""The row: one Arrow schema for all data, and the views of it that methods and benchmarks read."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        ("label", pa.string()),
        ("options", pa.list_(pa.string())),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("fields", pa.map_(pa.string(), pa.string())),  # further columns that a prompt names
        pa.field("source", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        ("group", pa.string()),  # patient, contract, customer: what must not be on both sides of a split
        ("time", pa.string()),
        pa.field("origin", pa.string(), nullable=False),  # file:line, or the code in a package
        ("split", pa.string()),  # train, valid or test where the source says so
        ("task", pa.string()),  # the benchmark whose prompt renders this row
        ("raw_hash", pa.string()),  # xxh3 of the text as it was read, where a step changed it
    ]
)


@dataclass(frozen=True)
class Document:
    """Raw text."""

    id: str
    text: str


@dataclass(frozen=True)
class Question:
    """One thing to ask a model, and the right answer."""

    id: str
    text: str
    answer: str
    options: tuple[str, ...] = ()
    group: str | None = None
    fields: dict[str, str] = field(default_factory=dict, hash=False)
    slices: dict[str, str] = field(default_factory=dict, hash=False)
    """What kind of question it is, in the columns that its benchmark declares."""

    def render(self, prompt: str) -> str:
        """The prompt with `{text}` and the row's further columns filled in; one that is empty in this row, and so
        is not there, is an empty text."""
        values = {**self.fields, "text": self.text}  # whatever a further column is called
        # Not str.format: a brace in a customer's text or an attribute look-up in a template must stay plain text.
        return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], ""), prompt)


def rows_to_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """A table of the one schema from dictionaries; columns that a row lacks are null."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def identities(rows: pa.Table, column: str = "id") -> pa.Array:
    """Dataset and id (or group) of each row, null where it has none: two datasets may both number their rows from 1."""
    return pc.binary_join_element_wise(rows["source"], rows[column], "\0").combine_chunks()


def documents(table: pa.Table) -> list[Document]:
    return [Document(row["id"], row["text"]) for row in table.select(["id", "text"]).to_pylist()]


def questions(table: pa.Table, unlabeled: bool = False) -> list[Question]:
    """The rows that have an answer, as questions: their label, or the chosen one of a pair. With `unlabeled` all rows,
    those without an answer with an empty one."""
    columns = ["id", "text", "label", "options", "group", "fields", "chosen", "rejected"]
    return [
        Question(
            row["id"],
            row["text"],
            row["label"] or (row["chosen"] if _pair(row) else ""),
            tuple(row["options"] or _pair(row)),
            row["group"],
            dict(row["fields"] or ()),
        )
        for row in table.select(columns).to_pylist()
        if unlabeled or row["label"] is not None or _pair(row)
    ]


def _pair(row: dict[str, Any]) -> list[str]:
    """Both answers of a preference, in an order that does not tell which was chosen; none where there is no pair."""
    pair = [row["chosen"], row["rejected"]]
    return [] if row["label"] is not None or None in pair else sorted(pair)


def loosely(label: str) -> str:
    """A label without what two people write differently and mean alike: case, white space, the form of a letter."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    return " ".join("".join(letter for letter in folded if unicodedata.category(letter) != "Cf").split())


def canonical(text: str) -> str:
    """The text as leak and duplicate checks compare it: case, accents' form, punctuation and white space aside.

    Signs that carry meaning stay: Rh+ is not Rh-, and T < 38 is not T > 38.
    """
    folded = re.sub(r"(?<=\w)[-/](?=\w)", " ", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(re.findall(r"[^\s.,;:!?\"'()\[\]]+", folded))
