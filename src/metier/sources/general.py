"""General English that the project wrote itself, for the forgetting check (test) and for replay (train)."""

import json
from dataclasses import dataclass
from importlib.resources import files

import pyarrow as pa
import xxhash

from metier.records import rows_to_table
from metier.sources import NamedSource

SPLITS = {"probe": "test", "replay": "train"}


@dataclass
class Source(NamedSource):
    """160 general paragraphs: 80 probes that are never trained on, 80 for replay."""

    name: str = "general"
    licence: str = "Apache-2.0"
    citation: str = "Metier's own text"
    labelled: bool = False

    def rows(self) -> pa.Table:
        found = [json.loads(line) for line in _text().splitlines()]
        return rows_to_table(
            {
                "id": row["id"],
                "text": row["text"],
                "source": self.name,
                "licence": self.licence,
                "origin": f"general.jsonl:{number}",
                "split": SPLITS[row["part"]],
            }
            for number, row in enumerate(found, start=1)
        )

    def fingerprint(self) -> str:
        return xxhash.xxh3_128_hexdigest(_text().encode())


def _text() -> str:
    return (files("metier") / "data" / "general.jsonl").read_text(encoding="utf-8")
