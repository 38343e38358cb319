"""`metier predict`: a finished run answers a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metier.data.reading import FileSource
from metier.data.records import Question
from metier.errors import Problems
from metier.evaluation.answers import JUDGED, MODEL, TUNED, stage_of
from metier.evaluation.asking import conditions
from metier.evaluation.baseline import built
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.plan import candidate_of
from metier.evaluation.results import read_verdict
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.recipes.schema import Recipe, task_of
from metier.runs.run import Run
from metier.serving.predict import Done, Work, predict_file
from metier.serving.predictor import benchmark_of, fitted_baseline, predictor_of
from metier.serving.review import announcement, baseline_review, tuned_review
from metier.serving.table import check_suffix
from metier.stages.candidates import load_mixture
from metier.stages.evaluate import check_rows, tuned_model


@dataclass(frozen=True)
class Wishes:
    """What a call of `metier predict` asks for."""

    benchmark: str | None = None
    text: str | None = None
    """The column that holds the text; None: as in the run."""
    who: str = JUDGED
    """judged, tuned (the model alone), or the name of the run's baseline."""
    max_error: float | None = None
    review: float | None = None
    prefix: str = ""


def predict(run: Run, file: str, out: Path, wishes: Wishes) -> Done:
    """Answer the rows of a file into another one. Before a row is answered it is said what share will need a person.

    Raises `UserError` where the run is not finished, a file cannot be read, or `max_error` cannot be promised.
    """
    check_suffix(out)
    benchmark = benchmark_of(run, wishes.benchmark)
    source = _source(run.recipe, benchmark, file, wishes.text)
    if problems := source.problems():
        raise Problems(problems)
    check_rows(run)
    _warn_without_ship(run, benchmark, wishes.who)
    work = _tuned(run, benchmark, wishes) if wishes.who in MODEL else _baseline(run, benchmark, wishes)
    if work.review:
        run.progress.say(announcement(work.review))
    return predict_file(work, source, out, run.progress)


def _warn_without_ship(run: Run, benchmark: Benchmark, who: str) -> None:
    """Say that the tuned model has no SHIP, and who answers instead."""
    verdict = read_verdict(run.folder)
    decision = verdict.shown if verdict else "missing"
    if who == TUNED and candidate_of(run, benchmark.name).baseline:
        run.progress.warn(
            f"The verdict on {run.folder} is about its model with the baseline mixed in, not about the model alone. "
            "Leave out `--with tuned` to answer with what was judged."
        )
    elif who in MODEL and not (verdict and verdict.ships):
        name = benchmark.baseline
        reusable = name is not None and built(benchmark.baselines[name]).reusable
        instead = f" `--with {name}` answers with the baseline." if reusable else ""
        run.progress.warn(f"The verdict on {run.folder} is {decision}, not SHIP.{instead}")


def cost(run: Run, done: Done) -> str:
    """Seconds, and money where the industry prices its machine, for 1,000 rows."""
    if not done.distinct or not done.seconds:
        return "Nothing was asked in this call."
    seconds = 1000 * done.seconds / done.distinct
    price = plugins.find("industries", run.recipe.industry)().cost_per_hour * seconds / 3600
    money = f", {price:.2f} of the industry's currency" if price else " (the industry names no `cost_per_hour`)"
    return f"1,000 different rows: {seconds:.1f} s{money}, by the {done.distinct:,} of this call."


def _tuned(run: Run, benchmark: Benchmark, wishes: Wishes) -> Work:
    model = tuned_model(run)
    mixture = load_mixture(run, benchmark, wishes.who)
    review = tuned_review(run, benchmark, model, mixture, wishes.max_error, wishes.review)

    predictor = cache(
        lambda: predictor_of(benchmark, model.load(), mixture)
    )  # loaded only where a question is still open

    def answer(questions: Sequence[Question]) -> list[Prediction]:
        return predictor().answer(questions)

    made_by = [conditions(benchmark, [], model), *([mixture.chosen.to_json(), mixture.sha256] if mixture else [])]
    return Work(benchmark, answer, made_by, review, wishes.prefix)


def _baseline(run: Run, benchmark: Benchmark, wishes: Wishes) -> Work:
    fitted = fitted_baseline(run, benchmark, wishes.who)
    review = baseline_review(run, benchmark, fitted, wishes.max_error, wishes.review)
    stage = stage_of(benchmark.name, wishes.who)
    made_by = [wishes.who, run.recorded_sha256(stage, f"{stage}.jsonl")]
    return Work(benchmark, fitted.answer, made_by, review, wishes.prefix)


def _source(recipe: Recipe, benchmark: Benchmark, file: str, text: str | None) -> FileSource:
    """The file, with the columns that the run's own data have."""
    mine = benchmark.path and (benchmark.text, benchmark.options)
    if not mine:
        datasets = [one for one in recipe.build_datasets() if isinstance(one, FileSource)]
        own = next((one for one in datasets if task_of(one, [benchmark]) is benchmark), None)
        mine = (own.text, own.options) if own else ("text", None)
    options = mine[1] or ("options" if benchmark.chooses_among_own_options else None)
    return FileSource(file, text or mine[0], None, "not-redistributed", options=options, max_error_rate=1.0)
