"""Which candidate is judged on each benchmark: chosen on held-out rows before the first test question is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.errors import UserError
from metier.evaluation.answers import (
    BLEND,
    CANDIDATE,
    HELD_OUT,
    JUDGED,
    TUNED,
    read_answers,
    stage_of,
    write_answers,
)
from metier.evaluation.asking import Model
from metier.evaluation.baseline import FittedBaseline, built, fit_baseline, load_baseline
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.candidate import VERSION, Parts, blended, choose
from metier.evaluation.held_out import held_out_questions
from metier.evaluation.opponents import sealed_uses
from metier.evaluation.plan import candidate_of
from metier.evaluation.results import Candidate
from metier.evaluation.scoring import Prediction
from metier.runs.begun import PLAN
from metier.runs.files import fingerprint
from metier.runs.run import Run


def choose_candidates(
    run: Run, benchmarks: list[Benchmark], training_rows: pa.Table, base: Model
) -> dict[str, dict[str, FittedBaseline]]:
    """Choose for each benchmark, from the tuned model's answers to held-out rows; returns the baselines that were
    fitted for it, by benchmark and name, so that none is fitted twice.

    Where the plan is sealed, what it names stays: to choose again would be a second look.
    """
    fitted: dict[str, dict[str, FittedBaseline]] = {}
    sealed = (run.folder / PLAN).exists()
    for benchmark in benchmarks:
        inputs = _inputs(run, benchmark, training_rows)
        if run.done(stage_of(benchmark.name, CANDIDATE), inputs) is not None:
            continue
        fitted[benchmark.name] = _mixable(run, benchmark, training_rows, base)
        _choose(run, benchmark, fitted[benchmark.name], inputs, candidate_of(run, benchmark.name) if sealed else None)
    return fitted


def _inputs(run: Run, benchmark: Benchmark, training_rows: pa.Table) -> str:
    """A hash of all that the choice depends on."""
    held_out = stage_of(benchmark.name, HELD_OUT)
    answers = run.recorded_files(held_out) if run.is_done(held_out) else {}
    learned = run.recorded_sha256("curate", "curate/train.parquet")
    how = [run.recipe.candidate, sealed_uses(benchmark.baselines), benchmark.metrics[0], run.recipe.seed]
    versions = [built(use).version for use in benchmark.baselines.values()]
    return fingerprint(VERSION, versions, how, learned, sorted(answers.items()), _adapter(run))


def _adapter(run: Run) -> str:
    return str(run.result("train")["adapter_sha256"])


def _mixable(run: Run, benchmark: Benchmark, training_rows: pa.Table, base: Model) -> dict[str, FittedBaseline]:
    """The baseline that could be mixed in, by its name: the one that decides, else the first, that learned the same
    rows on this machine in seconds. Empty where the recipe wants none, or there are no held-out answers."""
    rows = questions(training_rows.filter(pc.equal(training_rows["task"], benchmark.name)))
    if run.recipe.candidate == "model" or not rows or not run.is_done(stage_of(benchmark.name, HELD_OUT)):
        return {}
    uses = sorted(benchmark.baselines.items(), key=lambda one: one[0] != benchmark.baseline)
    plug_ins = {name: built(use) for name, use in uses}
    name = next((name for name, one in plug_ins.items() if one.learns and one.fast and one.on_this_machine), None)
    return {name: fit_baseline(run, benchmark, name, rows, base)} if name else {}


def _choose(
    run: Run, benchmark: Benchmark, fitted: dict[str, FittedBaseline], inputs: str, planned: Candidate | None
) -> None:
    """Choose, or keep what was `planned`, and save it with its answers to the held-out rows."""
    name, chosen, answers = benchmark.name, planned or Candidate(), list[Prediction]()
    for baseline, learned in fitted.items():
        parts = Parts(read_answers(run, HELD_OUT, name), learned.answer(held_out_questions(run, benchmark)))
        labels, metric = benchmark.label_set(), next(iter(benchmark.build_metrics().values()))
        chosen = planned or choose(parts, baseline, learned.name, labels, metric, run.recipe.candidate)
        if chosen.baseline:
            answers = blended(chosen, parts, labels, metric)
    if run.recipe.candidate == "blend" and not chosen.baseline:
        run.progress.warn(
            f"  {name}: nothing can be mixed (no held-out rows, or no baseline with probabilities over the same "
            "labels), so the model is judged alone"
        )
    if chosen.held_out:
        figures = ", ".join(f"{who} {value:.3f}" for who, value in chosen.held_out.items())
        run.progress.say(f"  {name}: {chosen.named()} is judged; on {chosen.rows:,} held-out rows {figures}")
    stage = stage_of(name, CANDIDATE)
    write_answers(run.path(f"{stage}.jsonl"), answers)
    run.clear(stage_of(name, BLEND))
    found = {"chosen": chosen.to_json(), "adapter_sha256": _adapter(run)}
    run.mark_done(stage, inputs, found, f"{stage}.jsonl")


def blend_answers(run: Run, benchmark: Benchmark) -> None:
    """Mix the answers to the test questions, where a mixture is judged; both parts have answered before."""
    chosen, name = candidate_of(run, benchmark.name), benchmark.name
    stage = stage_of(name, BLEND)
    if chosen.baseline is None:
        run.clear(stage)
        return
    sources = [run.recorded_files(stage_of(name, who)) for who in (TUNED, chosen.baseline)]
    inputs = fingerprint(VERSION, chosen.to_json(), [sorted(files.items()) for files in sources])
    if run.done(stage, inputs) is not None:
        return
    parts = Parts(read_answers(run, TUNED, name), read_answers(run, chosen.baseline, name))
    metric = next(iter(benchmark.build_metrics().values()))
    write_answers(run.path(f"{stage}.jsonl"), blended(chosen, parts, benchmark.label_set(), metric))
    run.mark_done(stage, inputs, {}, f"{stage}.jsonl")


@dataclass(frozen=True)
class Mixture:
    """The baseline that is mixed into a tuned model's answers, and how."""

    benchmark: Benchmark
    chosen: Candidate
    baseline: FittedBaseline
    sha256: str
    """Of the adapter, the weights of the mixture and the baseline as it was saved."""

    def answer(self, questions: Sequence[Question], model: Sequence[Prediction]) -> list[Prediction]:
        """The mixed answers; `model`: the tuned model's own to these questions."""
        metric = next(iter(self.benchmark.build_metrics().values()))
        parts = Parts(model, self.baseline.answer(questions))
        return blended(self.chosen, parts, self.benchmark.label_set(), metric)


def load_mixture(run: Run, benchmark: Benchmark, who: str = JUDGED) -> Mixture | None:
    """What is mixed into the tuned model's answers; None where the model was judged alone, or `who` is the model alone.

    Raises `UserError` where a file of the baseline was changed since it was measured, or the model was trained again.
    """
    chosen = candidate_of(run, benchmark.name)
    if who != JUDGED or chosen.baseline is None:
        return None
    if run.result(stage_of(benchmark.name, CANDIDATE))["adapter_sha256"] != _adapter(run):
        raise UserError(f"The model was trained again since it was asked. Run `metier evaluate {run.folder}` first.")
    stage = stage_of(benchmark.name, chosen.baseline)
    parts = (_adapter(run), chosen.to_json(), sorted(run.recorded_files(stage).items()))
    sha256 = fingerprint(*parts)
    return Mixture(benchmark, chosen, load_baseline(run, benchmark, chosen.baseline), sha256)
