"""Two runs on the same questions."""

from pathlib import Path

from metier.errors import UserError
from metier.evaluation.answers import JUDGED, Answers
from metier.evaluation.comparison import compare as paired
from metier.evaluation.comparison import fixed_and_broken
from metier.evaluation.reasons import say_p
from metier.evaluation.results import Result
from metier.evaluation.stats import Interval, Variation
from metier.runs.progress import Progress
from metier.runs.run import saved_run

WORDING = ("prompt", "chat_template", "num_fewshot")


class ComparedBenchmark(Result):
    """What the second run's tuned model gains over the first one's."""

    name: str
    metric: str
    before: Interval
    after: Interval
    gain: Interval
    p: float
    test: str
    minimum_detectable_effect: float
    variation: Variation
    """How much the gain varies by chance."""
    fixed: int
    broken: int
    sentence: str


class ComparedRuns(Result):
    """What `metier compare` says."""

    first: str
    second: str
    benchmarks: tuple[ComparedBenchmark, ...]


def compare(first: Path, second: Path) -> ComparedRuns:
    """What the tuned model of the second run gains over that of the first, benchmark by benchmark."""
    runs = (Answers(saved_run(first, Progress())), Answers(saved_run(second, Progress())))
    names = [[benchmark.name for benchmark in answers.judging.benchmarks] for answers in runs]
    common = [name for name in names[0] if name in names[1]]
    if not common:
        raise UserError(
            f"{first} and {second} have no benchmark in common: {', '.join(names[0])} and {', '.join(names[1])}."
        )
    benchmarks = tuple(_compared(name, *runs) for name in common)
    return ComparedRuns(first=str(first), second=str(second), benchmarks=benchmarks)


def _compared(name: str, first: Answers, second: Answers) -> ComparedBenchmark:
    _check_questions(name, first, second)
    recipe = first.run.recipe
    title, metric = next(iter(first.benchmark(name).build_metrics().items()))
    tables = first.table(JUDGED, name), second.table(JUDGED, name)
    result, (fixed, broken) = paired(metric, *tables, recipe.seed, recipe.ship.alpha), fixed_and_broken(*tables)
    sentence = (
        f"{name}: {title} {result.before.value:.3f} in {first.run.folder}, {result.after.value:.3f} in "
        f"{second.run.folder}; gain {result.gain.value:+.3f} (95 % CI {result.gain.low:+.3f} to "
        f"{result.gain.high:+.3f}, {say_p(result.p)}, {result.test})"
    )
    figures = vars(result)
    return ComparedBenchmark(name=name, metric=title, **figures, fixed=fixed, broken=broken, sentence=sentence)


def _check_questions(name: str, first: Answers, second: Answers) -> None:
    """Raises `UserError` where the runs were asked different questions, or in other words."""
    mine, theirs = first.benchmark(name), second.benchmark(name)
    worded_alike = all(vars(mine)[key] == vars(theirs)[key] for key in WORDING)
    questions = [
        [(a.id, a.gold, a.options, a.prompt_hash if worded_alike else "") for a in answers.of(JUDGED, name)]
        for answers in (first, second)
    ]
    if questions[0] != questions[1]:
        raise UserError(f"The two runs were asked different questions of '{name}'. Run both from the same benchmark.")
