"""Answers that cost money, kept line by line as they come: a killed run goes on without paying twice."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from metier.runs.files import fingerprint


@dataclass(frozen=True)
class Paid:
    """An answer and what it cost."""

    asked: str
    """A hash of the address, the model and all that was sent."""
    content: str | None
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: float
    counted: float = 0.0
    """What a limit on cost counts: at least a token for four letters, whatever the address says."""


class PaidAnswers:
    """The answers of one file, by what was asked. Without a file they are kept as long as the process lives."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, Paid] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
        for line in text.split("\n"):
            if (one := _whole(line)) is not None:
                self.known[one.asked] = one
        self._counted = sum(map(_counted, self.known.values()))
        # A kill may have torn the last line: the next one begins on a line of its own.
        self._torn = bool(text) and not text.endswith("\n")

    @property
    def counted(self) -> float:
        """What a limit counts, of all answers in the file and in those of the run's other benchmarks."""
        return self._counted + self._elsewhere

    @cached_property
    def _elsewhere(self) -> float:
        if self.path is None:
            return 0.0
        others = (path for path in self.path.parent.parent.glob(f"*/{self.path.name}") if path != self.path)
        return sum(PaidAnswers(path)._counted for path in others)

    def add(self, one: Paid) -> None:
        """Keep an answer, on the disk before anything else is asked."""
        self.known[one.asked] = one
        self._counted += _counted(one)
        if self.path is None:
            return
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(("\n" if self._torn else "") + _line(one))
            stream.flush()
            os.fsync(stream.fileno())
        self._torn = False


def _counted(one: Paid) -> float:
    return max(one.cost, one.counted)


def _line(one: Paid) -> str:
    row = asdict(one)
    return json.dumps({"line": fingerprint(row), **row}, ensure_ascii=False, allow_nan=False) + "\n"


def _whole(line: str) -> Paid | None:
    """The answer of a line; None where the line is not as it was written."""
    try:
        row = json.loads(line)
        return Paid(**row) if row.pop("line") == fingerprint(row) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
