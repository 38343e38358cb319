"""One predictor for everything that uses a run: its prompt, chat template, label set, scorer and model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.data.records import Question
from metier.errors import UserError, nearest, shown
from metier.evaluation.answers import BASE, JUDGED, MODEL
from metier.evaluation.asking import answer_batch
from metier.evaluation.baseline import FittedBaseline, load_baseline
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.samples import open_samples
from metier.evaluation.scoring import ModelLike, Prediction
from metier.runs.run import Run
from metier.stages.candidates import Mixture, load_mixture
from metier.stages.evaluate import base_model, check_rows, tuned_model

Row = Mapping[str, Any]
"""A row in the benchmark's columns: `text`, what else its prompt names, and `options` where each row has its own."""


@dataclass(frozen=True)
class Predictor:
    """A model that answers rows as it answered the test questions."""

    benchmark: Benchmark
    model: ModelLike
    labels: list[str]
    """The label set; empty where answers are chosen among a row's own options, or written."""
    mixture: Mixture | None = None
    """What is mixed into the model's answers; None: nothing."""

    def predict(self, rows: Sequence[Row | str]) -> list[Prediction]:
        """Answers in the order of the rows; of the test questions, in their order, exactly those that were saved.

        A prediction has no `value` and no `gold`: nobody knows the right answer. Raises `UserError` where a row lacks
        a column, or is longer than the model's context and the benchmark does not say `too_long: truncate`.
        """
        return self.answer([question_of(self.benchmark, row, str(number)) for number, row in enumerate(rows)])

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        """The same for questions; the right answer of those that have one is not looked at by the model."""
        if not questions:
            return []
        session = self.benchmark.build_scorer().ask(self.model, self.benchmark, questions, self.labels)
        answers: dict[int, Prediction] = {}
        for batch in session.batches:
            answers |= dict(zip(batch, answer_batch(session, batch, questions), strict=True))
        found = [answers[position] for position in range(len(questions))]
        return self.mixture.answer(questions, found) if self.mixture else found


def load_predictor(run: Run, name: str | None = None, who: str = JUDGED) -> Predictor:
    """The predictor of a finished run.

    `name`: the benchmark whose task it does; None where the run has one. `who`: judged, tuned (the model alone), or
    base. Raises `UserError` where the run is not finished, or its files or the base model changed since.
    """
    benchmark = benchmark_of(run, name)
    check_rows(run)
    model = base_model(run) if who == BASE else tuned_model(run)
    return predictor_of(benchmark, model.load(), load_mixture(run, benchmark, who))


def predictor_of(benchmark: Benchmark, model: ModelLike, mixture: Mixture | None = None) -> Predictor:
    """A predictor whose model keeps what the benchmark's prompts begin with, and checks its way of scoring once."""
    from metier.engine.models.model import LanguageModel
    from metier.engine.models.resident import ResidentModel
    from metier.engine.trees.token_trees import common_prefix

    if isinstance(model, LanguageModel):
        prompts = [
            model.read(benchmark.render(question), benchmark.chat_template)[1] for question in benchmark.questions()
        ]
        model = ResidentModel(model, prompts[0][: common_prefix(prompts)])
    return Predictor(benchmark, model, benchmark.label_set(), mixture)


def benchmark_of(run: Run, name: str | None) -> Benchmark:
    """A benchmark of the run, with its samples; None: the only one. Raises `UserError` where there is no such one."""
    known = {benchmark.name: benchmark for benchmark in open_samples(run).benchmarks}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise UserError(f"{run.folder} has {len(known)} benchmarks. Name one: --benchmark {' or '.join(known)}.")
    if name not in known:
        raise UserError(f"{run.folder} has no benchmark {shown(name)}.{nearest(name, known)}")
    return known[name]


def question_of(benchmark: Benchmark, row: Row | str, name: str) -> Question:
    """A row as a question without an answer. `name`: what a message calls it. Raises `UserError` where it lacks a
    column that the prompt names, or its options."""
    columns: Row = {"text": row} if isinstance(row, str) else row
    fields = {str(key): "" if value is None else str(value) for key, value in columns.items() if key != "options"}
    if missing := sorted(benchmark.prompt_columns() - fields.keys()):
        raise UserError(
            f"Row {name} has no column '{missing[0]}', which the prompt of '{benchmark.name}' names."
            f"{nearest(missing[0], fields)}"
        )
    options = tuple(map(str, columns.get("options") or ()))
    if benchmark.chooses_among_own_options and len(options) < 2:
        raise UserError(f"Row {name} has no list of two or more options to choose from.")
    text = fields.pop("text", "")
    return Question(name, text, "", options, fields=fields)


def fitted_baseline(run: Run, benchmark: Benchmark, name: str) -> FittedBaseline:
    """A baseline of the run, loaded. Raises `UserError` where the benchmark has none of this name."""
    if name not in benchmark.baselines:
        known = [*MODEL, *benchmark.baselines]
        raise UserError(f"Nobody named {shown(name)} answered '{benchmark.name}'.{nearest(name, known)}")
    return load_baseline(run, benchmark, name, lambda: base_model(run).load())
