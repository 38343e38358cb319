"""Give every row a side, train or valid, so that no group stands on both."""

import random
import re
from calendar import monthrange
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal

import pyarrow as pa
from annotated_types import Interval

from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.errors import UserError

SHOWN = 3
"""Rows named in the message about times that cannot be read."""


@dataclass
class Step(StepLike):
    """Hold out a share of the training rows for choosing settings. Sides that a dataset fixed stay as they are, but a
    dataset that fixed no held-out rows gives some of its training rows. Further rows of a group follow those that are
    fixed.

    A group is what the column `group` says; a cluster of duplicates is one where `dedup` ran before with `drop: false`.
    Where `dedup` drops, one row of a cluster is left; rows less alike than its threshold are no cluster.
    """

    valid: Annotated[float, Interval(gt=0, lt=0.9)] = 0.1
    """Share of the rows held out."""
    by: Literal["group", "row", "time"] = "group"
    """`group` keeps a patient, contract or customer on one side; `row` treats every row as its own group; `time` holds
    out the latest rows by the column `time`, whatever their labels, and with them the whole of their groups."""

    version = 3
    noted = {"valid": "held out"}

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        """Raises `UserError` by time, where a time cannot be read or no row is earlier than the rest."""
        splits, groups, ids = (rows[name].to_pylist() for name in ("split", "group", "id"))
        sources = rows["source"].to_pylist()
        kinds = _kinds(rows, context, self.valid)
        fixed = {source for source, split in zip(sources, splits, strict=True) if split == "valid"}
        open_rows = [i for i, side in enumerate(splits) if side is None or side == "train" and sources[i] not in fixed]
        # A row without a group is its own group; so is every row where the recipe says so.
        group_of = {i: (groups[i] if self.by != "row" and groups[i] is not None else ids[i]) for i in open_rows}
        sides = _fixed(splits, groups, set(open_rows)) if self.by != "row" else {}
        for i in [i for i in open_rows if groups[i] in sides]:
            splits[i] = sides[groups[i]]
            del group_of[i]
        notes: dict[str, Any] = {}
        if self.by == "time":
            held_out, notes = self._latest(group_of, _times(rows, list(group_of)))
            if not held_out and group_of and not fixed:
                raise UserError(f"split by time: {notes['alarms'][0]} Use `by: group`.")
        else:
            held_out = self._hold_out(group_of, kinds, random.Random(f"split:{context.seed}"))
        for i in group_of:
            splits[i] = "valid" if group_of[i] in held_out else "train"
        at = rows.schema.get_field_index("split")
        rows = rows.set_column(at, rows.schema.field(at), pa.array(splits, pa.string()))
        return filter_rows(
            rows, [None] * len(splits), train=splits.count("train"), valid=splits.count("valid"), **notes
        )

    def _latest(self, group_of: dict[int, str], times: dict[int, datetime]) -> tuple[set[str], dict[str, Any]]:
        """(groups for the valid side: those whose latest row is at or behind the boundary, notes). The boundary is the
        time that brings the share held out closest to `valid`: rows of one time are never parted."""
        sizes, ends = Counter(group_of.values()), dict[str, datetime]()
        for row, when in times.items():
            ends[group_of[row]] = max(when, ends.get(group_of[row], when))
        at: Counter[datetime] = Counter()
        for group, end in ends.items():
            at[end] += sizes[group]
        latest = sorted(at, reverse=True)
        boundary, taken, closest = None, 0, float("inf")
        for end in latest[:-1]:  # the earliest stay in training
            taken += at[end]
            if (distance := abs(taken - self.valid * len(group_of))) < closest:
                boundary, closest = end, distance
        held_out = {group for group, end in ends.items() if boundary and end >= boundary}
        undated = len(group_of) - len(times)
        notes: dict[str, Any] = {
            "held_out_from": boundary.isoformat() if boundary else None,
            "earlier_rows_of_held_out_groups": sum(
                group_of[row] in held_out and when < boundary for row, when in times.items() if boundary
            ),
            "without_time": undated,
        }
        alarms = [] if boundary or not group_of else [_nothing_earlier(len(times), latest)]
        if undated:
            alarms.append(f"{undated:,} rows have no time: they train, but for those of a held-out group.")
        if alarms:
            notes["alarms"] = alarms
        return held_out, notes

    def _hold_out(self, group_of: dict[int, str], kinds: list[str | None], generator: random.Random) -> set[str]:
        """Groups for the valid side, drawn kind by kind (a group counts for the kind of its first row)."""
        by_kind: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        home: dict[str, str | None] = {}
        for row, group in group_of.items():
            by_kind[home.setdefault(group, kinds[row])][group] += 1
        held_out: set[str] = set()
        for kind in sorted(by_kind, key=str):
            sizes = by_kind[kind]
            names = sorted(sizes)
            generator.shuffle(names)
            wanted, taken = round(self.valid * sum(sizes.values())), 0
            for name in names[:-1]:  # at least one group of each kind stays in training
                if taken + sizes[name] <= wanted:
                    held_out.add(name)
                    taken += sizes[name]
        return held_out


