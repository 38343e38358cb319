"""Everything that is wrong with a recipe and can be found without training, in one go."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.dataset import DatasetLike
from metier.data.records import Question, loosely
from metier.errors import Problems, UserError, nearest, shown
from metier.evaluation import costs
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import perfect, unfit
from metier.evaluation.scoring import misfit
from metier.recipes import plugins
from metier.recipes.schema import Recipe, build_one, has_benchmark, name_of, task_of

MOST_SECONDS = 10.0
"""How long questions are tried once one of them cannot be scored."""


def check(recipe: Recipe) -> list[str]:
    """Every problem that can be found without training: names, settings, files, columns, tasks, the model."""
    from metier.data.representativeness import static_embeddings
    from metier.engine.models import weights

    problems: list[str] = []
    built = {
        kind: _build_all(kind, uses, problems)
        for kind, uses in [
            ("datasets", recipe.datasets),
            ("steps", recipe.steps),
            ("methods", recipe.methods),
            ("benchmarks", [*recipe.benchmarks, *recipe.retention]),
        ]
    }
    problems += _plug_in_name_problems(recipe)
    problems += [problem for problem in _data_problems(built["benchmarks"]) if problem not in problems]
    problems += _pack_problems(recipe.industry)
    for key in ("datasets", "methods", "benchmarks"):
        if not getattr(recipe, key):
            problems.append(f"The recipe names no {key}. Add `{key}:`; see `metier list {key}`.")
    names = [benchmark.name for benchmark in built["benchmarks"]]
    problems += [f"There are two benchmarks named '{name}'." for name in sorted(set(names)) if names.count(name) > 1]
    if not problems:
        datasets = recipe.build_datasets()
        problems += name_problems(datasets)
        problems += task_problems(datasets, recipe.build_benchmarks())
        problems += chain_problems(recipe.build_methods())
    problems += _baseline_problems(recipe, built["benchmarks"][: len(recipe.benchmarks)])
    if recipe.embedding:
        problems += static_embeddings.problems(recipe.embedding)
    return problems + weights.problems(recipe.model)


def _plug_in_name_problems(recipe: Recipe) -> list[str]:
    """Names of steps and methods become files and folders of the run."""
    problems = []
    for kind, uses in (("steps", recipe.steps), ("methods", recipe.methods)):
        for use in uses:
            try:
                name_of(kind, use)
            except UserError as error:
                problems.append(str(error))
    return problems


def _baseline_problems(recipe: Recipe, benchmarks: list[Benchmark]) -> list[str]:
    """Baselines that cannot be built, fit no benchmark, or are named by `ship.against` and are not there."""
    try:
        opponents = recipe.opponents()
    except UserError as error:
        return [str(error)]
    problems: list[str] = []
    for name, use in opponents.named:
        try:
            opponent = use.opponent()
            why = [opponent.misfit(benchmark) for benchmark in benchmarks]
            problems += [f"The baseline '{name}': {problem}" for problem in opponent.ready()]
        except Problems as error:
            problems += error.problems
        except UserError as error:
            problems.append(str(error))
        else:
            if why and None not in why:
                problems.append(f"The baseline '{name}' can answer none of the benchmarks: {why[0]}. Take it out.")
    by_default = {benchmark.build_scorer().baseline for benchmark in benchmarks} - {None}
    if recipe.ship.against and not opponents.named and recipe.ship.against not in by_default:
        problems.append(
            f"`ship.against` is {shown(recipe.ship.against)}, and the recipe names no baseline of that name. Add it "
            "under `baselines`."
        )
    return problems


def _data_problems(benchmarks: list[Benchmark]) -> list[str]:
    """What keeps the questions of named benchmarks from being read."""
    problems: list[str] = []
    for benchmark in benchmarks:
        try:
            benchmark.data()
        except Problems as error:
            problems += error.problems
    return list(dict.fromkeys(problems))


def _pack_problems(industry: str) -> list[str]:
    """What is wrong with what a pack says for the report, which is the last stage."""
    from metier.evaluation import insight

    pack, problems = plugins.find("industries", industry)(), []
    for ask in pack.insights:
        try:
            insight.find(ask)
        except UserError as error:
            problems.append(str(error))
    for mistake, cost in pack.costs.items():
        if not costs.is_mistake(mistake):
            wanted = "Write `right -> said`, miss_LABEL or false_LABEL."
            problems.append(f"The industry '{pack.name}' prices '{mistake}', which is no kind of mistake. {wanted}")
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost <= costs.DEAREST:
            problems.append(f"The industry '{pack.name}' prices '{mistake}' at {cost!r}. A mistake costs 0 or more.")
    return problems


def _build_all(kind: str, uses: Sequence[Any], problems: list[str]) -> list[Any]:
    """All that can be built; what cannot adds to the problems."""
    built = []
    for use in uses:
        try:
            built.append(build_one(kind, use))
        except Problems as error:
            problems += error.problems
        except UserError as error:
            problems.append(str(error))
    return built


def label_problems(rows: pa.Table, benchmarks: list[Benchmark]) -> list[str]:
    """A label with one example cannot be learned and tested: better said now than seen as a zero later. Answers in
    words of their own may well stand once."""
    chosen = {benchmark.name for benchmark in benchmarks if benchmark.build_scorer().chooses}
    pairs = [
        (task, label)
        for task, label in zip(rows["task"].to_pylist(), rows["label"].to_pylist(), strict=True)
        if label and task in chosen
    ]
    alike = [problem for one in benchmarks if one.name in chosen for problem in lookalike_problems(one, rows)]
    if alike:
        return alike
    lonely = {label for (_, label), count in Counter(pairs).items() if count == 1}
    where = {row["label"]: row["origin"] for row in rows.select(["label", "origin"]).to_pylist()} if lonely else {}
    return [
        f"The label '{label}' has one example ({where[label]}). Add examples, merge the label into another, or take "
        "the row out."
        for label in sorted(lonely)
    ]


def lookalike_problems(benchmark: Benchmark, rows: pa.Table) -> list[str]:
    """Labels that differ in nothing that a reader sees would be classes of their own, and every figure by class wrong.
    Where they are meant, the benchmark's `labels` name them all."""
    mine = rows.filter(pc.and_(pc.equal(rows["task"], benchmark.name), pc.is_valid(rows["label"])))
    where = {row["label"]: row["origin"] for row in mine.select(["label", "origin"]).to_pylist()}
    where |= {question.answer: question.id for question in benchmark.questions()}
    where |= dict.fromkeys(benchmark.labels, "")
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in sorted(where):
        spellings[loosely(label)].append(label)
    return [
        f"Benchmark '{benchmark.name}': the labels {' and '.join(map(shown, alike))} differ only in case, white space "
        f"or the form of a letter, and would be {len(alike)} classes ({_places(where, alike)}). Write them alike in "
        "the data; if they are different answers, name them all under the benchmark's `labels`."
        for alike in spellings.values()
        if len(alike) > 1 and not set(alike) <= set(benchmark.labels)
    ]


