"""Baselines: what a tuned model has to beat, made of the very rows that it was trained on; one file each."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.errors import UserError, shown
from metier.evaluation.answers import stage_of, write_answers
from metier.evaluation.asking import PART, Model, questions_print
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.opponents import BaselineUse
from metier.evaluation.predictions import MetricLike
from metier.evaluation.scoring import ModelLike, Prediction
from metier.recipes import plugins
from metier.runs.files import fingerprint
from metier.runs.progress import Progress
from metier.runs.run import Run

VERSION = 6
PAID = f".paid{PART}"
"""Ending of the file of answers that were paid for."""


LoadModel = Callable[[], ModelLike]


def no_model() -> ModelLike:
    """Stands where no model can be loaded."""
    raise UserError("This baseline asks the base model, which cannot be loaded here.")


@dataclass(frozen=True)
class BaselineContext:
    """All that a baseline learns from."""

    benchmark: Benchmark
    rows: Sequence[Question]
    """The benchmark's training rows."""
    labels: Sequence[str]
    """The label set; empty where a scorer needs none."""
    metric: MetricLike
    """The one that decides."""
    seed: int
    load_model: LoadModel = no_model
    """The base model, for a baseline that asks one."""
    paid: Path | None = None
    """Where answers that cost money are kept line by line, so that none is paid twice; None: nowhere."""
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True)
class Spent:
    """What answers took that another machine gave."""

    seconds: float
    """Between question and answer, in all."""
    cost: float
    """Of all answers that are counted, in the currency of the prices; those of an earlier try, too."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    """In this call."""


class FittedBaseline(Protocol):
    """A baseline that has learned: it answers any rows of its benchmark, and can be saved; derive from it."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        raise NotImplementedError

    @property
    def majority(self) -> str | None:
        """The most common training label; None where there is no label set."""
        return None

    def certain(self) -> bool:
        """Whether its answers have probabilities and cost next to nothing, so that held-out rows can be asked too."""
        return True

    def spent(self) -> Spent | None:
        """What its last answers took on another machine; None: they were made here."""
        return None

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        """The answers, in the order of the questions."""

    def save(self, folder: Path) -> list[str]:
        """Write all that its answers depend on; returns the names of the files."""


class BaselineLike(Protocol):
    """What the file of a baseline defines as `Baseline`, a dataclass whose fields are its settings; derive it from
    this."""

    version: ClassVar[int] = 1
    """Raised when answers would come out differently, so that no stale answer is used."""
    learns: ClassVar[bool] = True
    """Whether its answers depend on the training rows; without rows such a baseline does not answer."""
    fast: ClassVar[bool] = True
    """Whether it takes seconds, no model, no network and no money, so that `check` may try it."""
    on_this_machine: ClassVar[bool] = True
    """Whether its answers are made on this machine, so that its speed means something."""
    reusable: ClassVar[bool] = True
    """Whether it answers new rows, and not only the test questions."""
    operational_settings: ClassVar[frozenset[str]] = frozenset()
    """Settings that change no answer, such as a limit on cost: they may be changed after the plan is sealed."""

    def misfit(self, benchmark: Benchmark) -> str | None:
        """Why it cannot answer a benchmark; None where it can."""
        return None if benchmark.build_scorer().chooses else "it chooses among labels, and the scorer has no label set"

    def ready(self) -> list[str]:
        """What keeps it from answering here and now: a file that is missing, a key. Asked before a run begins."""
        return []

    def fingerprint(self) -> str:
        """A hash of the files that it reads besides the training rows; empty where there are none."""
        return ""

    def fit(self, context: BaselineContext) -> FittedBaseline:
        """Learn from the rows."""
        raise NotImplementedError

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> FittedBaseline:
        """What `save` wrote; its answers are those of the baseline that was saved, bit by bit. Raises `UserError` where
        a file is missing or malformed, belongs to another version, prompt or label set, or cannot answer new rows."""
        raise NotImplementedError


def fit_baseline(run: Run, benchmark: Benchmark, name: str, rows: Sequence[Question], base: Model) -> FittedBaseline:
    """One of the benchmark's baselines, fitted to its rows."""
    metric = next(iter(benchmark.build_metrics().values()))
    context = _context(run, benchmark, stage_of(benchmark.name, name), rows, metric, base)
    return built(benchmark.baselines[name]).fit(context)


def answer_baselines(
    run: Run,
    benchmark: Benchmark,
    training_rows: pa.Table,
    base: Model,
    fitted: Mapping[str, FittedBaseline],
) -> float:
    """Let the benchmark's baselines answer, or find them answered; returns the seconds they took.

    `base`: the base model, for a baseline that asks it. `fitted`: by name, those that were fitted before.
    """
    rows = questions(training_rows.filter(pc.equal(training_rows["task"], benchmark.name)))
    return sum(
        answer_baseline(run, benchmark, name, rows, base, fitted.get(name)) for name in answering(benchmark, bool(rows))
    )


