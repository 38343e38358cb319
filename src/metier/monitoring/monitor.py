"""`metier monitor`: the answers of a model at work against its test, alarms, and the rows to label next."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metier.errors import shown
from metier.evaluation import sequential, stats
from metier.evaluation.answers import JUDGED
from metier.evaluation.results import Figure
from metier.monitoring import accuracy, drift
from metier.monitoring.collect import Collection
from metier.monitoring.corrections import Corrections
from metier.monitoring.labeling import Queue, write_queue
from metier.monitoring.looks import Look
from metier.monitoring.page import monitor_page
from metier.monitoring.reference import Reference, reference
from metier.monitoring.results import AlarmResult, DayResult, LabelShare, Monitoring
from metier.monitoring.to_dataset import check_dataset, write_dataset
from metier.monitoring.traces import Trace, read_traces
from metier.runs.files import write_json, write_text
from metier.runs.run import Run


@dataclass(frozen=True)
class MonitorOptions:
    """What a call of `metier monitor` asks for."""

    benchmark: str | None = None
    who: str = JUDGED
    corrected: str | None = None
    """A file with the columns `id` and `corrected`, as `to_label.csv` is."""
    at_random: bool = False
    """Whether reviewed rows were drawn at random."""
    to_dataset: Path | None = None
    license: str | None = None


def monitor(run: Run, traces: str, out: Path, options: MonitorOptions) -> Monitoring:
    """Write monitor.html, monitor.json and to_label.csv into a folder, and a dataset where one is asked for.

    Raises `UserError` where the run is not finished, or no row is of it.
    """
    held = reference(run, options.benchmark, options.who)
    terms = check_dataset(options.to_dataset, options.license, run) if options.to_dataset else ""
    given = Collection(held, Corrections(options.corrected))
    given.read(read_traces(traces))
    out.mkdir(parents=True, exist_ok=True)
    queued = write_queue(
        out / "to_label.csv", given.unsure, _to_draw(given, options.at_random), given.known, given.drawn
    )
    found = _found(held, given, options, queued)
    if options.to_dataset:
        rows = (trace for trace in read_traces(traces) if isinstance(trace, Trace))
        found = found.model_copy(update={"dataset": write_dataset(options.to_dataset, rows, given, found, terms)})
    write_json(out / "monitor.json", found.to_json())
    write_text(out / "monitor.html", monitor_page(found))
    return found


def _to_draw(given: Collection, at_random: bool) -> list[Queue]:
    """Where the random sample is drawn from. Rows that people picked belong to it, unless all rows of their kind count
    anyway."""
    return [
        queue
        for (kind, looked_at), queue in given.random.items()
        if not looked_at or not (at_random or accuracy.complete(given, kind))
    ]


def _corrections_left(given: Corrections) -> Iterator[str]:
    """What could not be used of the file of corrections, or fits too often."""
    if given.broken:
        yield f"{len(given.broken):,} rows of the corrections cannot be read. The first: {shown(given.broken[0], 300)}"
    if unused := given.unused:
        yield (
            f"{len(unused):,} corrections fit no row by `id` and `answer` and are not counted. The first: {unused[0]}. "
            "Look whether a spreadsheet changed them."
        )
    if several := given.ambiguous:
        yield (
            f"{len(several):,} corrections fit more than one row and count for each. The first: {several[0]}. "
            "Give each row an `id` of its own."
        )


def _found(held: Reference, given: Collection, options: MonitorOptions, queued: int) -> Monitoring:
    train = held.run.table("curate", "train.parquet")["text"].to_pylist()
    measured, unmeasured = drift.measures(drift.sides(held, given.sample), train, bool(held.labels))
    accuracies, alarms, of_all = accuracy.accuracies(given, options.at_random)
    sent, flagged = sum(look.sent for look in given.looks), sum(look.flagged for look in given.looks)
    days = [look.name for look in given.looks if not look.name.startswith("from row")]
    return Monitoring(
        run=str(held.run.folder),
        benchmark=held.benchmark.name,
        who=held.who,
        model_sha256=held.model,
        rows=given.rows,
        answered=given.answered,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        other_models=sum(given.other_models.values()),
        other_benchmarks=given.other_benchmarks,
        rejected=given.rejected,
        rejected_examples=tuple(given.rejected_examples),
        missing=tuple([*_missing(held, given), *unmeasured]),
        sampled=len(given.sample),
        promised_review=given.promises.most_common(1)[0][0] if given.promises else None,
        review=Figure.of(stats.wilson(sent, flagged)) if flagged else None,
        drift=tuple(measured),
        label_shares=tuple(_label_shares(held, given)),
        accuracy=tuple(accuracies),
        accuracy_of_all=of_all,
        alarms=tuple([*alarms, *_drift_alarms(held, given)]),
        days=tuple(_day(look) for look in given.looks),
        queued=queued,
    )


def _missing(held: Reference, given: Collection) -> Iterator[str]:
    """What the rows do not say, in sentences."""
    if given.days.without_time == given.rows:
        yield "The rows have no `time`: they are looked at in blocks of 500 or more, in the order of the file."
    elif given.days.without_time:
        yield f"{given.days.without_time:,} rows have no `time`. They count on the day of the row before them."
    if given.days.late:
        yield f"{given.days.late:,} rows are older than one before them. They count on its day. Sort the files by time."
    if held.no_certainty:
        yield f"Drift of certainty is not measured. {held.no_certainty}"
    elif not any(look.with_certainty for look in given.looks):
        yield "The rows have no `certainty`, so its drift is not measured."
    if not given.of_kind["sent"] + given.of_kind["others"]:
        yield "The rows do not say which went to `review`, so the share sent to review is not known."
    elif not given.promises:
        yield "The rows do not say what share of them was to go to review (`review_share`), as answers of `predict`."
    elif len(given.promises) > 1:
        yield f"{len(given.promises)} shares of review were promised. The most common one is held against the rows."
    if not given.known:
        yield "Nobody has looked at a row: `corrected` is empty everywhere, so accuracy is not known."
    if given.strange_labels:
        first = given.strange[0]
        yield (
            f"{given.strange_labels:,} corrections are not in the label set and are not counted: "
            f"{first.place} {first.why}. Labels: {shown(', '.join(held.labels), 200)}."
        )
    yield from _corrections_left(given.corrections)
    if given.without_text:
        yield f"{given.without_text:,} rows have no text in 'text' or '{held.column}'."
    if given.ungrouped:
        column = held.benchmark.cluster
        yield f"The test has groups; rows that do not name theirs ('{column}') count as rows that stand alone."


def _label_shares(held: Reference, given: Collection) -> Iterator[LabelShare]:
    """The ten labels whose shares differ most."""
    if not held.labels:
        return
    test = [str(answer.answer) for answer in held.table.answers]
    n = held.right(np.ones(len(test), dtype=bool))[1]
    shares = {
        label: (test.count(label) / len(test), given.label_shares[label] / given.answered) for label in held.labels
    }
    for label in sorted(shares, key=lambda label: -abs(shares[label][1] - shares[label][0]))[:10]:
        before, now = shares[label]
        yield LabelShare(
            label=label,
            test=Figure.of(stats.wilson(before * n, n)),
            new=Figure.of(stats.wilson(now * given.answered, given.answered)),
        )


def _drift_alarms(held: Reference, given: Collection) -> Iterator[AlarmResult]:
    days = [look.name for look in given.looks]
    wanted = (
        (
            "labels",
            "Label shares of the answers",
            "label_cells",
            "" if held.labels else "The answers have no label set.",
        ),
        ("certainty", "Certainty of the answers", "certainty_cells", held.no_certainty),
    )
    for name, title, cells, why in wanted:
        counts = [getattr(look, cells) for look in given.looks]
        alpha = accuracy.ALPHA[name]
        if not why and not sum(int(one.sum()) for one in counts):
            why = "The rows do not say it."
        if why:
            yield accuracy.not_judged(name, title, alpha, why)
            continue
        alarm = sequential.Alarm(tuple(map(float, sequential.drift(counts))), alpha, latched=True)
        note = f"{sum(int(one.sum()) for one in counts):,} rows against {len(held.table.answers):,} test questions."
        yield accuracy.judged(name, title, alarm, days, note)


def _day(look: Look) -> DayResult:
    reviewed = {kind: n for kind, n in look.reviewed.items() if "sampled" not in kind}
    return DayResult(
        day=look.name,
        rows=look.rows,
        certainty=look.certain / look.with_certainty if look.with_certainty else None,
        sent=look.sent / look.flagged if look.flagged else None,
        looked_at=sum(reviewed.values()),
        right=sum(look.right[kind] for kind in reviewed),
    )