def _places(where: dict[str, str], labels: list[str]) -> str:
    return ", ".join(where[label] or "under `labels`" for label in labels)


def question_problems(benchmark: Benchmark, questions: Sequence[Question], labels: Sequence[str]) -> list[str]:
    """Questions that a benchmark's scorer can score no answer to, and metrics that cannot be computed even where all
    answers are right: otherwise the first one would stop the evaluation, which is after training."""
    scorer = benchmark.build_scorer()
    unscorable, looked, began = [], 0, time.monotonic()
    for question in questions:
        looked += 1
        if why := misfit(scorer, question):
            unscorable.append((question.id, why))
        if unscorable and time.monotonic() - began > MOST_SECONDS:  # patterns that each take until they are stopped
            break
    if unscorable:
        least = "At least " if looked < len(questions) else ""
        name, why = unscorable[0]
        return [
            f"{least}{len(unscorable):,} of the {len(questions):,} questions of benchmark '{benchmark.name}' cannot be "
            f"scored; {name}: {why}. Fix the test, or name another `scorer`."
        ]
    if not (labels and scorer.chooses):
        return []
    reasons = unfit(benchmark.build_metrics(), perfect(questions, labels))
    return [f"Benchmark '{benchmark.name}': {reason}" for reason in reasons]


def order_problems(recipe: Recipe) -> list[str]:
    """Rows are held against the test as they were read: with stand-ins for names and shifted dates they are no longer
    the same texts, and a test question would be learned from."""
    steps = [name for name, _ in map(plugins.named, recipe.steps)]
    if "redact" in steps and "decontaminate" in steps[steps.index("redact") :]:
        return [
            "The step `decontaminate` stands behind `redact`, where names and dates of a test question are gone and "
            "it is no longer known. Put `decontaminate` before `redact`."
        ]
    return []


def name_problems(datasets: list[DatasetLike]) -> list[str]:
    """Datasets whose rows could not be told apart afterwards: ids, cards and reasons go by the name."""
    where: dict[str, list[str]] = {}
    for dataset in datasets:
        where.setdefault(dataset.name, []).append(dataset.place)
    return [
        f"{len(paths)} datasets are called '{name}' ({', '.join(paths)}), and their rows would have the same ids. Name "
        "them as one dataset with a pattern (`path: data/*/tickets.jsonl`), or rename a file."
        for name, paths in where.items()
        if len(paths) > 1
    ]


def task_problems(datasets: list[DatasetLike], benchmarks: list[Benchmark]) -> list[str]:
    """Datasets with labels or pairs for which no benchmark says how a row is asked, or whose rows lack a column that it
    asks by."""
    names = [benchmark.name for benchmark in benchmarks]
    problems = []
    for dataset in datasets:
        asked_by = task_of(dataset, benchmarks)
        if asked_by is not None and dataset.labeled and (columns := dataset.prompt_columns()) is not None:
            problems += [
                f"The prompt of benchmark '{asked_by.name}' names '{name}', which no column of {dataset.name} holds."
                f"{nearest(name, columns)}"
                for name in sorted(asked_by.prompt_columns() - columns)
            ]
        if not (dataset.labeled or dataset.pairs) or asked_by is not None:
            continue
        if dataset.task:
            problems.append(
                f"The dataset '{dataset.name}' names the task '{dataset.task}'.{nearest(dataset.task, names)}"
            )
        else:
            fix = f"Put {dataset.name} under `benchmarks`, or add" if has_benchmark(dataset) else "Add"
            problems.append(
                f"No benchmark says how the rows of '{dataset.name}' are asked. {fix} `task:` with one of: "
                f"{', '.join(names)}."
            )
    return problems


def chain_problems(methods: list[tuple[str, Any]]) -> list[str]:
    """A method goes on with the adapter of the one before, so its shape is the first one's; settings that say
    otherwise would be ignored."""
    problems = []
    for name, method in methods[1:]:
        first_name, first = methods[0]
        other = [
            f"{key}: {getattr(method, key)!r} (there {getattr(first, key)!r})"
            for key in ("tune", "r", "lora_alpha", "target_modules", "use_dora")
            if getattr(method, key) != getattr(first, key)
            # What is trained must be said again: weights in full precision at an adapter's rate would be ruined.
            and (key == "tune" or getattr(method, key) != type(method).__dataclass_fields__[key].default)
        ]
        if other:
            problems.append(
                f"The method '{name}' goes on with the adapter of '{first_name}' and cannot have {', '.join(other)}."
            )
    return problems
