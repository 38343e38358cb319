"""A file of rows in, a file of answers out: in order, resumable, in constant memory."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import xxhash

from metier.data.reading import FileSource
from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, TooLong
from metier.runs.files import fingerprint
from metier.runs.progress import Progress
from metier.serving.predictor import question_of
from metier.serving.review import Review
from metier.serving.table import InputRow, check_suffix, common_type, input_rows, writer

VERSION = 1
CHUNK = 2048
"""Questions that are answered and kept together: a killed call repeats at most so many."""

Answerer = Callable[[Sequence[Question]], list[Prediction]]
"""Questions in, their predictions out, in order."""


@dataclass(frozen=True)
class Done:
    """What a call of `metier predict` did."""

    out: str
    rows: int
    answered: int
    """Rows with an answer; the others have a reason."""
    distinct: int
    """Different questions among them; each is asked once."""
    to_review: int
    seconds: float
    """Spent on answering in this call."""


@dataclass(frozen=True)
class Work:
    """What is to be answered, and by whom."""

    benchmark: Benchmark
    answer: Answerer
    made_by: Sequence[Any]
    """Everything but the rows that an answer depends on."""
    review: Review | None
    """None: the answers are written, and have no certainty."""
    prefix: str = ""
    """What stands before the names of the new columns."""

    @cached_property
    def fields(self) -> list[str]:
        """Columns for the parts of an answer that is a JSON object: the fields of the right answers to the test."""
        if "fields" not in self.benchmark.build_scorer().gives:
            return []
        known = {field for question in self.benchmark.questions() for field in json.loads(question.answer)}
        return [f"answer.{field}" for field in sorted(known)]


def predict_file(work: Work, source: FileSource, out: Path, progress: Progress) -> Done:
    """Answer every row of `source` into `out`, which is there completely or not at all.

    Equal questions are asked once. A row without an answer gets a reason. Raises `UserError` where a file cannot be
    read, `out` has a suffix that there is not, or the rows have a column that an answer would overwrite.
    """
    check_suffix(out)
    columns, rows = _survey(source)
    new = {f"{work.prefix}{column}": of for column, of in _new_columns(work).items()}
    if taken := [column for column in new if column in columns]:
        raise UserError(f"{source.path} has a column '{taken[0]}' already. Use `--prefix model_`.")
    scratch = out.with_name(f".{out.stem}.part{out.suffix}")
    store = out.with_name(f".{out.name}.answers.sqlite")
    inputs = fingerprint(VERSION, work.made_by, work.benchmark.label_set(), source.fingerprint(), CHUNK)
    with closing(_Store(store, inputs)) as known:
        seconds = _answer_all(work, source, known, rows, progress)
        done = _write(work, source, known, scratch, columns | new)
        distinct = known.count()
    scratch.replace(out)
    store.unlink()
    return Done(str(out), rows, done[0], distinct, done[1], round(seconds, 3))


def _survey(source: FileSource) -> tuple[dict[str, type], int]:
    """(all columns of the rows with the type of their cells, how many rows there are)."""
    columns: dict[str, type] = {}
    rows = 0
    for row in input_rows(source):
        for column, cell in row.columns.items():
            columns[column] = common_type(columns.get(column), cell)
        rows += 1
    if not rows:
        raise UserError(f"{source.path} is empty. Give a file with at least one row.")
    return columns, rows


def _new_columns(work: Work) -> dict[str, type]:
    if work.review is None:
        return {"answer": str, **dict.fromkeys(work.fields, str), "reason": str}
    return {
        "answer": str,
        "certainty": float,
        "second": str,
        "second_certainty": float,
        "review": str,
        "reason": str,
    }


def _question(work: Work, source: FileSource, row: InputRow) -> Question | str:
    """The row as a question, or why it is none."""
    if row.reason:
        return row.reason
    columns = dict(row.columns)
    text = columns.get(source.text)
    if source.text != "text":
        columns["text"] = text
    if not isinstance(text, str) or not text.strip():
        return f"has no text in '{source.text}'"
    if source.options:
        columns["options"] = columns.get(source.options)
    try:
        return question_of(work.benchmark, columns, row.origin)
    except UserError as error:
        return str(error)


def _digest(work: Work, question: Question) -> bytes:
    return xxhash.xxh3_128_digest(repr((work.benchmark.render(question), question.options)).encode("utf-8", "replace"))


def _answer_all(work: Work, source: FileSource, known: "_Store", rows: int, progress: Progress) -> float:
    """Answer what is not answered yet, chunk by chunk; returns the seconds that took."""
    chunk: dict[bytes, Question] = {}
    seconds, passed = 0.0, 0
    progress.begin("predict", rows, "rows")

    def flush() -> None:
        nonlocal seconds, passed
        began = time.monotonic()
        known.add(zip(chunk, _answered(work, list(chunk.values())), strict=True))
        seconds += time.monotonic() - began
        progress.advance(passed)
        chunk.clear()
        passed = 0

    for row in input_rows(source):
        passed += 1
        question = _question(work, source, row)
        if isinstance(question, str):
            continue
        digest = _digest(work, question)
        if digest not in chunk and digest not in known:
            chunk[digest] = question
        if len(chunk) == CHUNK:
            flush()
    flush()
    progress.end()
    return seconds


def _answered(work: Work, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """What is kept of each answer; of a question that does not fit into the model's context, why."""
    if not questions:
        return []
    try:
        return [_kept(work, prediction) for prediction in work.answer(questions)]
    except TooLong as error:
        if len(questions) == 1:
            return [{"reason": str(error)}]
        middle = len(questions) // 2  # one of them is too long: the others are answered
        return [*_answered(work, questions[:middle]), *_answered(work, questions[middle:])]


