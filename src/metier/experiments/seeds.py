"""The same recipe with several seeds: what training makes of chance, and whether the gain outlives it."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.predictions import Predictions, as_predictions
from metier.evaluation.retention import not_too_sure, retention_entry
from metier.evaluation.stats import Interval
from metier.evaluation.verdict import decide, same_questions, say_p
from metier.experiments.average import NoMean, average
from metier.recipes import plugins
from metier.recipes.schema import Recipe
from metier.reporting.pages import template
from metier.runs import lock
from metier.runs import run as runs
from metier.runs.files import write_json, write_text
from metier.runs.marks import hashed
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.curate import curate
from metier.stages.evaluate import evaluate, read_answers
from metier.stages.report import by_benchmark, meaning, report
from metier.stages.train import train


def seeds(recipe: Recipe, out: Path, count: int) -> dict[str, Any]:
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
    for seed in range(recipe.seed, recipe.seed + count):
        progress.say(f"seed {seed}")
        base = done[0].folder / "evaluate" / "base" if done else None
        done.append(evaluated(out / f"seed-{seed}", recipe.model_copy(update={"seed": seed}), progress, base))
        _report(done[-1])
    return together(done, recipe, out)


def together(done: list[Run], recipe: Recipe, out: Path) -> dict[str, Any]:
    """What several finished trainings say as one: seeds.json, `out`/averaged, report.html, and each one's own report
    with how far the others are."""
    result = decided(done, recipe)
    write_json(out / "seeds.json", hashed(result))
    verdicts = [_report(run) for run in done]  # once more, now that each can tell how far the others are
    result["averaged"] = averaged(done, out / "averaged")
    write_json(out / "seeds.json", hashed(result))
    write_text(out / "report.html", _page(out, recipe, result, verdicts))
    return result


def decided(done: list[Run], recipe: Recipe) -> dict[str, Any]:
    """SHIP or HOLD by the mean over the seeds, with its reasons and what it goes by."""
    found = [judged(benchmark, done, recipe) for benchmark in recipe.build_benchmarks()]
    retention = [_kept(benchmark, margin, done) for benchmark, margin in recipe.build_retention()]
    decision, reasons = decide(found, retention, recipe.ship.min_gain, recipe.ship.alpha, recipe.quick, len(done))
    numbers = [run.recipe.seed for run in done]
    return {"decision": decision, "reasons": reasons, "seeds": numbers, "benchmarks": found, "retention": retention}


def averaged(done: list[Run], folder: Path) -> dict[str, Any] | None:
    """The verdict on the mean of several trainings as one model, a run in `folder`; None where they have none."""
    with lock.run_lock(folder):
        try:
            run = average(done, folder)
        except NoMean as error:
            done[0].progress.say(f"The trainings were not averaged: {error}")
            return None
        _ask(run, done[0].folder / "evaluate" / "base")
        return report(run)


def _report(run: Run) -> dict[str, Any]:
    with lock.run_lock(run.folder):
        return report(run)


def _page(out: Path, recipe: Recipe, result: dict[str, Any], verdicts: list[dict[str, Any]]) -> str:
    from markupsafe import Markup

    from metier.reporting import figures

    pictured = []
    for at, entry in enumerate(result["benchmarks"]):
        alone = [verdict["benchmarks"][at] for verdict in verdicts]
        rows = [(entry["baseline_name"] or "baseline", alone[0]["baseline"]), ("base", alone[0]["base"])]
        rows += [(f"tuned, seed {seed}", one["tuned"]) for seed, one in zip(result["seeds"], alone, strict=True)]
        if result["averaged"]:
            rows.append(("tuned, averaged", result["averaged"]["benchmarks"][at]["tuned"]))
        title = f"{entry['metric']} on {entry['name']}, with 95 % intervals"
        pictured.append((entry, Markup(figures.intervals(rows, title, entry["unit"] == "share"))))
    pack = plugins.find("industries", recipe.industry)()
    known = {"name": out.resolve().name, "folder": out, "recipe": recipe, "pack": pack, "meaning": meaning(result)}
    known["insights"] = by_benchmark((result["averaged"] or verdicts[0])["insights"])
    page: str = template("seeds.html").render(**known, pictured=pictured, say_p=say_p, **result)
    return page


def opened(folder: Path, recipe: Recipe, progress: Progress) -> Run:
    """A new run in a folder, or the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    return runs.open_run(folder, recipe, progress)


def evaluated(folder: Path, recipe: Recipe, progress: Progress, base: Path | None) -> Run:
    """A run up to its answers; `base` are the base model's answers of another run, which are the same everywhere."""
    with lock.run_lock(folder):
        run = opened(folder, recipe, progress)
        curate(run)
        train(run)
        _ask(run, base)
    return run


