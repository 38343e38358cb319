"""Traces: a line for each row that was answered, for `metier monitor`. Off by default."""

import logging
import os
import stat
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from metier.data.records import rows_to_table
from metier.data.step import StepContext
from metier.errors import UserError
from metier.recipes import plugins, strict_json
from metier.runs.run import Run
from metier.serving.review import Review
from metier.serving.served import Served
from metier.serving.server.metrics import Metrics

LOGGER = logging.getLogger("metier")
PRIVATE, OTHERS = 0o600, 0o077
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
REDACT = "redact"


class SentAnswer(Protocol):
    """An answer as it was sent."""

    @property
    def answer(self) -> str | None: ...
    @property
    def certainty(self) -> float | None: ...
    @property
    def second(self) -> str | None: ...
    @property
    def second_certainty(self) -> float | None: ...
    @property
    def probabilities(self) -> Mapping[str, float] | None: ...
    @property
    def review(self) -> bool | None: ...


class Traces:
    """A file that lines are appended to. A line that cannot be written is counted; the answer goes out all the same."""

    def __init__(self, path: Path, metrics: Metrics, redact: bool = False) -> None:
        self._metrics, self._redact, self._path = metrics, redact, path
        self._warned = self._torn = False
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, FLAGS, PRIVATE)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}. Name another file for --trace.") from error
        if stat.S_ISREG((now := os.fstat(self._file)).st_mode) and now.st_mode & OTHERS:
            os.close(self._file)
            raise UserError(f"{path} holds what people wrote, and others may read it. Run `chmod 600 {path}` first.")

    def add(
        self,
        served: Served,
        endpoint: str,
        request: str,
        rows: Sequence[Mapping[str, Any]],
        answers: Sequence[SentAnswer],
        seconds: float,
    ) -> None:
        """A line for each row of a request. It touches the disk: call it outside the event loop."""
        try:
            shown = self._shown(served, request, rows, answers)
        except Exception as error:  # of the redaction: what it could not look through is not kept
            self._lost(error, len(rows))
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for number, (row, one) in enumerate(shown):
            self._write(
                {
                    "time": time,
                    "id": f"{request}-{number}",
                    "run": served.name,
                    "model_sha256": served.sha256,
                    "verdict": served.decision,
                    "benchmark": served.benchmark.name,
                    "endpoint": endpoint,
                    "row": row,
                    **one,
                    "review_share": _share(served.review),
                    "seconds": round(seconds, 4),
                    "corrected": None,
                }
            )

    def _shown(
        self, served: Served, request: str, rows: Sequence[Mapping[str, Any]], answers: Sequence[SentAnswer]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The rows and their answers, redacted where that is asked for."""
        pairs = [(dict(row), _plain(one)) for row, one in zip(rows, answers, strict=True)]
        return redacted(served.run, pairs, served.kind == "written", request) if self._redact else pairs

    def _write(self, line: Mapping[str, Any]) -> None:
        """Append a line with one write, so that lines of several processes do not mix."""
        content = (strict_json.dumps(line, ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                # What a full disk tore off is ended first, so that this line is whole.
                begun = b"\n" + content if self._torn else content
                written = os.write(self._file, begun)
                self._torn = written < len(begun)
                if self._torn:
                    raise OSError("the disk is full")
            except OSError as error:
                self._lost(error, 1)

    def _lost(self, error: Exception, lines: int) -> None:
        self._metrics.traces_lost.inc(lines)
        if not self._warned:
            self._warned = True
            LOGGER.warning("%s: %s. Answers go out without a trace; /metrics counts them.", self._path, error)

    def close(self) -> None:
        """No line is written any more."""
        os.close(self._file)


def _share(review: Review | None) -> float | None:
    """The share of rows that was promised to be sent to review; None where no review was asked for."""
    return review.cut_off.review.value if review and review.cut_off else None


def check_redaction(run: Run) -> None:
    """Raises `UserError` where neither the run's recipe nor its industry says how to redact."""
    _step(run)


def _plain(one: SentAnswer) -> dict[str, Any]:
    return {
        "answer": one.answer,
        "certainty": one.certainty,
        "second": one.second,
        "second_certainty": one.second_certainty,
        "probabilities": None if one.probabilities is None else dict(one.probabilities),
        "review": one.review,
    }


def redacted(
    run: Run, pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], written: bool, request: str
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows and their answers without identifiers of persons: in every column, in the options, and in answers that are
    one of those or were `written`. Labels of a label set stay as they are. Dates move by days that
    follow from the `request` and the row's number in it."""
    table = rows_to_table(
        {
            "id": f"{request}-{number}",
            "text": str(row.get("text") or ""),
            "chosen": answer["answer"] if written else None,
            "options": row.get("options"),
            "fields": [(key, str(value)) for key, value in row.items() if _is_column(key, value)],
            "source": "",
            "license": "",
            "origin": "",
        }
        for number, (row, answer) in enumerate(pairs)
    )
    clean = _step(run).apply(table, StepContext(run.recipe.seed, [])).kept.to_pylist()
    return [_cleaned(row, answer, new) for (row, answer), new in zip(pairs, clean, strict=True)]


def _is_column(key: str, value: Any) -> bool:
    return key not in ("text", "options") and value is not None


def _cleaned(
    row: dict[str, Any], answer: dict[str, Any], clean: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row and its answer with what the redaction changed put in. A number that it left alone stays a number."""
    row, answer = dict(row), dict(answer)
    for key, value in clean["fields"] or ():
        if value != str(row[key]):
            row[key] = value
    if row.get("text"):
        row["text"] = clean["text"]
    if clean["chosen"] is not None:
        answer["answer"] = clean["chosen"]
    if row.get("options"):
        new = dict(zip(row["options"], clean["options"], strict=True))
        row["options"] = clean["options"]
        answer |= {key: new.get(answer[key], answer[key]) for key in ("answer", "second")}
        shares: dict[str, float] = defaultdict(float)
        for option, share in (answer["probabilities"] or {}).items():
            shares[new.get(option, option)] += share
        answer["probabilities"] = dict(shares)
    return row, answer


def _step(run: Run) -> Any:
    """The redaction of the run's own recipe, else that of its industry."""
    industry = plugins.find("industries", run.recipe.industry)()
    uses = [plugins.named(use) for use in (*run.recipe.steps, *industry.steps)]
    found = next((settings for name, settings in uses if name == REDACT), None)
    if found is None:
        raise UserError(
            f"The industry '{run.recipe.industry}' of {run.folder} has no step `redact`: nothing says what to redact. "
            "Leave out --redact and --trace, or serve a run whose recipe has the step."
        )
    return plugins.build("steps", REDACT, {**found, "labels": "auto"})
