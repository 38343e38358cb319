"""The verdict and the pages that people read: verdict.json, report.html, answers.html, model_card.md."""

import pyarrow.compute as pc

from metier.errors import UserError
from metier.evaluation import insight
from metier.evaluation.answers import BASE, JUDGED, JUDGED_HELD_OUT, LATENCY, TUNED, Answers, stage_of
from metier.evaluation.baseline import answering
from metier.evaluation.baseline_results import with_baselines
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.faces import Judged, conclude
from metier.evaluation.insight import InsightContext
from metier.evaluation.next_steps import RunFacts
from metier.evaluation.openings import say_openings
from metier.evaluation.plan import candidate_of, held_to_plan
from metier.evaluation.results import BenchmarkResult, InsightResult, RetentionResult, Verdict
from metier.evaluation.samples import Judging
from metier.evaluation.verdict import decide, judge_benchmark, judge_retention
from metier.recipes import plugins
from metier.recipes.texts import costs_of
from metier.reporting.answer_rows import answered_benchmarks
from metier.reporting.answers_page import answers_page
from metier.reporting.pages import template
from metier.reporting.suspect_sheets import write_test_sheet
from metier.reporting.verdict_page import content
from metier.runs.files import write_json, write_text
from metier.runs.integrity import record_report
from metier.runs.marks import read_hashed
from metier.runs.run import Run, record_description
from metier.stages.evaluate import check_rows


def report(run: Run) -> Verdict:
    """Judge the saved answers and write the verdict and the pages."""
    record_description(run)
    answers = Answers(run)
    write_test_sheet(run, answers)  # before the verdict, which names it among the next steps
    verdict, name = judge(run, answers), page_name(run)
    known, rows = content(run, answers, verdict, name), answers_page(name, answered_benchmarks(answers))
    page, card = (template(name).render(known) for name in ("report.html", "model_card.md"))
    # Only now: a page that cannot be made must not leave an old one beside a new verdict.
    write_json(run.path("verdict.json"), verdict.to_json())
    write_text(run.path("report.html"), page)
    write_text(run.path("answers.html"), rows)
    write_text(run.path("model_card.md"), card)
    record_report(run, decision=verdict.decision, exploratory=verdict.exploratory)
    say_openings(run, answers.judging.benchmarks)
    return verdict


def judge(run: Run, answers: Answers) -> Verdict:
    """The verdict from the answers on disk; nothing is asked again."""
    _check(run, answers.judging)
    ship, seeds = run.recipe.ship, run.locked()["seeds"]
    measured = [_measured(run, answers, benchmark) for benchmark in answers.judging.benchmarks]
    kept = [_kept(run, answers, benchmark, margin) for benchmark, margin in answers.judging.retention]
    pack = plugins.find("industries", run.recipe.industry)()
    measured = with_baselines(run, answers, measured, JUDGED, pack.cost_per_hour)
    decision, reasons, benchmarks = decide(measured, kept, ship.min_gain, ship.alpha, run.recipe.quick, len(seeds))
    judged = Judged(decision, reasons, benchmarks, kept, ship.min_gain, ship.alpha, len(seeds))
    one_of_several = _of_several(run) and len(seeds) == 1
    stages = {stage: run.result(stage) for stage in ("curate", "train", "evaluate")}
    return Verdict(
        **dict(conclude(judged, held_to_plan(run, answers.judging), RunFacts.of(run, answers, one_of_several))),
        benchmarks=tuple(benchmarks),
        retention=tuple(kept),
        insights=tuple(row for benchmark in answers.judging.benchmarks for row in _insights(run, answers, benchmark)),
        seconds={stage: result["seconds"] for stage, result in stages.items()},
        seconds_a_question={entry.name: _speed(run, entry) for entry in benchmarks},
        peak_memory_mb=max(result["peak_memory_mb"] for result in stages.values()),
        seeds=tuple(seeds),
        adapter_sha256=stages["train"]["adapter_sha256"],
    )


def _check(run: Run, judging: Judging) -> None:
    """Raises `UserError` where the answers are not those of this model to these questions, as they were written."""
    trained, evaluated = (run.result(stage).get("adapter_sha256") for stage in ("train", "evaluate"))
    if evaluated and evaluated != trained:
        raise UserError(f"The model was trained again since it was asked. Run `metier evaluate {run.folder}` first.")
    check_rows(run)
    for stage in ("curate", "train", "evaluate"):
        run.verify(stage)
    _check_baselines(run, judging)