def answering(benchmark: Benchmark, has_rows: bool) -> list[str]:
    """The names of the benchmark's baselines that answer; `has_rows`: whether it has training rows."""
    return [name for name, use in benchmark.baselines.items() if has_rows or not built(use).learns]


def independent_of_training(benchmark: Benchmark) -> list[str]:
    """The names of the benchmark's baselines that answer alike whatever was trained on."""
    return [name for name, use in benchmark.baselines.items() if not built(use).learns]


def built(use: BaselineUse) -> BaselineLike:
    """The baseline that a recipe names. Raises `UserError` where there is none, or it cannot take the settings."""
    baseline: BaselineLike = plugins.build("baselines", use.plug_in, dict(use.settings))
    return baseline


def answer_settings(baseline: BaselineLike) -> dict[str, Any]:
    """The settings that its answers depend on."""
    return {key: value for key, value in vars(baseline).items() if key not in baseline.operational_settings}


def answer_baseline(
    run: Run,
    benchmark: Benchmark,
    name: str,
    rows: Sequence[Question],
    base: Model,
    fitted: FittedBaseline | None = None,
) -> float:
    """Let one baseline answer, or find it answered; returns the seconds it took. `fitted`: it, where it was fitted."""
    baseline, asked, stage = built(benchmark.baselines[name]), benchmark.questions(), stage_of(benchmark.name, name)
    metric = next(iter(benchmark.build_metrics().values()))
    learned = [questions_print(benchmark, rows), run.recipe.seed] if baseline.learns else []
    made_by = [
        VERSION,
        baseline.version,
        answer_settings(baseline),
        baseline.fingerprint(),
        base.made_by if not baseline.fast else [],
    ]
    how = [vars(metric), benchmark.metrics[0], benchmark.scorer, benchmark.label_set()]
    inputs = fingerprint(*made_by, *how, questions_print(benchmark, asked), *learned)
    done = run.done(stage, inputs)
    if done is None:
        done = _answered(run, stage, inputs, baseline, _context(run, benchmark, stage, rows, metric, base), fitted)
    return float(done["seconds"])


def _context(
    run: Run, benchmark: Benchmark, stage: str, rows: Sequence[Question], metric: MetricLike, base: Model
) -> BaselineContext:
    paid = run.path(f"{stage}{PAID}")
    return BaselineContext(
        benchmark, rows, benchmark.label_set(), metric, run.recipe.seed, base.load, paid, run.progress
    )


def _answered(
    run: Run,
    stage: str,
    inputs: str,
    baseline: BaselineLike,
    context: BaselineContext,
    fitted: FittedBaseline | None,
) -> dict[str, Any]:
    """Fit, answer, save, and say that it is done."""
    asked, started = context.benchmark.questions(), time.monotonic()
    fitted = fitted or baseline.fit(context)
    began = time.monotonic()
    answers = fitted.answer(asked)
    answering_s = time.monotonic() - began
    write_answers(run.path(f"{stage}.jsonl"), answers)
    seconds, spent = round(time.monotonic() - started, 1), fitted.spent()
    run.progress.say(f"  evaluate: baseline, {context.benchmark.name}: {fitted.name} in {seconds} s")
    if unscored := sum(answer.value is None for answer in answers):
        of_all = f"{unscored:,} of {len(answers):,} answers of {fitted.name}"
        run.progress.warn(f"  {context.benchmark.name}: {of_all} are unscored and count as wrong")
    rows, chooses = context.rows, context.benchmark.build_scorer().chooses
    majority = fitted.majority or (most_common([row.answer for row in rows]) if rows and chooses else None)
    result = {"name": fitted.name, "version": baseline.version, "majority": majority, "rows": len(context.rows)}
    result |= {
        "n": len(asked),
        "seconds": seconds,
        "answering_s": round(answering_s, 3) if baseline.on_this_machine else None,
    }
    if spent:
        result |= {"spent": asdict(spent), "answering_s": round(spent.seconds, 3)}
    files = [f"{stage}/{file}" for file in fitted.save(_emptied(run.folder / stage))]
    return run.mark_done(stage, inputs, result, f"{stage}.jsonl", *files)


def load_baseline(
    run: Run, benchmark: Benchmark, name: str | None = None, load_model: LoadModel = no_model
) -> FittedBaseline:
    """A baseline as the run measured it; `name`: left out, the one that decides. Raises `UserError` where the benchmark
    has none of the name, it cannot answer new rows, or a file was changed."""
    name = name or benchmark.baseline
    if name is None or name not in benchmark.baselines:
        why = f"none is called {shown(name)}" if name else "its scorer names none"
        raise UserError(f"The benchmark '{benchmark.name}' has no baseline: {why}.")
    stage = stage_of(benchmark.name, name)
    run.verify(stage)
    return built(benchmark.baselines[name]).load(run.folder / stage, benchmark, benchmark.label_set(), load_model)


def most_common(answers: Sequence[str]) -> str:
    """The most common answer (the first in order where several tie)."""
    counts = Counter(answers)
    return min(counts, key=lambda name: (-counts[name], name))


def _emptied(folder: Path) -> Path:
    """The folder, without the files of an earlier baseline."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder
