"""A run that is served: who answers, what was proven of it, and which answers a person should look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from metier.data.records import Question
from metier.errors import UserError, nearest, shown
from metier.evaluation.answers import TUNED, stage_of
from metier.evaluation.baseline import load_baseline
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.results import read_verdict
from metier.evaluation.samples import open_samples
from metier.evaluation.scoring import ModelLike, Prediction
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run, model_folder, saved_run
from metier.serving.predictor import Predictor, predictor_of
from metier.serving.review import Review, baseline_review, tuned_review
from metier.stages.evaluate import check_rows, tuned_model

Kind = Literal["chosen", "written", "read"]


@dataclass(frozen=True)
class ServeWishes:
    """What is asked of the runs that are served."""

    benchmark: str | None = None
    """The only benchmark to serve; None: all of them."""
    who: str = TUNED
    """tuned, or the name of the baseline."""
    max_error: float | None = None
    review: float | None = None
    anyway: bool = False
    """Serve also what is no SHIP."""


@dataclass(frozen=True)
class Served:
    """One benchmark of a run, loaded."""

    name: str
    """What a client calls it: RUN, or RUN/BENCHMARK."""
    run: Run
    benchmark: Benchmark
    answer: Callable[[Sequence[Question]], list[Prediction]]
    """Answers in the order of the questions, as they were measured."""
    predictor: Predictor | None
    """None: the baseline answers, which writes no text."""
    labels: tuple[str, ...]
    """The label set; empty where answers are chosen among a row's own options, or written."""
    decision: str
    sha256: str
    """Of the adapter, or of the baseline's model.json."""
    review: Review | None
    """None: the answers are written and have no certainty."""
    created: int
    """When the verdict was written, in seconds since 1970."""

    @cached_property
    def kind(self) -> Kind:
        """Whether its answers are chosen or written; `read`: it is only scored, and answers nothing."""
        if _chooses(self.benchmark):
            return "chosen"
        return "written" if self.benchmark.build_scorer().free_text() else "read"

    @property
    def model(self) -> ModelLike:
        """The language model. Raises `UserError` where the baseline answers."""
        if self.predictor is None:
            raise UserError(
                f"'{self.name}' is served with its baseline, which chooses among labels and writes no text."
            )
        return self.predictor.model


@dataclass(frozen=True)
class Checked:
    """A run that may be served; nothing of it is loaded yet."""

    name: str
    run: Run
    decision: str
    sha256: str
    created: int
    benchmarks: tuple[Benchmark, ...]


def check(folders: Sequence[Path], wishes: ServeWishes) -> list[Checked]:
    """The runs, where all of them may be served. Raises `UserError` where one is missing, has no SHIP (but for
    `anyway`), has no such benchmark, or is called like another one."""
    found = [_checked(folder, wishes) for folder in folders]
    for number, one in enumerate(found):
        if any(one.name == other.name for other in found[:number]):
            raise UserError(f"Two runs are called '{one.name}'. Rename the folder of one: clients call them by it.")
    return found


def _checked(folder: Path, wishes: ServeWishes) -> Checked:
    run = saved_run(model_folder(folder), Progress())
    verdict = read_verdict(run.folder)
    if verdict is None:
        raise UserError(f"{run.folder} has no verdict yet. Run `metier report {run.folder}` first.")
    if not verdict.ships and not wishes.anyway and wishes.who == TUNED:
        why = next((f": {sentence}" for sentence in (*verdict.exploratory, *verdict.reasons)), ".")
        raise UserError(
            f"The verdict on {run.folder} is {verdict.shown}, not SHIP{why} Serve the baseline with `--with tfidf`, "
            "or this model with `--anyway`."
        )
    known = {benchmark.name: benchmark for benchmark in open_samples(run).benchmarks}
    if wishes.benchmark is not None:
        if wishes.benchmark not in known:
            raise UserError(
                f"{run.folder} has no benchmark {shown(wishes.benchmark)}.{nearest(wishes.benchmark, known)}"
            )
        known = {wishes.benchmark: known[wishes.benchmark]}
    created = int((run.folder / "verdict.json").stat().st_mtime)
    name = folder.resolve().name
    return Checked(name, run, verdict.shown, verdict.adapter_sha256, created, tuple(known.values()))


def load(checked: Sequence[Checked], wishes: ServeWishes) -> dict[str, Served]:
    """Name -> what is served, in the order of the runs. Raises `UserError` where a file was changed since it was
    measured, or `max_error` cannot be promised."""
    served: dict[str, Served] = {}
    for one in checked:
        with run_lock(one.run.folder):  # the first answers to held-out rows are kept in the run
            for benchmark in one.benchmarks:
                name = one.name if len(one.benchmarks) == 1 else f"{one.name}/{benchmark.name}"
                loaded = _tuned if wishes.who == TUNED else _baseline
                served[name] = loaded(name, one, benchmark, wishes)
    return served


def _chooses(benchmark: Benchmark) -> bool:
    return "probabilities" in benchmark.build_scorer().gives


def _tuned(name: str, one: Checked, benchmark: Benchmark, wishes: ServeWishes) -> Served:
    check_rows(one.run)
    model = tuned_model(one.run)
    mixed = not _chooses(benchmark) and any(map(_chooses, one.benchmarks))  # then the review is meant for the others
    cut_off = (None, None) if mixed else (wishes.max_error, wishes.review)
    review = tuned_review(one.run, benchmark, model, *cut_off)
    predictor = predictor_of(benchmark, model.load())
    return Served(
        name,
        one.run,
        benchmark,
        predictor.answer,
        predictor,
        tuple(predictor.labels),
        one.decision,
        one.sha256,
        review,
        one.created,
    )


def _baseline(name: str, one: Checked, benchmark: Benchmark, wishes: ServeWishes) -> Served:
    if wishes.who != benchmark.baseline:
        known = [TUNED, *([benchmark.baseline] if benchmark.baseline else [])]
        raise UserError(f"Nobody named {shown(wishes.who)} answered '{benchmark.name}'.{nearest(wishes.who, known)}")
    fitted = load_baseline(one.run, benchmark)
    review = baseline_review(one.run, benchmark, fitted, wishes.max_error, wishes.review)
    stage = stage_of(benchmark.name, wishes.who)
    sha256 = one.run.recorded_sha256(stage, f"{stage}/model.json")
    return Served(
        name,
        one.run,
        benchmark,
        fitted.answer,
        None,
        tuple(benchmark.label_set()),
        one.decision,
        sha256,
        review,
        one.created,
    )