def _check_baselines(run: Run, judging: Judging) -> None:
    """Raises `UserError` where a baseline of the recipe did not answer: the model would have nobody to beat."""
    tasks = set(run.table("curate", "train.parquet")["task"].to_pylist())
    for benchmark in judging.benchmarks:
        for name in answering(benchmark, benchmark.name in tasks):
            if not run.is_done(stage_of(benchmark.name, name)):
                raise UserError(
                    f"The baseline '{name}' did not answer '{benchmark.name}'. Run `metier evaluate {run.folder}` "
                    "first."
                )


def _measured(run: Run, answers: Answers, benchmark: Benchmark) -> BenchmarkResult:
    name, recipe, candidate = benchmark.name, run.recipe, candidate_of(run, benchmark.name)
    given = {BASE: answers.of(BASE, name), TUNED: answers.of(JUDGED, name), "baseline": answers.baseline(name)}
    baseline = run.result(stage_of(name, str(benchmark.baseline))) if given["baseline"] else {}
    return judge_benchmark(
        benchmark,
        given,
        answers.labels(name),
        baseline.get("majority"),
        recipe.seed,
        recipe.ship.alpha,
        baseline.get("name"),
        run.result(stage_of(name, TUNED))["truncated"],
        recipe.opponents().allowed,
        candidate,
        answers.of(TUNED, name) if candidate.baseline else (),
    )


def _kept(run: Run, answers: Answers, benchmark: Benchmark, margin: float | None) -> RetentionResult:
    before, after = (answers.of(who, benchmark.name) for who in (BASE, TUNED))
    truncated, labels = run.result(stage_of(benchmark.name, TUNED))["truncated"], answers.labels(benchmark.name)
    return judge_retention(benchmark, margin, before, after, labels, run.recipe.seed, truncated)


def _speed(run: Run, entry: BenchmarkResult) -> dict[str, float | None]:
    """Mean seconds a question, asked in batches on this machine, without loading the model."""
    waits = {who: run.result(stage_of(entry.name, who))["timing"] for who in (BASE, TUNED)}
    return {who: round(wait["seconds"] / entry.n, 4) for who, wait in waits.items()}


def _insights(run: Run, answers: Answers, benchmark: Benchmark) -> list[InsightResult]:
    """The key figures of the recipe's industry for one benchmark."""
    pack, name = plugins.find("industries", run.recipe.industry)(), benchmark.name
    functions = [insight.find(one) for one in pack.insights]
    if not functions:
        return []
    latency = stage_of(name, LATENCY)
    context = InsightContext(
        benchmark,
        answers.table(BASE, name),
        answers.table(JUDGED, name),
        held_out=answers.table(JUDGED_HELD_OUT, name) if answers.of(JUDGED_HELD_OUT, name) else None,
        costs=costs_of(run.recipe, name),
        cost_per_hour=pack.cost_per_hour,
        seed=run.recipe.seed,
        timing=run.result(stage_of(name, TUNED)).get("timing"),
        latency=run.result(latency) if run.is_done(latency) else None,
        seeds=values_by_seed(run, name),
        times=benchmark.times,
        learned_times=lambda: _learned_times(run, name),
    )
    return [InsightResult(benchmark=name, **row.to_json()) for rows in functions for row in rows(context)]


def _learned_times(run: Run, name: str) -> list[str]:
    rows = run.table("curate", "train.parquet")
    return [time or "" for time in rows.filter(pc.equal(rows["task"], name))["time"].to_pylist()]


def page_name(run: Run) -> str:
    """What a page calls the run: one of several seeds goes by the folder above its own too."""
    return "/".join(run.folder.resolve().parts[-2 if _of_several(run) else -1 :])


def _of_several(run: Run) -> bool:
    """Whether the run is one of several seeds, or their mean: their folder is above its own."""
    return run.folder.name == f"seed-{run.recipe.seed}" or "averaged" in run.locked()


def values_by_seed(run: Run, name: str) -> list[float]:
    """The deciding metric of all runs that this one is a part or the mean of (`metier run --seeds`)."""
    path = run.folder.parent / "seeds.json"
    if not _of_several(run) or not path.is_file():
        return []
    known = read_hashed(path, "Remove it and call `metier run --seeds` again: nothing is trained again.")
    return next((entry["values"] for entry in known["benchmarks"] if entry["name"] == name), [])
