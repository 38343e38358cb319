"""What a recipe would do, without doing it."""

import random
import resource
import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.errors import Problems, UserError
from metier.recipe import QUICK_QUESTIONS, QUICK_ROWS, Recipe, task_of
from metier.recipe import check as problems_of
from metier.records import questions
from metier.stats import smallest_visible_share

LIKELY_CHANGED = 0.3
"""Share of answers that a tune changes from right to wrong or back, assumed for the smallest visible gain."""


def check(recipe: Recipe) -> dict[str, Any]:
    """Sizes, rendered examples with their loss mask, and estimated minutes and memory on this machine.

    Raises `Problems` with everything that is wrong. The estimate comes from timing a few passes of the model.
    """
    if problems := problems_of(recipe):
        raise Problems(problems)
    from metier.engine.estimate import asking_seconds
    from metier.engine.model import load

    benchmarks = recipe.build_benchmarks()
    pairs = [(source.rows(), task_of(source, benchmarks)) for source in recipe.build_sources()]
    labelled = [(task, row) for table, task in pairs if task for row in questions(_to_train_on(table))]
    if not labelled:
        raise UserError("There are no labelled rows to learn from. Name a source with a `label` column.")
    budget = min([step.rows for name, step in recipe.build_steps() if name == "select"] + [len(labelled)])
    train = min(budget, QUICK_ROWS) if recipe.quick else budget
    most = QUICK_QUESTIONS if recipe.quick else 0
    asked = [
        (benchmark, benchmark.questions(most)) for benchmark in [*benchmarks, *(b for b, _ in recipe.build_keep())]
    ]
    model = load(recipe.model)
    drawn = random.Random(recipe.seed).sample(labelled, min(200, len(labelled)))
    lengths = [
        (len(model.read(task.render(row), task.template)[1]), len(model.answer(row.answer, task.template)) + 1)
        for task, row in drawn
    ]
    started = time.monotonic()
    asking = sum(asking_seconds(model, benchmark, found) for benchmark, found in asked)
    training = sum(method.seconds(model, lengths, train) for _, method in recipe.build_methods())
    examples = [
        {
            "task": task.name,
            "prompt": model.read(task.render(row), task.template)[0],
            "target": model.tokenizer.decode([*model.answer(row.answer, task.template), model.end_token]),
        }
        for task, row in drawn[:3]
    ]
    return {
        "train": train,
        "questions": sum(len(found) for _, found in asked),
        "smallest_visible": {
            benchmark.name: round(smallest_visible_share(len(found), LIKELY_CHANGED), 3)
            for benchmark, found in asked
            if next(iter(benchmark.build_metrics().values())).unit == "share"
        },
        "examples": examples,
        "minutes": round((training + 2 * asking) / 60, 1),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seconds_to_estimate": round(time.monotonic() - started, 1),
    }


def _to_train_on(table: pa.Table) -> pa.Table:
    """The rows that may become training rows: those that their source does not hold out itself."""
    return table.filter(pc.equal(pc.fill_null(table["split"], "train"), "train"))
