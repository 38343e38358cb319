"""The run's own test, put to an artifact: the same questions, and a paired test against the saved answers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.evaluation.answers import TUNED, read_answers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.results import RetentionResult, RetentionState, read_verdict
from metier.evaluation.retention import worse_by
from metier.evaluation.samples import open_samples
from metier.evaluation.scoring import ModelLike, Prediction
from metier.evaluation.verdict import judge_copy
from metier.export.artifact import Artifact, LoadedArtifact, find_artifact, open_artifact
from metier.export.card import write_record
from metier.export.greedy_check import GreedyCheck, greedy_check
from metier.export.record import Record, read_record
from metier.runs.run import Run
from metier.serving.predictor import Predictor, benchmark_of
from metier.stages.evaluate import check_model, check_rows
from metier.stages.train import trained_model

NO_LLAMA_CPP = "llama.cpp itself was not asked: pip install 'metier[llamacpp]' adds that check."
TOO_LONG = "llama.cpp itself was not asked: every prompt fills the model's context."


@dataclass(frozen=True)
class Verified:
    """An artifact on one benchmark of its run."""

    benchmark: str
    state: RetentionState
    """kept: surely no worse than the margin allows; lost: surely worse; inconclusive: neither is shown."""
    n: int
    same_answers: float
    """Share of the questions on which it answers as the run did."""
    metric: str
    run: float
    artifact: float
    change: tuple[float, float, float]
    """How much worse, with its 95 % interval; below zero is better."""
    margin: float
    sentence: str


@dataclass(frozen=True)
class Verification:
    """An artifact on all benchmarks that were asked."""

    benchmarks: tuple[Verified, ...]
    changed_files: tuple[str, ...] = ()
    """Files that are not as they were exported."""
    greedy: GreedyCheck | None = None
    """What llama.cpp wrote; None where it was not asked."""

    @property
    def lost(self) -> bool:
        return any(row.state == "lost" for row in self.benchmarks)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "lost": self.lost}


def verify_export(run: Run, path: Path, benchmark: str | None = None) -> Verification:
    """Ask an artifact the test questions, and write what came out into its card.

    `benchmark`: one of several; None: all of them. Raises `UserError` where there is no artifact, it is of another run,
    or the run is not finished or was changed since.
    """
    artifact = find_artifact(path)
    benchmarks = [benchmark_of(run, benchmark)] if benchmark else open_samples(run).benchmarks
    check_rows(run)
    trained_model(run)
    check_model(run)
    record = read_record(artifact.folder)
    changed = _look_at_files(run, artifact, record)
    with open_artifact(run, artifact) as model:
        if model.differences:
            run.progress.warn(
                f"{artifact.path.name}: Its metadata differ from the base model's in: "
                f"{', '.join(model.differences[:3])}. It is asked as the file says."
            )
        rows = _ask(run, model, benchmarks)
        greedy = _ask_llama_cpp(run, model, artifact, benchmarks[0])
    found = Verification(tuple(rows), tuple(changed), greedy)
    if record:
        _write_down(run, artifact, record, found)
    return found


def _look_at_files(run: Run, artifact: Artifact, record: Record | None) -> list[str]:
    """Say which files are not as they were exported. Raises `UserError` where they came from another run."""
    if record is None:
        run.progress.warn(f"{artifact.folder} has no metier.json: nothing says what it was exported from.")
        return []
    if record.hashes.get("adapter") != run.result("train")["adapter_sha256"]:
        raise UserError(
            f"{artifact.folder} was exported from another run ({record.run}) than {run.folder}. Name that one, or "
            "export this one."
        )
    changed = record.changed_files(artifact.folder)
    if changed:
        run.progress.warn(f"Not as it was exported: {', '.join(changed)}. It is tested as it is now.")
    return changed


def _ask(run: Run, artifact: LoadedArtifact, benchmarks: Sequence[Benchmark]) -> list[Verified]:
    model, rows = artifact.load(), []
    for benchmark in benchmarks:
        run.progress.say(f"verify: {benchmark.name}, {len(benchmark.questions()):,} questions")
        rows.append(verify_benchmark(run, benchmark, model))
    return rows


def verify_benchmark(run: Run, benchmark: Benchmark, model: ModelLike) -> Verified:
    """A model on the questions of a benchmark, against the run's saved answers to them."""
    given = Predictor(benchmark, model, benchmark.label_set()).answer(benchmark.questions())
    saved = read_answers(run, TUNED, benchmark.name)
    return compare_answers(benchmark, saved, given, run.recipe.export.margin, run.recipe.seed)


def compare_answers(
    benchmark: Benchmark, saved: Sequence[Prediction], given: Sequence[Prediction], margin: float, seed: int
) -> Verified:
    """The paired non-inferiority test of `given` against `saved`, as for what must not be forgotten."""
    judged = judge_copy(benchmark, margin, saved, given, benchmark.label_set(), seed)
    change = judged.change
    same = sum(_answer(one) == _answer(other) for one, other in zip(saved, given, strict=True)) / len(saved)
    return Verified(
        benchmark=benchmark.name,
        state=judged.state,
        n=judged.n,
        same_answers=same,
        metric=judged.metric,
        run=judged.base,
        artifact=judged.tuned,
        change=(float(change.value) + 0.0, float(change.low), float(change.high)),  # never -0.0
        margin=margin,
        sentence=_sentence(judged, same),
    )


def _answer(given: Prediction) -> Any:
    """What counts as the same: the answer, or of scorers that only read, the figure to six digits."""
    return given.answer if given.answer is not None or given.value is None else f"{given.value:.6g}"


def _sentence(judged: RetentionResult, same: float) -> str:
    return (
        f"{judged.state}: {judged.name}, {judged.n:,} questions, the same answer on {100 * same:.1f} %; "
        f"{judged.metric} {judged.base:.3f} in the run and {judged.tuned:.3f} here "
        f"({worse_by(judged.change.value)}, 95 % CI {judged.change.low:+.3f} to {judged.change.high:+.3f}, "
        f"margin {judged.margin:g})"
    )


def _ask_llama_cpp(run: Run, model: LoadedArtifact, artifact: Artifact, benchmark: Benchmark) -> GreedyCheck | None:
    """What llama.cpp writes, for a GGUF file and where it is installed."""
    from metier.engine.models.gguf.llamacpp import is_installed

    if artifact.kind != "gguf":
        return None
    if not is_installed():
        run.progress.say(NO_LLAMA_CPP)
        return None
    found = greedy_check(benchmark, model.load(exact=True), artifact.path)
    run.progress.say(found.sentence if found else TOO_LONG)
    return found


def _write_down(run: Run, artifact: Artifact, record: Record, found: Verification) -> None:
    """Write what was found into the artifact's metier.json and card, beside what was found on other benchmarks."""
    state = {"changed_files": list(found.changed_files)}
    new = {row.benchmark: {**asdict(row), **state} for row in found.benchmarks}
    rows = {row["benchmark"]: row for row in record.verified} | new
    greedy = record.greedy
    if found.greedy:
        greedy = {**asdict(found.greedy), "sentence": found.greedy.sentence, **state}
    tested = replace(record, verified=list(rows.values()), greedy=greedy)
    write_record(run, read_verdict(run.folder), tested, artifact.folder)