def _ask(run: Run, base: Path | None) -> None:
    mine = run.folder / "evaluate" / "base"
    if base and not mine.exists():  # a seal of other questions is not believed
        scratch = run.path("evaluate", ".base.part")  # there completely or not at all
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(base, scratch)
        scratch.replace(mine)
    evaluate(run)


def tuned(run: Run, name: str, who: str = "tuned") -> Predictions:
    """The answers to a benchmark, of the tuned model or of another."""
    return as_predictions(read_answers(run, who, name), run.result(f"evaluate/tuned/{name}")["labels"])


def paired(
    metric: Any, before: list[Predictions], after: list[Predictions], seed: int, alpha: float = 0.05
) -> dict[str, Any]:
    """Gain of the mean over seeds, its 95 % interval and p, by chance in the questions and in the trainings.

    Every draw takes the same clusters of questions for both arms, and an arm's training is held against the other's of
    the same seed. Where clusters are too few to draw from, p is 1.
    """
    for pair in zip(before, after, strict=True):
        same_questions(*pair)
    sign = 1.0 if metric.higher_is_better else -1.0
    cluster, weights = stats.bootstrap_weights(before[0].groups, seed)
    values, draws = [], []
    for tables in (before, after):
        statistics = [metric.statistics(table) for table in tables]
        values.append(np.array([float(metric.value(found.sum(0))) for found in statistics]))
        draws.append(np.stack([stats.resampled(found, cluster, weights, metric.value) for found in statistics]))
    gains, differences = sign * (values[1] - values[0]), sign * (draws[1] - draws[0]).mean(0)
    clusters, few = stats.effective_clusters(cluster), cluster.max() + 1 < stats.FEWEST_CLUSTERS
    if len(gains) > 1:
        interval, p, smallest = stats.over_trainings(gains, differences, clusters, alpha)
    else:
        interval = stats.percentile_interval(float(gains[0]), differences, clusters=clusters)
        p = stats.bootstrap_p(float(gains[0]), differences, clusters)
        smallest = stats.minimum_detectable_effect(stats.standard_error(differences), alpha, clusters=clusters)
    return {"gain": asdict(interval), "p": 1.0 if few else p, "minimum_detectable_effect": smallest}


def judged(benchmark: Any, done: list[Run], recipe: Recipe) -> dict[str, Any]:
    """One benchmark over all seeds, in the words of verdict.json's entries, and `values` by seed with their `spread`
    (standard deviation; null with one seed)."""
    title, metric = next(iter(benchmark.build_metrics().items()))
    before, after = ([tuned(run, benchmark.name, who) for run in done] for who in ("base", "tuned"))
    values = _values(metric, after)
    entry = {
        "name": benchmark.name,
        "metric": title,
        "unit": metric.unit,
        "n": len(after[0].gold),
        "clusters": len(set(after[0].groups)),
        "base": {"value": float(np.mean(_values(metric, before)))},
        "tuned": {"value": float(np.mean(values))},
        "values": values,
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        **paired(metric, before, after, recipe.seed, recipe.ship.alpha),
        **dict.fromkeys(("baseline", "baseline_name", "gain_over_baseline")),
    }
    if (done[0].folder / "evaluate" / "baseline" / f"{benchmark.name}.jsonl").is_file():
        baseline = [tuned(run, benchmark.name, "baseline") for run in done]
        over = paired(metric, baseline, after, recipe.seed, recipe.ship.alpha)
        entry["baseline"] = {"value": float(np.mean(_values(metric, baseline)))}
        entry["baseline_name"] = done[0].result(f"evaluate/baseline/{benchmark.name}")["by"]
        entry["gain_over_baseline"] = {**over["gain"], "p": over["p"]}
    return entry


def _kept(benchmark: Any, margin: float | None, done: list[Run]) -> dict[str, Any]:
    """One thing that must not be forgotten, in the mean over the seeds."""
    metric = next(iter(benchmark.build_metrics().values()))
    before, after = ([tuned(run, benchmark.name, who) for run in done] for who in ("base", "tuned"))
    base, changed = (float(np.mean(_values(metric, tables))) for tables in (before, after))
    gain = Interval(**paired(metric, before, after, done[0].recipe.seed)["gain"])
    gain = not_too_sure(metric, gain, list(zip(before, after, strict=True)))
    return retention_entry(benchmark, margin, base, changed, gain, before[0].groups)


def _values(metric: Any, tables: list[Predictions]) -> list[float]:
    return [float(metric.value(metric.statistics(table).sum(0))) for table in tables]
