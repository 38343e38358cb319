"""Choose the training rows to a stated budget."""

from dataclasses import dataclass

import pyarrow as pa

from metier.benchmarks import draw
from metier.records import Question
from metier.steps import Sifted, Surroundings, sift


@dataclass
class Step:
    """A seeded draw of the training rows in which each label keeps its share; valid rows are not touched."""

    rows: int = 8000
    """The budget. Fewer rows than this are all kept."""

    def apply(self, rows: pa.Table, around: Surroundings) -> Sifted:
        ids, splits, labels = (rows[name].to_pylist() for name in ("id", "split", "label"))
        candidates = [
            Question(i, "", str(x)) for i, s, x in zip(ids, splits, labels, strict=True) if s in (None, "train")
        ]
        chosen = {question.id for question in draw(candidates, self.rows, f"select:{around.seed}")}
        reasons = [
            None if split == "valid" or row_id in chosen else f"over the budget of {self.rows:,} rows"
            for row_id, split in zip(ids, splits, strict=True)
        ]
        return sift(rows, reasons, candidates=len(candidates))

    def problems(self) -> list[str]:
        return [] if self.rows > 0 else [f"rows: use a number above 0, not {self.rows}."]
