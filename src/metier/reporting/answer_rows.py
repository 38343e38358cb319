"""Every test question with what each model answered: the rows of answers.html and of `metier answers`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier.data.records import Question
from metier.evaluation import certainty
from metier.evaluation.answers import BASE, JUDGED, Answers, stage_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import Predictions
from metier.evaluation.scoring import Prediction
from metier.evaluation.suspects import suspects

CONFIDENT = 0.9
"""The certainty from which on a wrong answer is a confident mistake."""
DIGITS = 6
"""Of a certainty: saved probabilities have as many."""


@dataclass(frozen=True)
class Given:
    """What one model answered to one question."""

    answer: str | None
    """None: unscored."""
    score: float | None
    """1 right, 0 wrong, between them for a part; of a loss, nats a token. None: unscored."""
    completion: str | None = None
    """The words of a free answer, where they are not the answer itself."""


@dataclass(frozen=True)
class AnswerRow:
    """One question and all answers to it."""

    number: int
    """Its place in samples.parquet, from 0."""
    id: str
    text: str
    fields: Mapping[str, str]
    """The further columns that the prompt names."""
    options: tuple[str, ...]
    right: str
    gold: int
    """The right label's place in the label set; -1 where there is none."""
    predicted: int
    """The same of the tuned model's answer; -1 where it is unscored, too."""
    base: Given
    tuned: Given
    baseline: Given | None
    certainty: float | None
    """The tuned model's probability of its likeliest answer; None where its answers are written."""
    group: str | None
    slices: Mapping[str, str]
    suspect: str | None
    """The label that is suggested, where the recorded one is in doubt."""


@dataclass(frozen=True)
class AnsweredBenchmark:
    """All questions of one benchmark, in the order in which they were asked."""

    name: str
    prompt: str
    labels: tuple[str, ...]
    """The label set; empty where there is none, and so no classes to filter by."""
    baseline: str | None
    """What the baseline is called; None: nobody of that kind answered."""
    losses: bool
    """Whether a score is a loss, so that no answer is right or wrong."""
    rows: tuple[AnswerRow, ...]

    def columns(self, of: str) -> list[str]:
        """The names of all `fields` or `slices`, sorted."""
        return sorted({column for row in self.rows for column in getattr(row, of)})


def answered_benchmarks(answers: Answers) -> list[AnsweredBenchmark]:
    """The benchmarks of a run with the saved answers. Raises `UserError` where some are missing or were changed."""
    found = []
    for benchmark in answers.judging.benchmarks:
        name = benchmark.name
        given = {BASE: answers.of(BASE, name), "baseline": answers.baseline(name)}
        title = answers.run.result(stage_of(name, str(benchmark.baseline)))["name"] if given["baseline"] else None
        table, doubts = answers.table(JUDGED, name), suspects(answers, name)
        suggested = {one.question: one.suggestion for one in doubts}
        found.append(answered_benchmark(benchmark, table, given[BASE], given["baseline"], title, suggested))
    return found


def answered_benchmark(
    benchmark: Benchmark,
    tuned: Predictions,
    base: Sequence[Prediction],
    baseline: Sequence[Prediction] = (),
    baseline_name: str | None = None,
    suggested: Mapping[int, str] | None = None,
) -> AnsweredBenchmark:
    """The questions of one benchmark with what was answered to them, in their order. No `baseline`: there is none."""
    losses = "losses" in benchmark.build_scorer().gives
    sure = certainty.certainties(certainty.options(tuned)[0])
    columns, doubts = sorted(benchmark.prompt_columns() - {"text"}), suggested or {}
    rows = [
        AnswerRow(
            number=number,
            id=question.id,
            text=question.text,
            fields=_fields(question, columns),
            options=question.options,
            right=question.answer,
            gold=int(tuned.gold[number]),
            predicted=int(tuned.predicted[number]),
            base=_given(before, losses),
            tuned=_given(after, losses),
            baseline=_given(baseline[number], losses) if baseline else None,
            certainty=None if math.isnan(sure[number]) else round(float(sure[number]), DIGITS),
            group=question.group,
            slices=question.slices,
            suspect=doubts.get(number),
        )
        for number, (question, before, after) in enumerate(zip(benchmark.questions(), base, tuned.answers, strict=True))
    ]
    return AnsweredBenchmark(benchmark.name, benchmark.prompt, tuned.labels, baseline_name, losses, tuple(rows))


def _fields(question: Question, columns: Sequence[str]) -> dict[str, str]:
    own = {column: question.fields[column] for column in columns if column in question.fields}
    return {column: value for column, value in own.items() if value != question.text}


def _given(prediction: Prediction, losses: bool) -> Given:
    score = prediction.value
    if score is not None:
        score = round(score / prediction.weight if losses else score, 4)
    words = prediction.completion
    return Given(prediction.answer, score, words if words != prediction.answer else None)
