"""A run that is served: who answers, what was proven of it, and which answers a person should look at."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from metier.data.records import Question
from metier.errors import UserError, nearest, shown
from metier.evaluation.answers import JUDGED, MODEL, TUNED, stage_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.results import read_verdict
from metier.evaluation.samples import open_samples
from metier.evaluation.scoring import Prediction
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run, model_folder, saved_run
from metier.serving.predictor import Predictor, fitted_baseline, predictor_of
from metier.serving.review import Review, baseline_review, tuned_review
from metier.serving.schema import learned_schema
from metier.stages.candidates import load_mixture
from metier.stages.evaluate import check_rows, tuned_model

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel

LOCK_S = 120
Kind = Literal["chosen", "written", "read"]


@dataclass(frozen=True)
class ServeOptions:
    """What is asked of the runs that are served."""

    benchmark: str | None = None
    """The only benchmark to serve; None: all of them."""
    who: str = JUDGED
    """judged, tuned (the model alone), or the name of the baseline."""
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

    @cached_property
    def answer_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the right answers; None where they are no JSON objects."""
        return learned_schema(self.run, self.benchmark)

    @property
    def model(self) -> "LanguageModel":
        """The language model. Raises `UserError` where the baseline answers."""
        if self.predictor is None:
            raise UserError(
                f"'{self.name}' is served with its baseline, which chooses among labels and writes no text."
            )
        return cast("LanguageModel", self.predictor.model)


@dataclass(frozen=True)
class Checked:
    """A run that may be served; nothing of it is loaded yet."""

    name: str
    run: Run
    decision: str
    sha256: str
    created: int
    benchmarks: tuple[Benchmark, ...]


def check(folders: Sequence[Path], options: ServeOptions) -> list[Checked]:
    """The runs, where all of them may be served. Raises `UserError` where one is missing, has no SHIP (but for
    `anyway`), has no such benchmark, or is called like another one."""
    found = [_checked(folder, options) for folder in folders]
    for number, one in enumerate(found):
        if any(one.name == other.name for other in found[:number]):
            raise UserError(f"Two runs are called '{one.name}'. Rename the folder of one: clients call them by it.")
    return found


def _checked(folder: Path, options: ServeOptions) -> Checked:
    run = saved_run(model_folder(folder), Progress())
    verdict = read_verdict(run.folder)
    if verdict is None:
        raise UserError(f"{run.folder} has no verdict yet. Run `metier report {run.folder}` first.")
    served = [entry for entry in verdict.benchmarks if options.benchmark in (None, entry.name)]
    if options.who == TUNED and any(entry.mixed_with for entry in served) and not options.anyway:
        raise UserError(
            f"The verdict on {run.folder} is about its model with the baseline mixed in, not about the model alone. "
            "Leave out `--with tuned`, or serve the model alone with `--anyway`."
        )
    if not verdict.ships and not options.anyway and options.who in MODEL:
        why = next((f": {sentence}" for sentence in (*verdict.exploratory, *verdict.reasons)), ".")
        raise UserError(
            f"The verdict on {run.folder} is {verdict.shown}, not SHIP{why} Serve the baseline with `--with tfidf`, "
            "or this model with `--anyway`."
        )
    known = {benchmark.name: benchmark for benchmark in open_samples(run).benchmarks}
    if options.benchmark is not None:
        if options.benchmark not in known:
            raise UserError(
                f"{run.folder} has no benchmark {shown(options.benchmark)}.{nearest(options.benchmark, known)}"
            )
        known = {options.benchmark: known[options.benchmark]}
    created = int((run.folder / "verdict.json").stat().st_mtime)
    name = folder.resolve().name
    return Checked(name, run, verdict.shown, verdict.adapter_sha256, created, tuple(known.values()))


def load(checked: Sequence[Checked], options: ServeOptions) -> dict[str, Served]:
    """Name -> what is served, in the order of the runs. Raises `UserError` where a file was changed since it was
    measured, or `max_error` cannot be promised."""
    served: dict[str, Served] = {}
    for one in checked:
        with _lock(one.run.folder):  # the first answers to held-out rows are kept in the run
            served |= _tuned(one, options) if options.who in MODEL else _baselines(one, options)
        _share_memory(list(served.values()))
    return served


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """As `run_lock`; another server that loads the same run is waited for."""
    end = time.monotonic() + LOCK_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(run_lock(folder))
                break
            except UserError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        yield


def _share_memory(served: Sequence[Served]) -> None:
    """Let the runs of one base model have in memory once what no adapter changed."""
    networks = {id(one.model.network): one.model.network for one in served if one.predictor}
    if len(networks) > 1:
        from metier.engine.models.sharing import share_equal

        share_equal(list(networks.values()))


def _chooses(benchmark: Benchmark) -> bool:
    return "probabilities" in benchmark.build_scorer().gives


def _name(one: Checked, benchmark: Benchmark) -> str:
    return one.name if len(one.benchmarks) == 1 else f"{one.name}/{benchmark.name}"


def _tuned(one: Checked, options: ServeOptions) -> dict[str, Served]:
    """The tuned model of a run, under the name of each benchmark; it is loaded once."""
    check_rows(one.run)
    model = tuned_model(one.run)
    served = {}
    for benchmark in one.benchmarks:
        mixed = not _chooses(benchmark) and any(map(_chooses, one.benchmarks))  # the review is meant for the others
        asked = (None, None) if mixed else (options.max_error, options.review)
        mixture = load_mixture(one.run, benchmark, options.who)
        review = tuned_review(one.run, benchmark, model, mixture, *asked)
        predictor = predictor_of(benchmark, model.load(), mixture)
        served[_name(one, benchmark)] = Served(
            name=_name(one, benchmark),
            run=one.run,
            benchmark=benchmark,
            answer=predictor.answer,
            predictor=predictor,
            labels=tuple(predictor.labels),
            decision=one.decision,
            sha256=mixture.sha256 if mixture else one.sha256,
            review=review,
            created=one.created,
        )
    return served


def _baselines(one: Checked, options: ServeOptions) -> dict[str, Served]:
    """The same for the baselines of a run; each benchmark has its own."""
    served = {}
    for benchmark in one.benchmarks:
        fitted = fitted_baseline(one.run, benchmark, options.who)
        if not fitted.certain():
            raise UserError(
                f"{fitted.name} is not served: it asks another model. Serve the tuned model, or a baseline that "
                "answers by itself."
            )
        stage = stage_of(benchmark.name, options.who)
        served[_name(one, benchmark)] = Served(
            name=_name(one, benchmark),
            run=one.run,
            benchmark=benchmark,
            answer=fitted.answer,
            predictor=None,
            labels=tuple(benchmark.label_set()),
            decision=one.decision,
            sha256=one.run.recorded_sha256(stage, f"{stage}/model.json"),
            review=baseline_review(one.run, benchmark, fitted, options.max_error, options.review),
            created=one.created,
        )
    return served
