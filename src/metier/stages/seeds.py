"""The same recipe with several seeds: what training makes of chance, and whether the gain outlives it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from metier import runs, stats
from metier.errors import UserError
from metier.metrics import Outcomes, outcomes
from metier.progress import Progress
from metier.recipe import Recipe
from metier.runs import Run, write_json
from metier.stages.curate import curate
from metier.stages.evaluate import evaluate, read_answers
from metier.stages.report import report
from metier.stages.train import train
from metier.verdict import say_p


def seeds(recipe: Recipe, out: Path, count: int) -> dict[str, Any]:
    """Run the recipe with `count` seeds, from its own on, each in `out`/seed-N; a killed call goes on.

    The base model answers once for all. Writes seeds.json.
    """
    if count < 2:
        raise UserError(f"--seeds {count}: with one training there is no spread. Use 2 or more, or leave it out.")
    progress = Progress()
    done: list[Run] = []
    for seed in range(recipe.seed, recipe.seed + count):
        progress.say(f"seed {seed}")
        base = done[0].folder / "evaluate" / "base" if done else None
        run = evaluated(out / f"seed-{seed}", recipe.model_copy(update={"seed": seed}), progress, base)
        with runs.alone(run.folder):
            report(run)
        done.append(run)
    found = [judged(benchmark, done, recipe) for benchmark in recipe.build_benchmarks()]
    for entry, adjusted in zip(found, stats.holm([entry["p"] for entry in found]), strict=True):
        entry["p_holm"] = adjusted
    result = {"seeds": count, "benchmarks": found, "sentences": [_sentence(entry) for entry in found]}
    write_json(out / "seeds.json", result)
    return result


def opened(folder: Path, recipe: Recipe, progress: Progress) -> Run:
    """A new run in a folder, or the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    return runs.open_run(folder, recipe, progress)


def evaluated(folder: Path, recipe: Recipe, progress: Progress, base: Path | None) -> Run:
    """A run up to its answers; `base` are the base model's answers of another run, which are the same everywhere."""
    run = opened(folder, recipe, progress)
    with runs.alone(run.folder):
        curate(run)
        train(run)
        mine = run.folder / "evaluate" / "base"
        if base and not mine.exists():  # a seal of other questions is not believed
            shutil.copytree(base, mine)
        evaluate(run)
    return run


def tuned(run: Run, name: str, who: str = "tuned") -> Outcomes:
    """The answers to a benchmark, of the tuned model or of another."""
    return outcomes(read_answers(run, who, name), run.result(f"evaluate/tuned/{name}")["labels"])


def paired(metric: Any, before: list[Outcomes], after: list[Outcomes], seed: int) -> dict[str, Any]:
    """Gain of the mean over seeds, its 95 % interval and p: clusters of questions and seeds are drawn together.

    Every draw takes the same clusters for both arms, and as many seeds, with replacement, as there are; the same seeds
    for both, since they share the model's start.
    """
    sign = 1.0 if metric.higher_is_better else -1.0
    cluster, weights = stats.bootstrap_weights(before[0].groups, seed)
    values, draws = [], []
    for tables in (before, after):
        statistics = [metric.statistics(table) for table in tables]
        values.append(np.array([float(metric.value(found.sum(0))) for found in statistics]))
        draws.append(np.stack([stats.resampled(found, cluster, weights, metric.value) for found in statistics]))
    chosen = np.random.default_rng(seed).integers(0, len(before), draws[0].shape)
    differences = sign * np.take_along_axis(draws[1] - draws[0], chosen, axis=0).mean(0)
    gain, clusters = float(sign * (values[1] - values[0]).mean()), stats.effective_clusters(cluster)
    interval = stats.percentile_interval(gain, differences, clusters=clusters)
    p = stats.bootstrap_p(gain, differences, clusters)
    return {"gain": {"value": gain, "low": interval.low, "high": interval.high}, "p": p}


def judged(benchmark: Any, done: list[Run], recipe: Recipe) -> dict[str, Any]:
    """One benchmark over all seeds: against the base model, and against the cheap baseline where there is one. A single
    seed has no spread (null)."""
    title, metric = next(iter(benchmark.build_metrics().items()))
    after = [tuned(run, benchmark.name) for run in done]
    before = [tuned(run, benchmark.name, "base") for run in done]
    values = [float(metric.value(metric.statistics(table).sum(0))) for table in after]
    entry = {
        "name": benchmark.name,
        "metric": title,
        "n": len(after[0].gold),
        "base": float(metric.value(metric.statistics(before[0]).sum(0))),
        "values": values,
        "mean": float(np.mean(values)),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        **paired(metric, before, after, recipe.seed),
    }
    if (done[0].folder / "evaluate" / "cheap" / f"{benchmark.name}.jsonl").is_file():
        cheap = [tuned(run, benchmark.name, "cheap") for run in done]
        entry["cheap"] = float(np.mean([metric.value(metric.statistics(table).sum(0)) for table in cheap]))
        entry["over_cheap"] = paired(metric, cheap, after, recipe.seed)
    return entry


def _sentence(entry: dict[str, Any]) -> str:
    gain = entry["gain"]
    said = (
        f"{entry['name']}: {entry['metric']} {entry['mean']:.3f} ({min(entry['values']):.3f} to "
        f"{max(entry['values']):.3f} over {len(entry['values'])} seeds), base {entry['base']:.3f}: gain "
        f"{gain['value']:+.3f} (95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}, {say_p(entry['p_holm'])})"
    )
    if "over_cheap" in entry:
        over = entry["over_cheap"]
        said += f"; over the cheap baseline ({entry['cheap']:.3f}) {over['gain']['value']:+.3f}, {say_p(over['p'])}"
    return said + "."
