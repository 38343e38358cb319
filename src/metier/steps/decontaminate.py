"""Take out of the training rows what stands in a test."""

from dataclasses import dataclass

import pyarrow as pa

from metier.records import canonical
from metier.steps import Sifted, Surroundings, sift


@dataclass
class Step:
    """Drop every row whose normalised text is a question of one of the recipe's benchmarks."""

    def apply(self, rows: pa.Table, around: Surroundings) -> Sifted:
        found = overlap(rows, around.benchmarks)
        reasons = [found.get(row_id) for row_id in rows["id"].to_pylist()]
        return sift(rows, reasons, overlapping=len(found))


def overlap(rows: pa.Table, benchmarks: list) -> dict[str, str]:
    """Row id -> which test question it repeats. Compared as `canonical` text, against all test questions there are."""
    tests: dict[str, str] = {}
    for benchmark in benchmarks:
        for question in benchmark.all_questions():
            tests.setdefault(canonical(question.text), f"a question of '{benchmark.name}' ({question.id})")
    pairs = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
    return {row_id: tests[key] for row_id, text in pairs if (key := canonical(text)) in tests}
