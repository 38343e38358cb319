"""What a recipe would do, without doing it."""

import os
import random
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question
from metier.data.records import questions as read_questions
from metier.data.steps.select import Step as Select
from metier.engine.training.context import TrainingContext
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark, share_datasets
from metier.evaluation.context_check import check_context
from metier.evaluation.stats import FEWEST_CLUSTERS, effective_clusters, minimum_detectable_share
from metier.methods import of_datasets
from metier.methods._tuning import Tuning
from metier.recipes.checks import check as problems_of
from metier.recipes.checks import label_problems, order_problems, question_problems
from metier.recipes.plugins import files_run
from metier.recipes.schema import QUICK_QUESTIONS, QUICK_ROWS, Recipe
from metier.runs.progress import Progress
from metier.stages.curate import for_learning

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel

SAMPLE = 200
"""Rows of each method from which its time is estimated."""
RUN = 20
"""So many of them stand side by side."""
SORTED = 50_000
"""Rows up to which neighbors are found by what the model reads; in larger datasets by their place in the file."""
LIKELY_CHANGED = 0.3
"""Share of answers that a tune changes from right to wrong or back, assumed for the smallest visible gain."""


def check(recipe: Recipe) -> dict[str, Any]:
    """Sizes, the rows that each method reads (epochs and repeats counted), rendered examples with their loss mask, and
    estimated minutes and memory on this machine, with the share of its cores that was `busy` in the minute before.

    Raises `Problems` with everything that is wrong. The estimate comes from timing a few passes of the model.
    """
    if problems := problems_of(recipe) or order_problems(recipe):
        raise Problems(problems)
    from metier.engine.models.memory import kernels_mb
    from metier.engine.models.model import load, tokens_only
    from metier.engine.training.estimate import asking_seconds

    busy = os.getloadavg()[0] / (os.cpu_count() or 1)  # before our own work counts
    datasets, benchmarks = recipe.build_datasets(), recipe.build_benchmarks()
    retention = [benchmark for benchmark, _ in recipe.build_retention()]
    share_datasets([*benchmarks, *retention], list(zip(recipe.datasets, datasets, strict=True)))
    known = pa.concat_tables(for_learning(datasets, benchmarks))
    rows = _to_learn_from(known)
    train = _rows_to_train(recipe, len(rows))
    tests = _tests(recipe, benchmarks, retention, known)
    model = load(recipe.model)
    truncated = check_context(
        tokens_only(recipe.model),
        recipe.build_methods(),
        [(one, questions, one.label_set(rows)) for one, questions in tests],
    )
    started = time.monotonic()
    asking = sum(asking_seconds(model, benchmark, questions) for benchmark, questions in tests)
    by_name = {benchmark.name: benchmark for benchmark in benchmarks}
    training, rows_read = _training(recipe, model, rows, by_name, train)
    examples = _examples(model, rows, by_name, recipe.seed)
    return {
        "train": train,
        "rows_read": rows_read,
        "questions": sum(len(questions) for _, questions in tests),
        "minimum_detectable_effect": _effects(tests, by_name, recipe.ship.alpha),
        "examples": examples,
        "truncated": truncated,
        "busy": round(busy, 2),
        "minutes": round((training + 2 * asking) / 60, 1),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + kernels_mb()),
        "seconds_to_estimate": round(time.monotonic() - started, 1),
        "python_files_run": files_run(),
    }


def _to_learn_from(known: pa.Table) -> pa.Table:
    """The rows that no dataset holds out. Raises `UserError` where there are none."""
    rows = known.filter(pc.equal(pc.fill_null(known["split"], "train"), "train"))
    if not len(rows):
        raise UserError("There are no rows to learn from. Name a dataset with a `label` column, or with text.")
    return rows


def _rows_to_train(recipe: Recipe, rows: int) -> int:
    """How many of the rows are trained on: what `select` and a quick run leave of them."""
    budget = min([step.rows for _, step in recipe.build_steps() if isinstance(step, Select)] + [rows])
    return min(budget, QUICK_ROWS) if recipe.quick else budget


def _training(
    recipe: Recipe, model: "LanguageModel", rows: pa.Table, benchmarks: dict[str, Benchmark], train: int
) -> tuple[float, dict[str, int]]:
    """Seconds that all methods take, and the rows that each of those that tune reads."""
    seconds, rows_read = 0.0, dict[str, int]()
    for name, method in recipe.build_methods():
        mine = of_datasets(rows, method.reads)
        if not len(mine):
            raise UserError(f"No rows come from the datasets that a method names: {', '.join(method.reads)}.")
        if isinstance(method, Tuning):  # before anything of it is made
            rows_read[name] = method.check_rows(mine)
        few = _few(mine, benchmarks, recipe.seed)
        context = TrainingContext(few, few, benchmarks, recipe.model, None, Path(), recipe.seed, Progress())
        seconds += method.seconds(model, context, round(train * len(mine) / len(rows)))
    return seconds, rows_read


