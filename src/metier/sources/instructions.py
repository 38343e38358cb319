"""Instructions whose following a pattern can check, written by the project for the forgetting check."""

import json
from dataclasses import dataclass
from importlib.resources import files

import pyarrow as pa
import xxhash

from metier.records import rows_to_table
from metier.sources import NamedSource


@dataclass
class Source(NamedSource):
    """61 short instructions: one word, yes or no, JSON, bullet points, capitals, digits; for testing only."""

    name: str = "instructions"
    licence: str = "Apache-2.0"
    citation: str = "Metier's own text, after the verifiable instructions of IFEval (Zhou et al. 2023)"
    labelled: bool = False

    def rows(self) -> pa.Table:
        found = [json.loads(line) for line in _text().splitlines()]
        return rows_to_table(
            {
                "id": f"instruction-{number}",
                "text": row["text"],
                "fields": [("must", row["must"])],
                "source": self.name,
                "licence": self.licence,
                "origin": f"instructions.jsonl:{number}",
                "split": "test",
            }
            for number, row in enumerate(found, start=1)
        )

    def fingerprint(self) -> str:
        return xxhash.xxh3_128_hexdigest(_text().encode())


def _text() -> str:
    return (files("metier") / "data" / "instructions.jsonl").read_text(encoding="utf-8")
