"""What a recipe would do, without doing it."""

import os
import random
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.dataset import DatasetLike
from metier.data.reading import FileSource
from metier.data.records import Question
from metier.data.records import questions as read_questions
from metier.data.steps.select import Step as Select
from metier.data.whose import whose
from metier.engine.training.context import TrainingContext
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark, share_datasets
from metier.evaluation.context_check import check_context
from metier.experiments.power import expected_power
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


def check(recipe: Recipe) -> dict[str, Any]:
    """Sizes, whose rows and questions they are, the rows that each method reads (epochs and repeats counted), what the
    tests will find, rendered examples with their loss mask, and estimated minutes and memory on this machine, with the
    share of its cores that was `busy` in the minute before. Says what it does as it goes.

    Raises `Problems` with everything that is wrong. The estimate comes from timing a few passes of the model.
    """
    if problems := problems_of(recipe) or order_problems(recipe):
        raise Problems(problems)
    busy, progress = os.getloadavg()[0] / (os.cpu_count() or 1), Progress()  # before our own work counts
    with progress.working("check: reading rows and questions"):
        asked = Asked.of(recipe)
    with progress.working(f"check: loading the model {recipe.model}"):
        from metier.engine.models.model import load, tokens_only

        model = load(recipe.model, warn=progress.warn)
        truncated = check_context(
            tokens_only(recipe.model, progress.warn),
            recipe.build_methods(),
            [(one, questions, one.label_set(asked.rows)) for one, questions in asked.tests],
        )
    with progress.working("check: asking the baseline about a part of the training rows"):
        power = _power(recipe, asked)
    return {
        "train": asked.train,
        "rows": whose(asked.rows["source"].to_pylist(), asked.own),
        "questions": sum(len(questions) for _, questions in asked.tests),
        "questions_of": asked.whose_questions(),
        "power": power,
        "truncated": truncated,
        "busy": round(busy, 2),
        **_estimated(recipe, model, asked, progress),
        "examples": _examples(model, asked.rows, asked.by_name, recipe.seed),
        "python_files_run": files_run(),
    }


@dataclass(frozen=True)
class Asked:
    """What would be learned and asked."""

    rows: pa.Table
    """All rows that may be learned from."""
    train: int
    """How many of them are."""
    tests: list[tuple[Benchmark, list[Question]]]
    by_name: dict[str, Benchmark]
    """The benchmarks, without those of retention."""
    own: list[str]
    """Names of the datasets that are files of the user's."""

    @classmethod
    def of(cls, recipe: Recipe) -> "Asked":
        datasets, benchmarks = recipe.build_datasets(), recipe.build_benchmarks()
        retention = [benchmark for benchmark, _ in recipe.build_retention()]
        share_datasets([*benchmarks, *retention], list(zip(recipe.datasets, datasets, strict=True)))
        known = pa.concat_tables(for_learning(datasets, benchmarks))
        rows = _to_learn_from(known)
        tests = _tests(recipe, benchmarks, retention, known)
        by_name = {benchmark.name: benchmark for benchmark in benchmarks}
        return cls(rows, _rows_to_train(recipe, len(rows)), tests, by_name, _own(datasets))

    def whose_questions(self) -> dict[str, int]:
        """As `whose` counts rows."""
        datasets = [(one.name if one.path else one.dataset_name, asked) for one, asked in self.tests]
        own = [one.name for one, _ in self.tests if one.path]
        return whose([name for name, questions in datasets for _ in questions], own)


def _own(datasets: list[DatasetLike]) -> list[str]:
    return [dataset.name for dataset in datasets if isinstance(dataset, FileSource)]


def _estimated(recipe: Recipe, model: "LanguageModel", asked: Asked, progress: Progress) -> dict[str, Any]:
    """Minutes and memory, from timing a few batches of questions and steps of training."""
    from metier.engine.models.memory import kernels_mb
    from metier.engine.training.estimate import asking_seconds

    started = time.monotonic()
    with progress.working("check: timing a few questions"):
        asking = sum(asking_seconds(model, benchmark, questions) for benchmark, questions in asked.tests)
    with progress.working("check: timing a few training steps"):
        training, rows_read = training_seconds(recipe, model, asked.rows, asked.by_name, asked.train)
    return {
        "rows_read": rows_read,
        "minutes": round((training + 2 * asking) / 60, 1),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + kernels_mb()),
        "seconds_to_estimate": round(time.monotonic() - started, 1),
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


def training_seconds(
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


def _power(recipe: Recipe, asked: Asked) -> dict[str, dict[str, Any]]:
    """What the test of each benchmark will find, as far as that can be known."""
    alpha = recipe.ship.alpha / len(asked.by_name)
    judged = [(one, questions) for one, questions in asked.tests if one.name in asked.by_name]
    found = [expected_power(one, questions, asked.rows, recipe.seed, alpha) for one, questions in judged]
    return {one.benchmark: {**one.to_json(), "sentence": one.sentence} for one in found if one}


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