def _effects(
    tests: list[tuple[Benchmark, list[Question]]], benchmarks: dict[str, Benchmark], alpha: float
) -> dict[str, Any]:
    """What the test of each benchmark can show, where its deciding metric is a share."""
    return {
        benchmark.name: _visible(questions, alpha)
        for benchmark, questions in tests
        if benchmark.name in benchmarks and next(iter(benchmark.build_metrics().values())).unit == "share"
    }


def _tests(
    recipe: Recipe, benchmarks: list[Benchmark], retention: list[Benchmark], rows: pa.Table
) -> list[tuple[Benchmark, list[Question]]]:
    """Each benchmark, those of retention included, with its questions. Raises `Problems` where some cannot be scored
    or a label could not be learned."""
    most = QUICK_QUESTIONS if recipe.quick else 0
    tests = [(benchmark, benchmark.questions(most)) for benchmark in (*benchmarks, *retention)]
    problems = [
        problem for one, questions in tests for problem in question_problems(one, questions, one.label_set(rows))
    ]
    if problems := label_problems(rows, benchmarks) + problems:
        raise Problems(problems)
    return tests


def _visible(questions: list[Question], alpha: float) -> dict[str, Any]:
    """`gain`, the smallest gain in a share that these questions can show, None where they stand in too few `groups` to
    test; and `alike`, the gain where all answers of a group are alike (the truth lies between the two)."""
    cluster = np.unique([question.group or question.id for question in questions], return_inverse=True)[1]
    groups = int(cluster.max()) + 1
    gain, alike = (
        round(minimum_detectable_share(n, LIKELY_CHANGED, alpha), 3) if groups >= FEWEST_CLUSTERS else None
        for n in (len(questions), round(effective_clusters(cluster)))
    )
    return {"groups": groups, "gain": gain, "alike": alike}


def _few(rows: pa.Table, benchmarks: dict[str, Benchmark], seed: int) -> pa.Table:
    """`SAMPLE` rows in runs of neighbors by what the model reads, since rows that begin alike are trained on together
    and cost less; and one of each dataset and kind that the draw missed: a method may need all of them."""
    draw, order = random.Random(seed), _by_likeness(rows, benchmarks)
    starts = range(0, len(rows), RUN)
    drawn = [at for start in draw.sample(starts, min(SAMPLE // RUN, len(starts))) for at in order[start : start + RUN]]
    label, chosen = (rows[column].is_valid().to_pylist() for column in ("label", "chosen"))
    kinds = list(zip(rows["source"].to_pylist(), label, chosen, strict=True))
    first = {kinds[position]: position for position in reversed(draw.sample(order, len(order)))}
    return rows.take(sorted({*drawn, *first.values()}))


def _by_likeness(rows: pa.Table, benchmarks: dict[str, Benchmark]) -> list[int]:
    """The positions of the rows, in the order of what the model reads; of large tables, as they stand."""
    order = list(range(len(rows)))
    if len(rows) <= SORTED:
        tasks, questions = rows["task"].to_pylist(), read_questions(rows, unlabeled=True)
        read = [benchmarks[task].render(row) if task else row.text for task, row in zip(tasks, questions, strict=True)]
        order.sort(key=read.__getitem__)
    return order


def _examples(
    model: "LanguageModel", rows: pa.Table, benchmarks: dict[str, Benchmark], seed: int
) -> list[dict[str, Any]]:
    """A few labeled rows or pairs as the model reads them, and what is learned of them (of a pair, the chosen one)."""
    pair = pc.and_(rows["chosen"].is_valid(), rows["rejected"].is_valid())
    labeled = rows.filter(pc.and_(pc.or_(rows["label"].is_valid(), pair), rows["task"].is_valid()))
    at = sorted(random.Random(seed).sample(range(len(labeled)), min(3, len(labeled))))
    examples = []
    for task, row in zip(labeled["task"].take(at).to_pylist(), read_questions(labeled.take(at)), strict=True):
        benchmark = benchmarks[task]
        target = [*model.answer(row.answer, benchmark.chat_template), model.end_token]
        read = model.read(benchmark.render(row), benchmark.chat_template)[0]
        examples.append({"task": task, "prompt": read, "target": model.tokenizer.decode(target)})
    return examples
