"""Does curation help? The same model, the same tokens, rows that were curated more and more; by the paired test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.verdict import say_p
from metier.experiments.seeds import evaluated, opened, paired, tuned
from metier.recipes import plugins
from metier.recipes.schema import Recipe
from metier.runs.files import write_json
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.curate import curate

FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Arm:
    """One way of choosing the rows, and the arm that it has to beat."""

    name: str
    steps: list[Any]
    against: str | None


def arms(recipe: Recipe, rows: int) -> list[Arm]:
    """Raw, drawn at random, without duplicates, the whole recipe, and the whole recipe with `rows` selected.

    Test questions leave the rows of every arm.
    """
    named = [(plugins.named(use)[0], use) for use in recipe.steps]
    kept = [use for name, use in named if name in ("split", "decontaminate")]
    dedup = next((use for name, use in named if name == "dedup"), "dedup")
    whole = [use for name, use in named if name != "select"]
    select = next((dict(plugins.named(use)[1]) for name, use in named if name == "select"), {"by": "importance"})
    return [
        Arm("raw", kept, None),
        Arm(f"random@{rows}", [*kept, {"select": {"rows": rows}}], "raw"),
        Arm("deduplicated", [dedup, *kept], "raw"),
        Arm("curated", whole, "raw"),
        Arm(f"selected@{rows}", [*whole, {"select": {**select, "rows": rows}}], f"random@{rows}"),
    ]


def ablate(recipe: Recipe, out: Path, rows: int, tokens: int, seeds: int) -> dict[str, Any]:
    """Train and ask every arm with every seed (each a run in `out`, so a killed call goes on), then compare."""
    _check(recipe, rows, tokens, seeds)
    progress = Progress()
    with run_lock(out / "all"):
        available = curate(opened(out / "all", recipe, progress))["train"]
    rows = rows or available // 2
    every = arms(recipe, rows)
    curated = {arm.name: _curated(recipe, out, arm, progress) for arm in every}
    tokens = tokens or min(_tokens(run) for run in curated.values())
    progress.say(f"ablate: {len(every)} arms x {seeds} seeds, {tokens:,} tokens each")
    done: dict[str, list[Run]] = {}
    base: Path | None = None
    for arm in every:
        done[arm.name] = []
        for seed in range(seeds):
            run = _trained(recipe, out, arm, recipe.seed + seed, tokens, progress, base)
            base = base or run.folder / "evaluate" / "base"
            done[arm.name].append(run)
    result = {"rows": rows, "max_train_tokens": tokens, "seeds": seeds, **_compared(recipe, every, done)}
    write_json(out / "ablation.json", result)
    return result


def _check(recipe: Recipe, rows: int, tokens: int, seeds: int) -> None:
    if seeds < FEWEST_SEEDS:
        raise UserError(f"{seeds} seeds say nothing about chance between trainings. Use --seeds 3 or more.")
    if rows < 0 or tokens < 0:
        raise UserError("--rows and --tokens are numbers above 0; leave them out to have them chosen.")
    names = [plugins.named(use)[0] for use in recipe.methods]
    if names != ["sft"]:
        raise UserError(f"`ablate` compares rows, so the recipe must have the one method sft, not {', '.join(names)}.")


def _variant(recipe: Recipe, arm: Arm, seed: int, tokens: int) -> Recipe:
    settings = {**plugins.named(recipe.methods[0])[1], "max_train_tokens": tokens}
    changed = {"steps": arm.steps, "seed": seed, "retention": {}, "methods": [{"sft": settings}]}
    return recipe.model_copy(update=changed)


def _curated(recipe: Recipe, out: Path, arm: Arm, progress: Progress) -> Run:
    progress.say(f"ablate: rows of the arm {arm.name}")
    folder = out / "rows" / arm.name
    with run_lock(folder):
        run = opened(folder, _variant(recipe, arm, recipe.seed, 0), progress)
        curate(run)
    return run


def _tokens(run: Run) -> int:
    """Tokens that one pass of the arm's rows has."""
    from metier.engine.models.model import load
    from metier.engine.training.context import TrainingContext

    benchmarks = {benchmark.name: benchmark for benchmark in run.recipe.build_benchmarks()}
    (_, method), model = run.recipe.build_methods()[0], load(run.recipe.model, warn=run.progress.say)
    rows = run.table("curate", "train.parquet")
    context = TrainingContext(
        rows, rows.slice(0, 0), benchmarks, run.recipe.model, None, run.folder, run.recipe.seed, run.progress
    )
    return sum(map(len, method.examples(model, context))) * method.epochs


def _trained(recipe: Recipe, out: Path, arm: Arm, seed: int, tokens: int, progress: Progress, base: Path | None) -> Run:
    progress.say(f"ablate: {arm.name}, seed {seed}")
    return evaluated(out / arm.name / f"seed-{seed}", _variant(recipe, arm, seed, tokens), progress, base)


def _compared(recipe: Recipe, every: list[Arm], done: dict[str, list[Run]]) -> dict[str, Any]:
    """Each arm against the one that it has to beat, on every benchmark, adjusted by Holm over all of them."""
    found = []
    for benchmark in recipe.build_benchmarks():
        title, metric = next(iter(benchmark.build_metrics().items()))
        tables = {name: [tuned(run, benchmark.name) for run in several] for name, several in done.items()}
        for arm in every:
            values = [float(metric.value(metric.statistics(table).sum(0))) for table in tables[arm.name]]
            entry: dict[str, Any] = {"benchmark": benchmark.name, "metric": title, "arm": arm.name, "values": values}
            if arm.against:
                entry |= {"against": arm.against, **paired(metric, tables[arm.against], tables[arm.name], recipe.seed)}
            found.append(entry)
    judged = [entry for entry in found if "p" in entry]
    for entry, adjusted in zip(judged, stats.holm([entry["p"] for entry in judged]), strict=True):
        entry["p_holm"] = adjusted
    return {"arms": found, "sentences": [_sentence(entry, recipe.ship.alpha) for entry in found]}


def _sentence(entry: dict[str, Any], alpha: float) -> str:
    values = entry["values"]
    spread = f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f} over {len(values)} seeds)"
    said = f"{entry['benchmark']}, {entry['arm']}: {entry['metric']} {spread}"
    if "p" not in entry:
        return said + "."
    gain = entry["gain"]
    what = f"{gain['value']:+.3f} over {entry['against']} (95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}, "
    sure = entry["p_holm"] < alpha
    verdict = ("a gain" if gain["value"] > 0 else "a loss") if sure else "no measurable gain"
    return f"{said}; {what}{say_p(entry['p_holm'])} adjusted): {verdict}."
