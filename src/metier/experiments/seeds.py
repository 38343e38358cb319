"""The same recipe with several seeds: how much the result varies, and whether the gain holds for their mean."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.evaluation.answers import BASE, JUDGED, TUNED, Answers, stage_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.comparison import mean_gain
from metier.evaluation.faces import Judged, conclude
from metier.evaluation.next_steps import RunFacts
from metier.evaluation.non_inferiority import margin_gain
from metier.evaluation.plan import candidate_of, held_to_plan, read_plan, same_plans
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.results import Figure, Gain, RetentionResult, SeedsResult, SeedsVerdict, Verdict
from metier.evaluation.retention import not_too_sure, retention_entry
from metier.evaluation.verdict import decide
from metier.experiments.average import NoMean, average
from metier.experiments.expected_work import expected_work
from metier.recipes.schema import Recipe
from metier.recipes.texts import texts_of
from metier.reporting.decision import decision_of_seeds
from metier.reporting.pages import template
from metier.reporting.verdict_page import by_benchmark
from metier.runs import lock
from metier.runs import run as runs
from metier.runs.files import write_json, write_text
from metier.runs.integrity import record_overview
from metier.runs.marks import hashed
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.curate import curate
from metier.stages.evaluate import evaluate
from metier.stages.report import report
from metier.stages.train import train


def seeds(recipe: Recipe, out: Path, count: int) -> SeedsVerdict:
    """Run the recipe with `count` seeds, from its own on, each in `out`/seed-N; a killed call goes on.

    The base model answers once for all. The decision is by the mean over the seeds, in seeds.json and report.html.
    The trainings averaged into one model are a run of their own, `out`/averaged, with a verdict of its own.
    """
    if count < 2:
        raise UserError(f"--seeds {count}: with one training there is no spread. Use 2 or more, or leave it out.")
    if (out / "recipe.yaml").is_file():
        raise UserError(f"{out} holds one run, and --seeds makes several. Give them a folder: `--out {out}-seeds`.")
    progress = Progress()
    if (out / "averaged" / "recipe.yaml").is_file():  # of another recipe? It is said now, not after hours
        with lock.run_lock(out / "averaged"):
            opened(out / "averaged", recipe, progress)
    done: list[Run] = []
    for number, seed in enumerate(range(recipe.seed, recipe.seed + count), start=1):
        progress.say(f"training {number} of {count}: seed {seed}")
        first, mine = done[0] if done else None, recipe.model_copy(update={"seed": seed})
        done.append(evaluated(out / f"seed-{seed}", mine, progress, first, count - number))
        _report(done[-1])
    return together(done, recipe, out)


def together(done: list[Run], recipe: Recipe, out: Path) -> SeedsVerdict:
    """What several finished trainings say as one: seeds.json, `out`/averaged, report.html, and each one's own report
    with how far the others are."""
    verdict = decided(done, recipe)
    write_json(out / "seeds.json", hashed(verdict.to_json()))
    verdicts = [_report(run) for run in done]  # once more, now that each can tell how far the others are
    verdict = verdict.model_copy(update={"averaged": averaged(done, out / "averaged")})
    write_json(out / "seeds.json", hashed(verdict.to_json()))
    write_text(out / "report.html", _page(done[0], recipe, verdict, verdicts))
    record_overview(out, decision=verdict.decision, exploratory=verdict.exploratory)
    return verdict


def decided(done: list[Run], recipe: Recipe) -> SeedsVerdict:
    """SHIP or HOLD by the mean over the seeds, with its reasons and the figures behind it."""
    answers = [Answers(run) for run in done]
    judging, ship = answers[0].judging, recipe.ship
    measured = [judged(benchmark, answers, recipe) for benchmark in judging.benchmarks]
    retention = [_kept(benchmark, margin, answers) for benchmark, margin in judging.retention]
    decision, reasons, benchmarks = decide(
        measured, retention, ship.min_gain, ship.alpha, recipe.quick, trainings=len(done)
    )
    found = Judged(decision, reasons, benchmarks, retention, ship.min_gain, ship.alpha, len(done))
    facts = replace(RunFacts.of(done[0], answers[0]), folder=done[0].folder.parent, trainings=len(done))
    return SeedsVerdict(
        **dict(conclude(found, _exploratory(done, answers), facts)),
        seeds=tuple(run.recipe.seed for run in done),
        benchmarks=tuple(benchmarks),
        retention=tuple(retention),
    )


def _exploratory(done: list[Run], answers: Sequence[Answers]) -> tuple[str, ...]:
    """Why the decision on several trainings is none to rely on: each reason with the trainings that it holds for."""
    found: dict[str, list[str]] = {}
    for run, one in zip(done, answers, strict=True):
        for sentence in held_to_plan(run, one.judging):
            found.setdefault(sentence, []).append(run.folder.name)
    plans = [plan for run in done if (plan := read_plan(run))]
    differ = [] if same_plans(plans) else ["The trainings were planned differently: their plan.json differ."]
    return (*differ, *(f"{', '.join(names)}: {sentence}" for sentence, names in found.items()))


def averaged(done: list[Run], folder: Path) -> Verdict | None:
    """The verdict on the mean of several trainings as one model, a run in `folder`; None where they have none."""
    with lock.run_lock(folder):
        try:
            run = average(done, folder)
        except NoMean as error:
            done[0].progress.say(f"The trainings were not averaged: {error}")
            return None
        evaluate(run, done[0])
        return report(run)


def _report(run: Run) -> Verdict:
    with lock.run_lock(run.folder):
        return report(run)


def _page(first: Run, recipe: Recipe, verdict: SeedsVerdict, verdicts: Sequence[Verdict]) -> str:
    from markupsafe import Markup

    from metier.reporting.figures.intervals import intervals

    out, pictured = first.folder.parent, []
    for at, entry in enumerate(verdict.benchmarks):
        title = f"{entry.metric} on {entry.name}, with 95 % CI"
        pictured.append((entry, Markup(intervals(_rows(verdict, verdicts, at), title, entry.unit == "share"))))
    page: str = template("seeds.html").render(
        name=out.resolve().name,
        folder=out,
        recipe=recipe,
        texts=texts_of(recipe),
        shown=verdict.shown,
        insights=by_benchmark((verdict.averaged or verdicts[0]).insights),
        pictured=pictured,
        **{**dict(verdict), "decision": decision_of_seeds(first, verdict)},
    )
    return page


def _rows(verdict: SeedsVerdict, verdicts: Sequence[Verdict], at: int) -> list[tuple[str, Figure | None]]:
    """Name and figure of each model, for the picture of one benchmark."""
    alone = [one.benchmarks[at] for one in verdicts]
    rows = [(verdict.benchmarks[at].baseline_name or "baseline", alone[0].baseline), ("base", alone[0].base)]
    rows += [(f"tuned, seed {seed}", one.tuned) for seed, one in zip(verdict.seeds, alone, strict=True)]
    if verdict.averaged:
        rows.append(("tuned, averaged", verdict.averaged.benchmarks[at].tuned))
    return rows


def opened(folder: Path, recipe: Recipe, progress: Progress) -> Run:
    """A new run in a folder, or the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    return runs.open_run(folder, recipe, progress)


