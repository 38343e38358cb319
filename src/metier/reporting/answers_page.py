"""answers.html: every question with all answers in one file, which needs no network."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import Any

from metier.errors import UNPRINTABLE, shortened
from metier.evaluation.samples import file_of
from metier.reporting.answer_rows import CONFIDENT, AnsweredBenchmark, AnswerRow, Given
from metier.reporting.pages import template

SCRIPTS = ("answers_rows.js", "answers.js")
"""One script in two files: the page's policy names its hash, and no other one runs."""
MOST_BYTES = 9_500_000
"""Of the data in the page: with the rest it stays below 10 MB."""
LIMITS = (20_000, 8_000, 4_000, 2_000, 1_000, 500, 250)
"""Characters of one text that the page holds: the first of these with which all texts fit."""
# What could end the element that holds the data, or begin a comment in it, and what an editor obeys instead of showing.
# None of it stands in JSON outside of strings.
UNSAFE = re.compile(f"[<>&\u2028\u2029{UNPRINTABLE.pattern[1:]}")


def answers_page(name: str, benchmarks: Sequence[AnsweredBenchmark]) -> str:
    """The page. `name`: what it calls the run."""
    from markupsafe import Markup

    templates = files("metier.reporting").joinpath("templates")
    script = "".join(templates.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    page: str = template("answers.html").render(
        name=name,
        questions=sum(len(one.rows) for one in benchmarks),
        confident=CONFIDENT,
        data=Markup(page_data(benchmarks)),
        script=Markup(script),
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page


def page_data(benchmarks: Sequence[AnsweredBenchmark], most_bytes: int = MOST_BYTES) -> str:
    """All rows as JSON that nothing in a text breaks out of. Long texts are shortened until it has `most_bytes`; no
    row is left out, so more questions than fit make it larger."""
    tables = [_Strings() for _ in benchmarks]
    plain = [_benchmark(one, strings) for one, strings in zip(benchmarks, tables, strict=True)]
    texts = [text for strings in tables for text in strings.numbers]
    encoded = ""
    for limit in LIMITS:
        if limit != LIMITS[-1] and sum(min(len(text), limit) for text in texts) > most_bytes:
            continue  # without the work of writing what cannot fit
        for entry, strings in zip(plain, tables, strict=True):
            entry["strings"] = strings.shortened(limit, entry["name"])
        encoded = escaped_json({"confident": CONFIDENT, "benchmarks": plain})
        if len(encoded.encode()) <= most_bytes:
            break
    return encoded


def escaped_json(value: Any) -> str:
    """JSON for a `<script type="application/json">`: markup, line separators, control characters, bidirectional
    controls and lone surrogates stand as `\\uXXXX`, which JSON reads back as it was."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class _Strings:
    """Each different text once: elsewhere stands its number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """-1 where there is no text."""
        return -1 if text is None else self.numbers.setdefault(text, len(self.numbers))

    def column(self, texts: Iterable[str | None]) -> list[int] | None:
        """The numbers of a column's texts; None where all are missing."""
        numbers = [self.number(text) for text in texts]
        return numbers if any(number >= 0 for number in numbers) else None

    def shortened(self, limit: int, benchmark: str) -> list[str]:
        """All texts, the long ones by their two ends and with where the whole stands."""
        where = f"more characters; shortened, whole text in {file_of(benchmark)}, whole answer in the .jsonl beside it"
        return [shortened(text, limit, where) for text in self.numbers]


def _benchmark(one: AnsweredBenchmark, strings: _Strings) -> dict[str, Any]:
    """Columns instead of rows: a key stands once and not once a question."""
    rows = one.rows
    chosen = [[strings.number(option) for option in row.options] for row in rows]
    return {
        "name": one.name,
        "file": file_of(one.name),
        "prompt": one.prompt,
        "labels": one.labels,
        "baseline": one.baseline,
        "losses": one.losses,
        "rows": len(rows),
        "id": strings.column(row.id for row in rows),
        "text": strings.column(row.text for row in rows),
        "length": [len(row.text) for row in rows],
        "right": strings.column(row.right for row in rows),
        "gold": [row.gold for row in rows] if one.labels else None,
        "predicted": [row.predicted for row in rows] if one.labels else None,
        "certainty": [row.certainty for row in rows],
        "group": strings.column(row.group for row in rows),
        "suspect": strings.column(row.suspect for row in rows),
        "options": chosen if any(chosen) else None,
        "models": {
            "base": _given(rows, strings, lambda row: row.base),
            "tuned": _given(rows, strings, lambda row: row.tuned),
            **({"baseline": _given(rows, strings, lambda row: row.baseline)} if one.baseline else {}),
        },
        "slices": {name: strings.column(row.slices.get(name) for row in rows) for name in one.columns("slices")},
        "fields": {name: strings.column(row.fields.get(name) for row in rows) for name in one.columns("fields")},
    }


def _given(rows: Sequence[AnswerRow], strings: _Strings, of: Callable[[AnswerRow], Given | None]) -> dict[str, Any]:
    given = [of(row) or Given(None, None) for row in rows]
    return {
        "answer": strings.column(one.answer for one in given),
        "score": [_short(one.score) for one in given],
        "completion": strings.column(one.completion for one in given),
    }


def _short(score: float | None) -> float | None:
    """1 and not 1.0: there are three of them a question."""
    return int(score) if score is not None and score == int(score) else score
