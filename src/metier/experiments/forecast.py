"""What a run will probably find, before money is spent: now, and with twice and four times the labels.

The baseline learns a dozen nested subsets of the training rows and is asked held-out ones; laws of learning go on from
there. The model is trained at a few sizes where that is asked for; else its gain is taken from other data.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.results import Result
from metier.experiments.dry_run import Asked
from metier.experiments.known_gains import GainOverBaseline, gain_over_baseline, known_gains, of_other_data
from metier.experiments.learning_curves import FittedCurve, fit
from metier.experiments.measured_curves import Material, Measured, baseline_points, curve_of
from metier.experiments.model_curve import Trainings, model_curve
from metier.experiments.power import Design, Spread, fast_baseline
from metier.experiments.ship_chance import AtRows, PlannedTest, Rule, outlook
from metier.recipes.checks import check as problems_of
from metier.recipes.checks import order_problems
from metier.recipes.schema import Recipe
from metier.reporting.pages import template
from metier.runs.files import write_json, write_text
from metier.runs.progress import Progress

TIMES = (1, 2, 4)
FEWEST_ROWS, FEWEST_HELD_OUT = 40, 20
"""Below so many rows there is no curve to go by."""


class CurvePoint(Result):
    """A figure on held-out rows, after so many rows were learned."""

    rows: int
    value: float


class BenchmarkForecast(Result):
    """What the test of one benchmark will probably find."""

    benchmark: str
    metric: str
    unit: str
    """`share` for figures between 0 and 1, else a word."""
    n: int
    """Test questions."""
    held_out: int
    """Training rows that figures are measured on; the test is not asked."""
    baseline: str
    curve: tuple[CurvePoint, ...]
    """Of the baseline, in the mean over the subsets of each size."""
    laws: dict[str, float]
    """Of the baseline's curve: law -> its share in the average."""
    model_curve: tuple[CurvePoint, ...]
    """Of the model; empty where it was not trained."""
    gain_from: Literal["model", "other data"]
    """Whether the gain over the baseline was measured here, or on the data of the results page."""
    gain_of: tuple[str, ...]
    """The benchmarks of the results page that it was taken from."""
    at: tuple[AtRows, ...]
    """Now, with twice and with four times the labels."""


class Forecast(Result):
    """What `metier forecast` found: forecast.json."""

    benchmarks: tuple[BenchmarkForecast, ...]
    left_out: tuple[str, ...]
    """Benchmarks of which nothing can be forecast, and why."""
    seconds: float


def forecast(recipe: Recipe, out: Path, model_sizes: int = 0, minutes: float | None = None) -> Forecast:
    """Forecast every benchmark that has a quick baseline and enough rows; writes forecast.json and forecast.html into
    `out`. `model_sizes`: so many trainings of the model, 0 for none; `minutes`: what they may take together.

    Raises `Problems` with everything that is wrong with the recipe, and `UserError` where no benchmark is left.
    """
    if problems := problems_of(recipe) or order_problems(recipe):
        raise Problems(problems)
    if minutes is not None and (minutes <= 0 or not model_sizes):
        raise UserError("--minutes is for training the model, and above 0. Add --model-sizes 3, or leave it out.")
    started, progress = time.monotonic(), Progress()
    with progress.working("forecast: reading rows and questions"):
        asked = Asked.of(recipe)
    trainings = Trainings.of(recipe, out, model_sizes, minutes, progress) if model_sizes else None
    rows = trainings.rows() if trainings else asked.rows
    materials, left_out = [], []
    for benchmark in asked.by_name.values():
        material = Material.of(benchmark, rows, recipe.seed, _now(asked, benchmark))
        if why := _too_little(material):
            left_out.append(f"{benchmark.name}: {why}")
        else:
            materials.append(material)
    if not materials:
        raise UserError(f"Nothing can be forecast. {' '.join(left_out)}")
    fitted = [_baseline(material, progress) for material in materials]
    trained = trainings.points(materials, progress) if trainings else [None] * len(materials)
    rule = Rule(recipe.ship.alpha / len(asked.by_name), recipe.ship.min_gain, recipe.opponents().allowed)
    found = [_benchmark(*one, rule) for one in zip(materials, fitted, trained, strict=True)]
    result = Forecast(benchmarks=tuple(found), left_out=tuple(left_out), seconds=round(time.monotonic() - started, 1))
    write_json(out / "forecast.json", result.to_json())
    write_text(out / "forecast.html", page(result, out.name))
    return result


