"""Drop rows that say the same or nearly the same as another row, and rows whose label is contradicted."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Interval

from metier.data.kernels.folding import foldable
from metier.data.kernels.minhash import near_duplicates
from metier.data.kernels.words import GOLD
from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.data.steps._compared import beside, compared
from metier.recipes.settings import Share

SHOWN = 20
"""Families and contradictions listed in the notes, the largest first."""
LABELS, LABEL_CHARACTERS = 3, 60
"""Labels that the reason of a contradiction shows, and how much of each: they may be whole answers, and hundreds."""


@dataclass
class Step(StepLike):
    """Exact duplicates by normalized text (case, punctuation and spaces aside), and near-duplicates by the share of
    common five-word runs (MinHash finds them, the share itself is then worked out for every pair).

    Of two such rows a held-out row stays, else the one that `keeper` says. Rows of two tasks, with two labels, or with
    another hypothesis, product or answer beside the text are never near-duplicates of each other.
    """

    threshold: Annotated[float, Interval(ge=0.5, le=1)] = 0.85
    """Share of common word runs (Jaccard) from which two rows count as the same. Lower drops more; 1 is exact only."""
    keeper: Literal["first", "longest"] = "first"
    """Which row of a cluster stays: the `first` or the `longest`."""
    contradictions: Literal["drop", "keep"] = "drop"
    """What happens to a text that carries two labels: `drop` all its rows, or `keep` them all."""
    drop: bool = True
    """Off keeps all rows and makes each cluster one group, so that `split` leaves it on one side."""
    alarm: Share = 0.3
    """Share of a dataset's rows from which dropping them gives a warning: data of one template look like duplicates."""

    version = 2
    because = {
        "same text with": "with a label that another row contradicts",
        "same text as": "repeat another row",
        "": "nearly repeat another row",
    }

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        texts = foldable(compared(rows, context.benchmarks))
        tasks, labels = _codes(rows["task"]), _codes(rows["label"])
        aside = _numbered(beside(rows, context.benchmarks))
        apart = (tasks * (labels.max(initial=0) + 1) + labels) * (aside.max(initial=0) + 1) + aside
        order = self._order(rows)
        near_copies = near_duplicates(texts, self.threshold, apart, order, context.seed)
        # The same text may be a row of two tasks, each with its own label.
        _, exact = np.unique(near_copies.exact + tasks.astype(np.uint64) * GOLD, return_inverse=True)
        torn = {
            text: _differing(labels_of_text)
            for text, labels_of_text in _contradicted(exact, labels, rows["label"]).items()
        }
        first = _first(exact, order)
        # A threshold of 1 asks for exact copies alone.
        near = near_copies.center if self.threshold < 1 else np.full(len(rows), -1)
        center = np.where(first == np.arange(len(rows)), near, first)
        contradicted = np.isin(exact, list(torn)) & (self.contradictions == "drop")
        notes = {"contradictory_texts": len(torn), **self._notes(rows, center, first, near_copies)}
        notes["alarms"] = self._alarms(rows["source"].to_pylist(), center >= 0, contradicted) if self.drop else []
        if not self.drop:
            return StepResult(
                _grouped(rows, center), rows.slice(0, 0).append_column("reason", pa.array([], pa.string())), notes
            )
        reasons: list[str | None] = [None] * len(rows)
        ids = rows["id"].to_pylist()
        for row in np.flatnonzero(contradicted | (center >= 0)).tolist():
            reasons[row] = self._reason(row, ids, exact, torn, center, first, near_copies)
        return filter_rows(rows, reasons, **notes)

    def _reason(
        self, row: int, ids: Any, exact: Any, torn: dict[int, str], center: Any, first: Any, near_copies: Any
    ) -> str | None:
        if (known := torn.get(int(exact[row]))) is not None:
            return None if self.contradictions == "keep" else known
        if first[row] != row:
            return f"same text as {ids[first[row]]}"
        if center[row] >= 0:
            return f"{near_copies.similarity[row]:.0%} of its word runs are those of {ids[center[row]]}"
        return None

    def _order(self, rows: pa.Table) -> np.ndarray:
        """The best to keep first: held-out rows win, so that no duplicate leaks; then the longest, or the first."""
        trains = ~np.asarray(pc.fill_null(pc.equal(rows["split"], "valid"), False).to_numpy(), bool)
        if self.keeper == "longest":
            return np.lexsort((np.arange(len(rows)), -pc.binary_length(rows["text"]).to_numpy(), trains))
        return np.lexsort((np.arange(len(rows)), trains))

    def _notes(self, rows: pa.Table, center: np.ndarray, first: np.ndarray, near_copies: Any) -> dict[str, Any]:
        gone = center >= 0
        copies = int((first != np.arange(len(rows))).sum())
        ids, texts = rows["id"], rows["text"]
        families = [
            {"kept": ids[row].as_py(), "rows": count + 1, "begins": texts[row].as_py()[:120]}
            for row, count in Counter(center[gone].tolist()).most_common(SHOWN)
            if count >= 1
        ]
        pairs = {"pairs_looked_at": near_copies.pairs_guessed, "pairs_verified": near_copies.pairs_verified}
        return {"exact": copies, "near": int(gone.sum()) - copies, **pairs, "families": families}

    def _alarms(self, datasets: list[str], copies: np.ndarray, contradicted: np.ndarray) -> list[str]:
        """The warning about datasets that lose many rows."""
        advice = {
            "are (near-)duplicates. If its texts share a template, raise `threshold`, or set `drop: false` to keep "
            "them in one group.": copies & ~contradicted,
            "have a text that carries several labels. If these answer different questions, name the benchmark that "
            "asks them; if they are the annotators' doubts, set `contradictions: keep`.": contradicted,
        }
        alarms = []
        for what, gone in advice.items():
            lost = Counter(dataset for dataset, is_gone in zip(datasets, gone, strict=True) if is_gone)
            for dataset, total in Counter(datasets).items():
                if lost[dataset] > self.alarm * total:
                    alarms.append(f"{lost[dataset] / total:.0%} of the rows of '{dataset}' {what}")
        return alarms