def evaluated(
    folder: Path, recipe: Recipe, progress: Progress, same_base: Run | None, further_trainings: int = 0
) -> Run:
    """A run up to its answers; `same_base`: a run of the same base model, which answers the same everywhere.
    `further_trainings`: how many follow, for the time left."""
    with lock.run_lock(folder):
        run = opened(folder, recipe, progress)
        progress.stage(1, 3, "curate")
        curate(run)
        progress.outlook.expect(expected_work(run, further_trainings))
        progress.stage(2, 3, "train")
        train(run)
        progress.stage(3, 3, "evaluate")
        evaluate(run, same_base)
    return run


def judged(benchmark: Benchmark, answers: Sequence[Answers], recipe: Recipe) -> SeedsResult:
    """One benchmark over all seeds."""
    name, alpha = benchmark.name, recipe.ship.alpha
    title, metric = next(iter(benchmark.build_metrics().items()))
    before, after = ([one.table(who, name) for one in answers] for who in (BASE, JUDGED))
    values, candidates = _values(metric, after), [candidate_of(one.run, name) for one in answers]
    paired = mean_gain(metric, before, after, recipe.seed, alpha)
    return SeedsResult(
        name=name,
        metric=title,
        unit=metric.unit,
        n=len(after[0].gold),
        clusters=len(set(after[0].groups)),
        base=Figure(value=float(np.mean(_values(metric, before)))),
        tuned=Figure(value=float(np.mean(values))),
        gain=paired.gain,
        p=paired.p,
        minimum_detectable_effect_over_base=paired.minimum_detectable_effect,
        variation_over_base=paired.variation,
        mixed_with=next((chosen.baseline_name for chosen in candidates if chosen.baseline), None),
        values=tuple(values),
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        **_over_baseline(benchmark, metric, answers, after, recipe),
    )


def _over_baseline(
    benchmark: Benchmark, metric: MetricLike, answers: Sequence[Answers], after: list[Predictions], recipe: Recipe
) -> dict[str, Any]:
    """What the mean gains over the baseline; empty where there is none."""
    name, who = benchmark.name, benchmark.baseline
    if who is None or not answers[0].of(who, name):
        return {}
    baseline = [one.table(who, name) for one in answers]
    margin = recipe.opponents().allowed
    if margin is None:
        over = mean_gain(metric, baseline, after, recipe.seed, recipe.ship.alpha)
        interval, variation = over.gain, over.variation
        gain = Gain(value=interval.value, low=interval.low, high=interval.high, p=over.p)
    else:
        gain, variation = margin_gain(metric, baseline, after, margin, recipe.seed)
    return {
        "baseline": Figure(value=float(np.mean(_values(metric, baseline)))),
        "baseline_name": answers[0].run.result(stage_of(name, who))["name"],
        "variation_over_baseline": variation,
        "gain_over_baseline": gain,
        "margin_over_baseline": margin,
    }


def _kept(benchmark: Benchmark, margin: float | None, answers: Sequence[Answers]) -> RetentionResult:
    """One thing that must not be forgotten, in the mean over the seeds."""
    metric = next(iter(benchmark.build_metrics().values()))
    before, after = ([one.table(who, benchmark.name) for one in answers] for who in (BASE, TUNED))
    base, changed = (float(np.mean(_values(metric, tables))) for tables in (before, after))
    gain = mean_gain(metric, before, after, answers[0].run.recipe.seed).gain
    gain = not_too_sure(metric, gain, list(zip(before, after, strict=True)))
    return retention_entry(benchmark, margin, base, changed, gain, before[0].groups)


def _values(metric: MetricLike, tables: Sequence[Predictions]) -> list[float]:
    return [float(metric.value(metric.statistics(table).sum(0))) for table in tables]
