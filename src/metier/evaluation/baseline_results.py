"""Every baseline beside the tuned model: its figure, what the model gains over it, and what its answers take."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metier.evaluation import stats
from metier.evaluation.answers import BASE, TUNED, Answers, stage_of
from metier.evaluation.comparison import compare
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.results import BaselineResult, BenchmarkResult, Business, Figure, Gain
from metier.runs.run import Run

ITEMS = 1000


def with_baselines(
    run: Run, answers: Answers, entries: Sequence[BenchmarkResult], tuned: str, cost_per_hour: float
) -> list[BenchmarkResult]:
    """The entries with all baselines, their p's adjusted together over all of them (Holm), and with what answers take.

    The decision does not rest on the adjusted p's: which baseline decides is sealed before the first answer, so there
    is one such test for each benchmark. `tuned`: who answers for the model that is judged.
    """
    found = [list(_of(run, answers, entry, tuned, cost_per_hour)) for entry in entries]
    adjusted = iter(stats.holm([one.gain.p for rows in found for one in rows]))
    return [
        entry.model_copy(
            update={
                "baselines": tuple(one.model_copy(update={"p_holm": next(adjusted)}) for one in rows),
                "business": _of_models(run, entry, cost_per_hour),
            }
        )
        for entry, rows in zip(entries, found, strict=True)
    ]


def _of(
    run: Run, answers: Answers, entry: BenchmarkResult, tuned: str, cost_per_hour: float
) -> Iterator[BaselineResult]:
    benchmark, after = answers.benchmark(entry.name), answers.table(tuned, entry.name)
    metric = next(iter(benchmark.build_metrics().values()))
    for name in answers.baselines(entry.name):
        result, table = run.result(stage_of(entry.name, name)), answers.table(name, entry.name)
        figure, gain = _compared(metric, table, after, run.recipe.seed)
        yield BaselineResult(
            name=name,
            title=result["name"],
            decides=name == benchmark.baseline,
            figure=figure,
            gain=gain,
            unscored=int((~table.judged).sum()),
            business=business(result, len(table.gold), cost_per_hour),
        )


def _compared(metric: MetricLike, before: Predictions, after: Predictions, seed: int) -> tuple[Figure, Gain]:
    paired = compare(metric, before, after, seed, 0.05)
    gain = paired.gain
    return Figure.of(paired.before), Gain(value=gain.value, low=gain.low, high=gain.high, p=paired.p)


def _of_models(run: Run, entry: BenchmarkResult, cost_per_hour: float) -> dict[str, Business]:
    waits = {who: run.result(stage_of(entry.name, who)).get("timing") for who in (BASE, TUNED)}
    seconds = {who: float(wait["seconds"]) for who, wait in waits.items() if wait}
    if TUNED in seconds and entry.candidate.baseline:  # both parts of a mixture answer
        seconds[TUNED] += run.result(stage_of(entry.name, entry.candidate.baseline)).get("answering_s") or 0.0
    return {who: here(taken / entry.n, cost_per_hour) for who, taken in seconds.items()}


def business(result: Mapping[str, Any], n: int, cost_per_hour: float) -> Business:
    """What a baseline's answers take, by the mark of its stage."""
    seconds, spent = result.get("answering_s"), result.get("spent")
    if seconds is None:
        return Business(answers_per_hour=None, cost_per_1000=None)
    if spent is None:
        return here(seconds / n, cost_per_hour)
    return Business(
        answers_per_hour=_an_hour(seconds / n),
        cost_per_1000=round(ITEMS * spent["cost"] / n, 6),
        paid=spent["cost"],
    )


def here(seconds: float, cost_per_hour: float) -> Business:
    """Of a model on this machine that takes so many seconds for an answer; a price of 0 is none."""
    cost = round(ITEMS * seconds / 3600 * cost_per_hour, 6) if cost_per_hour else None
    return Business(answers_per_hour=_an_hour(seconds), cost_per_1000=cost)


def _an_hour(seconds: float) -> float | None:
    return round(3600 / seconds, 1) if seconds > 0 else None
