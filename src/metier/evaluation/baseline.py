"""Baselines: what a tuned model has to beat, made of the very rows that it was trained on; one file each."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from metier.data.records import Question, questions
from metier.errors import UserError, shown
from metier.evaluation.answers import stage_of, write_answers
from metier.evaluation.asking import questions_print
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import Floats, MetricLike
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins, strict_json
from metier.runs.files import fingerprint, write, write_text
from metier.runs.run import Run

VERSION = 5
STATE, TENSORS = "model.json", "model.safetensors"
"""The files of a saved baseline; the second one only where it has tensors."""
AGAIN = "Run `metier evaluate` on its run to make it again."


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


class FittedBaseline(Protocol):
    """A baseline that has learned: it answers any rows of its benchmark, and can be saved."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    @property
    def majority(self) -> str | None:
        """The most common training label; None where there is no label set."""

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        """The answers, in the order of the questions."""

    def save(self, folder: Path) -> list[str]:
        """Write all that its answers depend on; returns the names of the files."""


class BaselineLike(Protocol):
    """What the file of a baseline defines as `Baseline`, a dataclass whose fields are its settings."""

    version: int
    """Raised when answers would come out differently, so that no stale answer is used."""

    def fit(self, context: BaselineContext) -> FittedBaseline:
        """Learn from the rows."""

    def load(self, folder: Path, benchmark: Benchmark, labels: Sequence[str]) -> FittedBaseline:
        """What `save` wrote; its answers are those of the baseline that was saved, bit by bit. Raises `UserError` where
        a file is missing or malformed, or belongs to another version, prompt or label set."""


def fit_baseline(run: Run, benchmark: Benchmark, training_rows: pa.Table) -> FittedBaseline | None:
    """The benchmark's baseline, fitted to its rows; None where it has none."""
    rows = questions(training_rows.filter(pc.equal(training_rows["task"], benchmark.name)))
    if not rows or benchmark.baseline is None:
        return None
    baseline: BaselineLike = plugins.build("baselines", benchmark.baseline, {})
    metric = next(iter(benchmark.build_metrics().values()))
    return baseline.fit(BaselineContext(benchmark, rows, benchmark.label_set(), metric, run.recipe.seed))


def answer_baseline(
    run: Run, benchmark: Benchmark, training_rows: pa.Table, fitted: FittedBaseline | None = None
) -> float:
    """Let the benchmark's baseline answer, or find it answered; returns the seconds it took (0: it has none).

    `fitted`: the baseline as `fit_baseline` gave it, where that was called before.
    """
    rows = questions(training_rows.filter(pc.equal(training_rows["task"], benchmark.name)))
    name, asked = benchmark.baseline, benchmark.questions()
    if not rows or name is None:
        return 0.0
    baseline: BaselineLike = plugins.build("baselines", name, {})
    metric, stage = next(iter(benchmark.build_metrics().values())), stage_of(benchmark.name, name)
    prints = [questions_print(benchmark, some) for some in (rows, asked)]
    inputs = fingerprint(
        VERSION, baseline.version, vars(baseline), vars(metric), benchmark.metrics[0], prints, run.recipe.seed
    )
    done = run.done(stage, inputs)
    if done is None:
        started = time.monotonic()
        fitted = fitted or fit_baseline(run, benchmark, training_rows)
        assert fitted is not None, "it has rows and a baseline"
        write_answers(run.path(f"{stage}.jsonl"), fitted.answer(asked))
        seconds = round(time.monotonic() - started, 1)
        run.progress.say(f"  evaluate: baseline, {benchmark.name}: {fitted.name} in {seconds} s")
        result = {"name": fitted.name, "version": baseline.version, "majority": fitted.majority, "rows": len(rows)}
        files = [f"{stage}/{file}" for file in fitted.save(_emptied(run.folder / stage))]
        done = run.mark_done(stage, inputs, result | {"seconds": seconds}, f"{stage}.jsonl", *files)
    return float(done["seconds"])


def load_baseline(run: Run, benchmark: Benchmark) -> FittedBaseline:
    """The baseline as the run measured it. Raises `UserError` where the benchmark has none, or a file was changed."""
    if benchmark.baseline is None:
        raise UserError(f"The benchmark '{benchmark.name}' has no baseline: its scorer names none.")
    stage = stage_of(benchmark.name, benchmark.baseline)
    run.verify(stage)
    baseline: BaselineLike = plugins.build("baselines", benchmark.baseline, {})
    return baseline.load(run.folder / stage, benchmark, benchmark.label_set())


def _emptied(folder: Path) -> Path:
    """The folder, without the files of an earlier baseline."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


class BaselineState(BaseModel):
    """What a baseline keeps in model.json; derive from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: int
    """That of the baseline that wrote it."""


State = TypeVar("State", bound=BaselineState)


def write_state(folder: Path, state: BaselineState, tensors: Mapping[str, Floats]) -> list[str]:
    """Write a baseline's files, each completely or not at all; returns their names."""
    write_text(folder / STATE, strict_json.dumps(state.model_dump(), ensure_ascii=False, separators=(",", ":")) + "\n")
    if not tensors:
        return [STATE]
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write(folder / TENSORS, lambda scratch: save_file(contiguous, scratch))
    return [STATE, TENSORS]


def read_state(folder: Path, kind: type[State], version: int) -> State:
    """What stands in a baseline's model.json. Raises `UserError` where it is malformed or of another version."""
    try:
        content = strict_json.loads((folder / STATE).read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("version") != version:
            found = shown(content.get("version"))
            raise UserError(f"The baseline in {folder} has the version {found}, and this Metier {version}. {AGAIN}")
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(folder, f"{'.'.join(map(str, first['loc'])) or STATE}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, f"{STATE} cannot be read: {error}") from error


def read_tensors(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """The tensors of a baseline. Raises `UserError` unless they are finite float64 of just these names and shapes."""
    if not shapes:
        return {}
    try:
        tensors: dict[str, Floats] = load_file(folder / TENSORS)
    except (OSError, ValueError, SafetensorError) as error:
        raise damaged(folder, f"{TENSORS} cannot be read: {error}") from error
    if (found := {name: tensor.shape for name, tensor in tensors.items()}) != dict(shapes):
        raise damaged(folder, f"its tensors have the shapes {found}, and not {dict(shapes)}")
    if wrong := [name for name, it in tensors.items() if it.dtype != np.float64 or not np.isfinite(it).all()]:
        raise damaged(folder, f"the tensor {wrong[0]} is not of finite float64 numbers")
    return tensors


def refuse_another(folder: Path, what: str, saved: Any, asked: Any) -> None:
    """Raises `UserError` where a saved baseline was made for something else than what is asked for."""
    if saved != asked:
        raise UserError(
            f"The baseline in {folder} was made for the {what} {shown(saved)}, and not for {shown(asked)}. {AGAIN}"
        )


def damaged(folder: Path, why: str) -> UserError:
    """The error that says what is wrong with a saved baseline."""
    return UserError(f"The baseline in {folder} is damaged: {why}. {AGAIN}")
