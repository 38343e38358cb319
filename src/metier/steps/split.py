"""Give every row a side, train or valid, so that no group stands on both."""

import random
from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa

from metier.steps import Sifted, Surroundings, sift


@dataclass
class Step:
    """Hold out a share of the training rows for choosing settings. Sides that a source fixed stay as they are, but a
    source that fixed no held-out rows gives some of its training rows."""

    valid: float = 0.1
    """Share of the rows held out."""
    by: str = "group"
    """`group` keeps a patient, contract or customer on one side; `row` treats every row as its own group."""

    def apply(self, rows: pa.Table, around: Surroundings) -> Sifted:
        splits, groups, labels, ids = (rows[name].to_pylist() for name in ("split", "group", "label", "id"))
        sources = rows["source"].to_pylist()
        fixed = {source for source, split in zip(sources, splits, strict=True) if split == "valid"}
        open_rows = [i for i, side in enumerate(splits) if side is None or side == "train" and sources[i] not in fixed]
        # A row without a group is its own group; so is every row where the recipe says so.
        group_of = {i: (groups[i] if self.by == "group" and groups[i] is not None else ids[i]) for i in open_rows}
        held_out = self._hold_out(group_of, labels, random.Random(f"split:{around.seed}"))
        for i in open_rows:
            splits[i] = "valid" if group_of[i] in held_out else "train"
        at = rows.schema.get_field_index("split")
        rows = rows.set_column(at, rows.schema.field(at), pa.array(splits, pa.string()))
        return sift(rows, [None] * len(splits), train=splits.count("train"), valid=splits.count("valid"))

    def _hold_out(self, group_of: dict[int, str], labels: list[str | None], generator: random.Random) -> set[str]:
        """Groups for the valid side, drawn label by label (a group counts for the label of its first row)."""
        by_label: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        home: dict[str, str | None] = {}
        for row, group in group_of.items():
            by_label[home.setdefault(group, labels[row])][group] += 1
        held_out: set[str] = set()
        for label in sorted(by_label, key=str):
            sizes = by_label[label]
            names = sorted(sizes)
            generator.shuffle(names)
            wanted, taken = round(self.valid * sum(sizes.values())), 0
            for name in names[:-1]:  # at least one group of each label stays in training
                if taken + sizes[name] <= wanted:
                    held_out.add(name)
                    taken += sizes[name]
        return held_out

    def problems(self) -> list[str]:
        found = [] if 0 < self.valid < 0.9 else [f"valid: use a share between 0 and 0.9, not {self.valid}."]
        return found + ([] if self.by in ("group", "row") else [f"by: use group or row, not {self.by}."])