def _kept(work: Work, prediction: Prediction) -> dict[str, Any]:
    if prediction.answer is None:
        return {"reason": "no answer could be read out of the model's words", "completion": prediction.completion}
    sure = work.review.of(prediction) if work.review else None
    return {"answer": prediction.answer, **(asdict(sure) if sure else {})}


def _write(work: Work, source: FileSource, known: "_Store", path: Path, columns: Mapping[str, type]) -> tuple[int, int]:
    """Write all rows with their answers; returns (rows with an answer, rows for review)."""
    answered = review = 0
    with writer(path, columns) as table:
        for rows in _in_chunks(input_rows(source)):
            filled = []
            for row in rows:
                given = _looked_up(work, source, known, row)
                answered += "answer" in given
                review += given.get("review") is True
                filled.append(
                    {**row.columns, **{f"{work.prefix}{key}": value for key, value in _cells(work, given).items()}}
                )
            table.write(filled)
    return answered, review


def _looked_up(work: Work, source: FileSource, known: "_Store", row: InputRow) -> dict[str, Any]:
    question = _question(work, source, row)
    if isinstance(question, str):
        return {"reason": f"{row.origin} {question}" if row.reason else question}
    return known.get(_digest(work, question))


def _cells(work: Work, given: Mapping[str, Any]) -> dict[str, Any]:
    """As a reader sees them: shares with four digits, review as yes or no, the fields of a JSON object apart."""
    shown = {key: value for key, value in given.items() if key != "completion"}
    if work.fields and "answer" in shown:
        shown |= {f"answer.{field}": value for field, value in json.loads(shown["answer"]).items()}
    for key in ("certainty", "second_certainty"):
        if key in shown:
            shown[key] = round(shown[key], 4)
    if "answer" not in shown:
        return {**shown, "review": "yes"}  # a person has to look at what has no answer
    return {**shown, "review": "yes" if shown["review"] else "no"} if "review" in shown else shown


def _in_chunks(rows: Iterator[InputRow]) -> Iterator[list[InputRow]]:
    chunk: list[InputRow] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


class _Store:
    """Answers by question, on disk: equal questions are asked once, and a killed call goes on behind its last chunk."""

    def __init__(self, path: Path, inputs: str) -> None:
        try:
            self.database = self._opened(path)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path} cannot be written: {error}. Name an --out in a folder that can be.") from error
        except sqlite3.DatabaseError:  # damaged: what it held is asked again
            path.unlink()
            self.database = self._opened(path)
        made_from = self.database.execute("SELECT inputs FROM made_from").fetchall()
        if made_from != [(inputs,)]:  # of other rows or another model
            with self.database:
                self.database.execute("DELETE FROM answers")
                self.database.execute("DELETE FROM made_from")
                self.database.execute("INSERT INTO made_from VALUES (?)", (inputs,))

    @staticmethod
    def _opened(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE IF NOT EXISTS made_from (inputs TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS answers (digest BLOB PRIMARY KEY, answer TEXT) WITHOUT ROWID")
        return database

    def __contains__(self, digest: bytes) -> bool:
        return bool(self.database.execute("SELECT 1 FROM answers WHERE digest = ?", (digest,)).fetchone())

    def get(self, digest: bytes) -> dict[str, Any]:
        (answer,) = self.database.execute("SELECT answer FROM answers WHERE digest = ?", (digest,)).fetchone()
        found: dict[str, Any] = json.loads(answer)
        return found

    def add(self, answers: Iterator[tuple[bytes, dict[str, Any]]]) -> None:
        """All of them, or none. Raises `UserError` where the disk is full: what was kept before stays."""
        rows = [(digest, json.dumps(answer)) for digest, answer in answers]
        try:
            with self.database:
                self.database.executemany("INSERT INTO answers VALUES (?, ?)", rows)
        except sqlite3.OperationalError as error:
            raise UserError(
                f"The answers cannot be kept: {error}. Make room and call again: it goes on here."
            ) from error

    def count(self) -> int:
        return int(self.database.execute("SELECT COUNT(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        self.database.close()