def _now(asked: Asked, benchmark: Benchmark) -> int:
    """Labeled rows that a run would learn from: all, or what the budget of `select` leaves."""
    mine = asked.rows["task"].to_pylist().count(benchmark.name)
    return max(round(mine * asked.train / len(asked.rows)), 1)


def _too_little(material: Material) -> str | None:
    """Why nothing can be forecast; None where something can."""
    if fast_baseline(material.benchmark) is None:
        return "it has no baseline that learns within seconds."
    if len(material.learned) < FEWEST_ROWS or len(material.held_out) < FEWEST_HELD_OUT:
        some = f"{len(material.learned)} rows to learn from and {len(material.held_out)} held out"
        return f"{some}; a curve takes at least {FEWEST_ROWS} and {FEWEST_HELD_OUT}. Add labeled rows."
    if material.metric.higher_is_better and material.metric.unit not in ("share", "correlation"):
        return f"nobody knows the best {material.title} that there is."
    return None


def _baseline(material: Material, progress: Progress) -> tuple[FittedCurve, Spread, str]:
    """The baseline's curve, how much its figure varies by chance, and what it is called."""
    baseline, name = fast_baseline(material.benchmark), material.benchmark.name
    assert baseline, "asked for before"
    what = f"forecast: baseline, {name}"

    def say(done: int, total: int) -> None:
        if done == 1:
            progress.begin(what, total, "subsets")
        progress.advance()

    points, called = baseline_points(material, baseline, say=say)
    progress.end()
    curve, variance = curve_of(material, points)
    if len(curve.sizes) < 2:
        raise UserError(f"{name}: {material.title} cannot be worked out on its held-out rows. Add labeled rows.")
    fitted = fit(curve, variance, np.random.default_rng(material.seed))
    return fitted, Spread.of(material.metric, points[-1][0].table, material.seed), called


def _benchmark(
    material: Material, known: tuple[FittedCurve, Spread, str], trained: Sequence[Measured] | None, rule: Rule
) -> BenchmarkForecast:
    baseline, spread, called = known
    benchmark = material.benchmark
    questions = benchmark.questions()
    design = Design.of([question.group or question.id for question in questions], rule.alpha)
    gain = gain_over_baseline(of_other_data(known_gains(), benchmark.name, benchmark.dataset_name))
    model: FittedCurve | GainOverBaseline = gain
    if trained:
        model = model_curve(material, trained, baseline, gain.seeds, material.seed)
    test = PlannedTest(design, spread, rule)
    return BenchmarkForecast(
        benchmark=benchmark.name,
        metric=material.title,
        unit=material.metric.unit,
        n=len(questions),
        held_out=len(material.held_out),
        baseline=called,
        curve=_points(baseline),
        laws={name: round(weight, 3) for name, weight in baseline.weights.items()},
        model_curve=_points(model) if isinstance(model, FittedCurve) else (),
        gain_from="model" if trained else "other data",
        gain_of=() if trained else gain.of,
        at=outlook(TIMES, material.rows, baseline, model, test, material.seed),
    )


def _points(fitted: FittedCurve) -> tuple[CurvePoint, ...]:
    curve = fitted.curve
    return tuple(
        CurvePoint(rows=round(float(rows)), value=float(value))
        for rows, value in zip(curve.sizes, curve.values, strict=True)
    )


def page(found: Forecast, name: str) -> str:
    """The forecast for people, with a picture of each curve."""
    from markupsafe import Markup

    from metier.reporting.figures.learning_curve import Points, learning_curve

    drawn = []
    for one in found.benchmarks:
        lines = [
            Points(one.baseline, _seen(one.curve), [_ahead(at, "baseline") for at in one.at]),
            Points("tuned model", _seen(one.model_curve), [_ahead(at, "model") for at in one.at]),
        ]
        drawn.append((one, Markup(learning_curve(lines, f"{one.metric} by labeled rows, with 80 % intervals"))))
    text: str = template("forecast.html").render(name=name, drawn=drawn, left_out=found.left_out)
    return text


def _seen(points: Sequence[CurvePoint]) -> list[tuple[int, float]]:
    return [(point.rows, point.value) for point in points]


def _ahead(at: AtRows, who: Literal["baseline", "model"]) -> tuple[int, float, float, float]:
    one = at.baseline if who == "baseline" else at.model
    return at.rows, one.value, one.low, one.high
