"""How long a question waits that comes alone, as a shopper's does; the answers themselves are given in batches."""

import time
from collections.abc import Sequence

import numpy as np

from metier.data.records import Question
from metier.evaluation.answers import LATENCY, stage_of
from metier.evaluation.asking import Model
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.draw import draw
from metier.evaluation.scoring import ModelLike
from metier.runs.files import fingerprint
from metier.runs.run import Run

VERSION = 1
QUESTIONS = 50
"""Enough for the third longest to be the p95."""
QUICK = 10
"""Of a smoke run, whose figures count for nothing: 50 took 2.5 minutes a benchmark on one slow core."""


def measure_latency(run: Run, benchmark: Benchmark, questions: Sequence[Question], model: Model) -> float:
    """Ask at most 50 questions (10 in a smoke run), drawn by their ids, one after the other; returns the seconds that
    took.

    Marked as done with `n`, `p50_s` and `p95_s`. The answers are thrown away: a question is judged by the answer that
    it got in its batch.
    """
    scorer, stage = benchmark.build_scorer(), stage_of(benchmark.name, LATENCY)
    some = draw(list(questions), QUICK if run.recipe.quick else QUESTIONS, f"{benchmark.name}:alone")
    shown = [(question.id, benchmark.render(question), question.options) for question in some]
    how = [benchmark.scorer, benchmark.chat_template, vars(scorer), benchmark.label_set()]
    inputs = fingerprint(VERSION, scorer.version, *model.made_by, how, shown)
    done = run.done(stage, inputs)
    if done is None:
        _ask(model.load(), benchmark, some[0])  # what the first question of a process pays for once
        run.progress.begin(f"evaluate: one at a time, {benchmark.name}", len(some), "questions")
        waits = []
        for question in some:
            waits.append(_ask(model.load(), benchmark, question))
            run.progress.advance(1)
        run.progress.end()
        middle, late = np.quantile(waits, [0.5, 0.95], method="higher")
        result = {"n": len(waits), "p50_s": round(float(middle), 4), "p95_s": round(float(late), 4)}
        done = run.mark_done(stage, inputs, result | {"seconds": round(sum(waits), 1)})
    return float(done["seconds"])


def _ask(model: ModelLike, benchmark: Benchmark, question: Question) -> float:
    # Not timed, as it is not in batches: here the prompt is tokenized and the engine checks itself.
    session = benchmark.build_scorer().ask(model, benchmark, [question], benchmark.label_set())
    began = time.monotonic()
    for batch in session.batches:
        session.answer(batch)
    return time.monotonic() - began
