"""What of a row counts when rows are compared: the text, and whatever else of it a model would read."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark


def columns_of(benchmark: Benchmark) -> list[str]:
    """The columns that a benchmark's prompt names, besides the text."""
    return sorted(set(re.findall(r"\{(\w+)\}", benchmark.prompt)) - {"text"})


def question_text(benchmark: Benchmark, question: Question) -> str:
    """A question as `compared` gives it for a row."""
    columns = columns_of(benchmark)
    return (
        "\n".join([question.text, *(question.fields.get(column, "") for column in columns)])
        if columns
        else question.text
    )


def beside(rows: pa.Table, benchmarks: Sequence[Benchmark], answers: bool = True) -> list[tuple[str, ...]]:
    """What a row has besides its text: the columns that its task's prompt names, and with `answers` chosen and
    rejected answer.

    A clause under two hypotheses is two questions, and a prompt with two pairs of answers two preferences: by the text
    alone one of them would go as a duplicate.
    """
    named = {benchmark.name: columns_of(benchmark) for benchmark in benchmarks}
    wide = pa.array([name for name, columns in named.items() if columns], pa.string())
    more = pc.is_in(rows["task"], wide)
    if answers:
        more = pc.or_(more, pc.is_valid(rows["chosen"]))
    others: list[tuple[str, ...]] = [()] * len(rows)
    positions = np.flatnonzero(more.to_numpy())
    columns = ["task", "fields", "chosen", "rejected"]
    for at, row in zip(positions, rows.filter(more).select(columns).to_pylist(), strict=True):
        fields = dict(row["fields"] or ())
        pair = [row["chosen"], row["rejected"] or ""] if answers and row["chosen"] is not None else []
        others[at] = (*(fields.get(column, "") for column in named.get(row["task"], [])), *pair)
    return others


def compared(rows: pa.Table, benchmarks: Sequence[Benchmark], answers: bool = True) -> pa.ChunkedArray | pa.Array:
    """One string a row: the text, and behind it what stands beside it."""
    more = beside(rows, benchmarks, answers)
    wide = np.array([bool(parts) for parts in more], bool)
    if not wide.any():
        return rows["text"]
    texts = rows["text"].cast(pa.large_string()).combine_chunks()
    pairs = zip(texts.filter(pa.array(wide)).to_pylist(), [parts for parts in more if parts], strict=True)
    whole = pa.array(["\n".join([text, *parts]) for text, parts in pairs], pa.large_string())
    return pc.replace_with_mask(texts, pa.array(wide), whole)
