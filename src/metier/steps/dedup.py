"""Drop rows that say the same as an earlier row, and rows whose label is contradicted."""

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa

from metier.records import canonical
from metier.steps import Sifted, Surroundings, sift


@dataclass
class Step:
    """Exact duplicates by normalised text (case, punctuation and spaces aside)."""

    contradictions: str = "drop"
    """What happens to a text that carries two labels: `drop` all its rows, or `keep` them all."""

    def apply(self, rows: pa.Table, around: Surroundings) -> Sifted:
        labels, splits, ids = (rows[name].to_pylist() for name in ("label", "split", "id"))
        # The same text may be a row of two tasks, each with its own label.
        pairs = zip(rows["text"].to_pylist(), rows["task"].to_pylist(), strict=True)
        texts = [(canonical(text), task) for text, task in pairs]
        seen: dict[tuple[str, str | None], set[str | None]] = defaultdict(set)
        for text, label in zip(texts, labels, strict=True):
            if label is not None:
                seen[text].add(label)
        # A held-out row wins over a training row that says the same, so that the duplicate does not leak.
        first: dict[tuple[str, str | None], str] = {}
        for position in sorted(range(len(texts)), key=lambda i: splits[i] != "valid"):
            first.setdefault(texts[position], ids[position])
        reasons: list[str | None] = []
        for text, row_id in zip(texts, ids, strict=True):
            if len(seen[text]) > 1 and self.contradictions == "drop":
                reasons.append(f"same text with {len(seen[text])} labels: {', '.join(sorted(map(str, seen[text])))}")
            elif len(seen[text]) > 1 or first[text] == row_id:
                reasons.append(None)
            else:
                reasons.append(f"same text as {first[text]}")
        return sift(rows, reasons, contradictory_texts=sum(len(found) > 1 for found in seen.values()))

    def problems(self) -> list[str]:
        known = ("drop", "keep")
        return [] if self.contradictions in known else [f"contradictions: use drop or keep, not {self.contradictions}."]