def _numbered(keys: Any) -> np.ndarray:
    """Equal keys -> equal numbers."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """(rows,) a number for each different value, null among them."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    codes: np.ndarray = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _contradicted(exact: np.ndarray, codes: np.ndarray, labels: pa.ChunkedArray) -> dict[int, set[str]]:
    """Text -> its labels, where it has more than one."""
    valid = labels.is_valid().to_numpy()
    labeled = np.flatnonzero(valid)
    width = int(codes.max(initial=0)) + 1
    pairs, place = np.unique(exact[labeled] * width + codes[labeled], return_index=True)
    texts, counts = np.unique(pairs // width, return_counts=True)
    torn = texts[counts > 1]
    labels_of: dict[int, set[str]] = defaultdict(set)
    for position in labeled[place[np.isin(pairs // width, torn)]].tolist():
        labels_of[int(exact[position])].add(labels[position].as_py())
    return dict(labels_of)


def _differing(labels: set[str]) -> str:
    shown = [label if len(label) <= LABEL_CHARACTERS else f"{label[:LABEL_CHARACTERS]}..." for label in sorted(labels)]
    more = f" and {len(labels) - LABELS} more" if len(labels) > LABELS else ""
    return f"same text with {len(labels)} labels: {', '.join(shown[:LABELS])}{more}"


def _first(exact: np.ndarray, order: np.ndarray) -> np.ndarray:
    """For each row the row of the same text that comes first in keeper order."""
    chosen = np.full(exact.max(initial=-1) + 1, -1, np.int64)
    chosen[exact[order[::-1]]] = order[::-1]
    return chosen[exact]


def _grouped(rows: pa.Table, center: np.ndarray) -> pa.Table:
    """Each cluster in one group, and groups that share a cluster joined (scipy's connected components)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups = rows["group"].to_pylist()
    numbers = _numbered((g,) if g is not None else i for i, g in enumerate(groups))
    members = np.flatnonzero(center >= 0)
    edges = (np.ones(len(members)), (numbers[members], numbers[center[members]]))
    size = int(numbers.max(initial=-1)) + 1
    _, joined = connected_components(coo_array(edges, (size, size)), directed=False)
    sizes = np.bincount(joined[numbers]) if len(rows) else np.zeros(0)
    name: dict[int, str] = {}
    for group, part in zip(groups, joined[numbers].tolist(), strict=True):
        if group is not None:
            name.setdefault(part, group)
    ids, out = rows["id"].to_pylist(), []
    for position, part in enumerate(joined[numbers].tolist()):
        alone = groups[position] is None and sizes[part] == 1
        out.append(None if alone else name.setdefault(part, f"cluster of {ids[position]}"))
    at = rows.schema.get_field_index("group")
    return rows.set_column(at, rows.schema.field(at), pa.array(out, pa.string()))
