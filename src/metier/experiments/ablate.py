"""Does curation help? The same model, the same tokens, rows that were curated more and more; by the paired test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.answers import JUDGED, Answers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.comparison import mean_gain
from metier.evaluation.predictions import Predictions
from metier.evaluation.reasons import say_p
from metier.evaluation.results import Result
from metier.evaluation.stats import Interval
from metier.experiments.seeds import evaluated, opened
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


class ArmResult(Result):
    """An arm on one benchmark, in the mean over the seeds."""

    benchmark: str
    metric: str
    arm: str
    values: tuple[float, ...]
    """The deciding metric of each seed."""
    against: str | None = None
    """The arm that it has to beat; this and the next four are null where there is none."""
    gain: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    """Adjusted over all arms and benchmarks (Holm)."""
    minimum_detectable_effect: float | None = None


class Ablation(Result):
    """What `metier ablate` found: ablation.json."""

    rows: int
    """Of the arms that draw some."""
    max_train_tokens: int
    """Of each training."""
    seeds: int
    arms: tuple[ArmResult, ...]
    sentences: tuple[str, ...]


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


def ablate(recipe: Recipe, out: Path, rows: int, tokens: int, seeds: int) -> Ablation:
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
    first: Run | None = None
    for arm in every:
        done[arm.name] = []
        for seed in range(seeds):
            run = _trained(recipe, out, arm, recipe.seed + seed, tokens, progress, first)
            first = first or run
            done[arm.name].append(run)
    results = _compared(recipe, every, done)
    sentences = tuple(_sentence(one, recipe.ship.alpha) for one in results)
    ablation = Ablation(rows=rows, max_train_tokens=tokens, seeds=seeds, arms=tuple(results), sentences=sentences)
    write_json(out / "ablation.json", ablation.to_json())
    return ablation


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
    (_, method), model = run.recipe.build_methods()[0], load(run.recipe.model, warn=run.progress.warn)
    rows = run.table("curate", "train.parquet")
    context = TrainingContext(
        rows, rows.slice(0, 0), benchmarks, run.recipe.model, None, run.folder, run.recipe.seed, run.progress
    )
    return sum(map(len, method.examples(model, context))) * method.epochs


def _trained(
    recipe: Recipe, out: Path, arm: Arm, seed: int, tokens: int, progress: Progress, same_base: Run | None
) -> Run:
    progress.say(f"ablate: {arm.name}, seed {seed}")
    return evaluated(out / arm.name / f"seed-{seed}", _variant(recipe, arm, seed, tokens), progress, same_base)


def _compared(recipe: Recipe, every: list[Arm], done: dict[str, list[Run]]) -> list[ArmResult]:
    """Each arm against the one that it has to beat, on every benchmark, adjusted by Holm over all of them."""
    answers = {name: [Answers(run) for run in several] for name, several in done.items()}
    results = []
    for benchmark in recipe.build_benchmarks():
        tables = {name: [one.table(JUDGED, benchmark.name) for one in several] for name, several in answers.items()}
        results += [_arm_result(benchmark, arm, tables, recipe.seed) for arm in every]
    adjusted = iter(stats.holm([one.p for one in results if one.p is not None]))
    return [one if one.p is None else one.model_copy(update={"p_holm": next(adjusted)}) for one in results]


def _arm_result(benchmark: Benchmark, arm: Arm, tables: dict[str, list[Predictions]], seed: int) -> ArmResult:
    title, metric = next(iter(benchmark.build_metrics().items()))
    values = tuple(float(metric.value(metric.statistics(table).sum(0))) for table in tables[arm.name])
    result = ArmResult(benchmark=benchmark.name, metric=title, arm=arm.name, values=values)
    if arm.against is None:
        return result
    paired = mean_gain(metric, tables[arm.against], tables[arm.name], seed)
    return result.model_copy(
        update={
            "against": arm.against,
            "gain": paired.gain,
            "p": paired.p,
            "minimum_detectable_effect": paired.minimum_detectable_effect,
        }
    )


def _sentence(one: ArmResult, alpha: float) -> str:
    values, gain = one.values, one.gain
    spread = f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f} over {len(values)} seeds)"
    start = f"{one.benchmark}, {one.arm}: {one.metric} {spread}"
    if gain is None or one.p_holm is None:
        return start + "."
    what = f"{gain.value:+.3f} over {one.against} (95 % CI {gain.low:+.3f} to {gain.high:+.3f}, "
    verdict = ("a gain" if gain.value > 0 else "a loss") if one.p_holm < alpha else "no measurable gain"
    return f"{start}; {what}{say_p(one.p_holm)} adjusted): {verdict}."
