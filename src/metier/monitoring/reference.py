"""What a run measured before it went to work: the answers to its test, and how sure they were."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metier.data.reading import FileSource
from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.answers import HELD_OUT, JUDGED, JUDGED_HELD_OUT, MODEL, read_answers, stage_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.certainty import certainties, options
from metier.evaluation.held_out import held_out_questions
from metier.evaluation.predictions import Predictions, as_predictions
from metier.evaluation.results import read_verdict
from metier.evaluation.stats import Floats, effective_clusters
from metier.monitoring.traces import Trace
from metier.recipes.schema import task_of
from metier.runs.run import Run
from metier.serving.predictor import benchmark_of, fitted_baseline
from metier.serving.review import learn_temperature
from metier.stages.candidates import load_mixture

NO_CERTAINTY = "The answers are written and have no certainty."
NOT_ASKED = (
    "The run has no answers to held-out rows yet, so its certainty is not calibrated. Run `metier predict` once."
)


@dataclass(frozen=True)
class Reference:
    """Who answered the test, and how."""

    run: Run
    benchmark: Benchmark
    who: str
    """tuned, or the name of the baseline."""
    model: str
    """Its SHA-256, as traces name it."""
    table: Predictions
    """The answers to the test."""
    certainty: Floats
    """(n,) of each answer to the test, at the temperature of the held-out rows; NaN where there is none."""
    no_certainty: str
    """Why there is none at all; empty where there is."""

    @property
    def labels(self) -> tuple[str, ...]:
        return self.table.labels

    @cached_property
    def questions(self) -> list[Question]:
        """Of the test, in the order of the answers."""
        by_id = {question.id: question for question in self.benchmark.questions()}
        return [by_id[answer.id] for answer in self.table.answers]

    @property
    def clustered(self) -> bool:
        return len(set(self.table.groups)) < len(self.table.groups)

    @cached_property
    def column(self) -> str:
        """Where a row of the team's own data has its text."""
        if self.benchmark.path:
            return self.benchmark.text
        datasets = [one for one in self.run.recipe.build_datasets() if isinstance(one, FileSource)]
        own = next((one for one in datasets if task_of(one, [self.benchmark]) is self.benchmark), None)
        return own.text if own else "text"

    def text_of(self, trace: Trace) -> str | None:
        """A row's text: in the column of the run's own data, or in `text`, as clients of a server name it."""
        names = ("text", self.column) if trace.served else (self.column, "text")
        text = next((trace.columns[name] for name in names if name in trace.columns), None)
        return text if isinstance(text, str) else None

    def right(self, chosen: NDArray[np.bool_]) -> tuple[float, float]:
        """(right answers, answers) of some test questions; of clusters their effective numbers (Kish 1965)."""
        if not chosen.any():
            return 0.0, 0.0
        _, cluster = np.unique(np.asarray(self.table.groups)[chosen], return_inverse=True)
        n = effective_clusters(cluster)
        return float(self.table.right[chosen].mean() * n), n


def reference(run: Run, name: str | None, who: str) -> Reference:
    """Raises `UserError` where the run is not finished, or nobody of that name answered its test."""
    benchmark = benchmark_of(run, name)
    verdict = read_verdict(run.folder)
    if verdict is None:
        raise UserError(f"{run.folder} has no verdict yet. Run `metier report {run.folder}` first.")
    if not (answers := read_answers(run, who, benchmark.name)):
        known = [*MODEL, *benchmark.baselines]
        raise UserError(f"Nobody named '{who}' answered '{benchmark.name}'. There are: {', '.join(known)}.")
    stage = stage_of(benchmark.name, who)
    mixture = load_mixture(run, benchmark, who)
    model = mixture.sha256 if mixture else verdict.adapter_sha256
    if who not in MODEL:
        model = run.recorded_sha256(stage, f"{stage}/model.json")
    table = as_predictions(answers, benchmark.label_set())
    sure, why = _certainty(run, benchmark, who, table)
    return Reference(run, benchmark, who, model, table, sure, why)


def _certainty(run: Run, benchmark: Benchmark, who: str, table: Predictions) -> tuple[Floats, str]:
    none = np.full(len(table.answers), np.nan)
    if "probabilities" not in benchmark.build_scorer().gives:
        return none, NO_CERTAINTY
    if who in MODEL:
        held_out = read_answers(run, JUDGED_HELD_OUT if who == JUDGED else HELD_OUT, benchmark.name)
    else:
        fitted = fitted_baseline(run, benchmark, who)
        if not fitted.certain():
            return none, NO_CERTAINTY
        held_out = fitted.answer(held_out_questions(run, benchmark))
    if not held_out and held_out_questions(run, benchmark):
        return none, NOT_ASKED
    temperature = learn_temperature(held_out, benchmark.label_set())
    return certainties(options(table)[0], temperature.value), ""
