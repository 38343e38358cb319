"""Baselines: what a tuned model has to beat, made of the very rows that it was trained on; one file each."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.evaluation.answers import stage_of, write_answers
from metier.evaluation.asking import questions_print
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import MetricLike
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.runs.files import fingerprint
from metier.runs.run import Run

VERSION = 4


@dataclass(frozen=True)
class BaselineContext:
    """All that a baseline is given."""

    benchmark: Benchmark
    rows: Sequence[Question]
    """The benchmark's training rows."""
    questions: Sequence[Question]
    """What is asked."""
    labels: Sequence[str]
    """The label set; empty where a scorer needs none."""
    metric: MetricLike
    """The one that decides."""
    seed: int


@dataclass(frozen=True)
class BaselineAnswers:
    """What a baseline answers, in the order of the questions."""

    name: str
    """What a report calls it."""
    answers: list[Prediction]
    majority: str | None = None
    """The commonest training label, where there is a label set."""


class BaselineLike(Protocol):
    """What the file of a baseline defines as `Baseline`, a dataclass whose fields are its settings."""

    version: int
    """Raised when answers would come out differently, so that no stale answer is used."""

    def answer(self, context: BaselineContext) -> BaselineAnswers:
        """Learn from the rows and answer the questions."""


def answer_baseline(run: Run, benchmark: Benchmark, training_rows: pa.Table) -> float:
    """Let the benchmark's baseline answer, or find it answered; returns the seconds it took (0: it has none)."""
    rows = questions(training_rows.filter(pc.equal(training_rows["task"], benchmark.name)))
    name, asked = benchmark.baseline, benchmark.questions()
    if not rows or name is None:
        return 0.0
    baseline: BaselineLike = plugins.build("baselines", name, {})
    metric, stage = next(iter(benchmark.build_metrics().values())), stage_of(benchmark.name, name)
    prints = [questions_print(benchmark, some) for some in (rows, asked)]
    inputs = fingerprint(
        VERSION, baseline.version, vars(baseline), vars(metric), benchmark.metrics[0], prints, run.recipe.seed
    )
    done = run.done(stage, inputs)
    if done is None:
        started = time.monotonic()
        context = BaselineContext(benchmark, rows, asked, benchmark.label_set(), metric, run.recipe.seed)
        given = baseline.answer(context)
        write_answers(run.path(f"{stage}.jsonl"), given.answers)
        seconds = round(time.monotonic() - started, 1)
        run.progress.say(f"  evaluate: baseline, {benchmark.name}: {given.name} in {seconds} s")
        result = {"name": given.name, "version": baseline.version, "majority": given.majority, "rows": len(rows)}
        done = run.mark_done(stage, inputs, result | {"seconds": seconds}, f"{stage}.jsonl")
    return float(done["seconds"])
