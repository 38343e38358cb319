"""What `metier forecast` found, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic would be loaded before `--help` answers
    from metier.experiments.forecast import BenchmarkForecast, Forecast
    from metier.experiments.ship_chance import AtRows, Expected


def forecast_text(found: "Forecast") -> str:
    """A table for each benchmark, and what it rests on."""
    lines: list[str] = []
    for one in found.benchmarks:
        lines += [*_benchmark(one), ""]
    return "\n".join([*lines, *found.left_out]).rstrip()


def _benchmark(one: "BenchmarkForecast") -> list[str]:
    baseline = one.baseline.split(" with ")[0]
    head = f"{one.benchmark}: {one.metric} on a test of {one.n:,} questions; 80 % intervals"
    columns = ["labeled rows", baseline, "tuned model", "gain", "P(SHIP)"]
    rows = [columns, *(_row(at) for at in one.at)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [head, *(f"  {line}" for line in table), "", *_rests_on(one, baseline)]


def _row(at: "AtRows") -> list[str]:
    times = "now" if at.times == 1 else f"{at.times:g}x"
    return [f"{at.rows:,} ({times})", _said(at.baseline), _said(at.model), _said(at.gain, "+"), f"{at.p_ship:.0%}"]


def _said(one: "Expected", sign: str = "") -> str:
    value, low, high = (
        f"{round(figure, 3) + 0:{sign}.3f}" for figure in (one.value, one.low, one.high)
    )  # never -0.000
    return f"{value} ({low} to {high})"


def _rests_on(one: "BenchmarkForecast", baseline: str) -> list[str]:
    now, laws = one.at[0], ", ".join(f"{name} {weight:.2f}" for name, weight in one.laws.items())
    lines = [
        f"  {baseline} learned {len(one.curve)} sizes from {one.curve[0].rows:,} to {one.curve[-1].rows:,} rows and "
        f"was asked {one.held_out:,} held-out rows (laws: {laws}). The test was not asked."
    ]
    if one.gain_of:
        lines.append(
            f"  The model was NOT trained. Its gain over {baseline} is what tuned models gained on {len(one.gain_of)} "
            "other datasets (docs/results.md), so the interval is wide and says little about this one. "
            "`--model-sizes 3` trains the model here."
        )
    else:
        points = ", ".join(f"{point.value:.3f} with {point.rows:,} rows" for point in one.model_curve)
        lines.append(f"  The model was trained {len(one.model_curve)} times: {points}.")
    if now.questions:
        lines.append(f"  {now.questions:,} test questions find a true gain of {now.gain.value:.3f} with 80 % power.")
    else:
        lines.append(f"  No number of test questions would show the expected gain ({now.gain.value:+.3f}).")
    return [*lines, "  P(SHIP) leaves out the retention checks, and a mixture with the baseline."]