def _fixed(splits: list[str | None], groups: list[str | None], open_rows: set[int]) -> dict[str | None, str]:
    """Group -> the side that a dataset fixed for some of its rows; held out, where it fixed both."""
    fixed = [(group, splits[i]) for i, group in enumerate(groups) if i not in open_rows and group is not None]
    return {group: side for group, side in sorted(fixed, key=lambda it: it[1] == "valid") if side}


def _kinds(rows: pa.Table, context: StepContext, valid: float) -> list[str | None]:
    """Of which rows the same share is held out: those of one label. Where answers are texts of their own, those that
    stand too seldom to have a share are one kind: none of them would be held out."""
    written = {benchmark.name for benchmark in context.benchmarks if not benchmark.build_scorer().chooses}
    labels = list(zip(rows["task"].to_pylist(), rows["label"].to_pylist(), strict=True))
    seen = Counter(labels)
    return [task if task in written and seen[task, label] * valid < 1 else label for task, label in labels]


def _nothing_earlier(dated: int, latest: list[datetime]) -> str:
    if not dated:
        return "no row has a time, so none is held out. Name the column with `time:` in the dataset."
    return (
        f"all {dated:,} rows with a time, groups taken whole, end at {latest[0].isoformat()}: none is earlier than the "
        "held-out rows would be, so all train."
    )


def _times(rows: pa.Table, wanted: list[int]) -> dict[int, datetime]:
    """Row -> the last moment that its time may mean, for the wanted rows that have one. Raises `UserError`."""
    values = rows["time"].to_pylist()
    known = {value: _moment(value) for value in {values[i] for i in wanted} if value and value.strip()}
    strange = [i for i in wanted if values[i] in known and known[values[i]] is None]
    if strange:
        shown = rows.select(["id", "origin"]).take(strange[:SHOWN]).to_pylist()
        named = "; ".join(
            f"row {row['id']} ({row['origin']}): '{values[i]}'" for row, i in zip(shown, strange, strict=False)
        )
        raise UserError(
            f"split by time: {len(strange):,} rows have a time that cannot be read: {named}. "
            "Write it as 2024-05-31 or 2024-05-31T14:30:00Z, or use `by: group`."
        )
    return {i: moment for i in wanted if (moment := known.get(values[i])) is not None}


def _moment(text: str) -> datetime | None:
    """The last moment that an ISO 8601 time may mean: of 2024-05 the end of May. So a year alone never trains below a
    boundary within it. A time without a zone is read as UTC; None where it is no time."""
    text = text.strip()
    try:
        if short := re.fullmatch(r"(\d{4})(?:-(\d\d))?", text):
            year, month = int(short[1]), int(short[2] or 12)
            text = f"{year:04}-{month:02}-{monthrange(year, month)[1]:02}"
        moment = datetime.fromisoformat(text)
        if re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(-?\d)?", text):
            moment = datetime.combine(moment, time.max)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
