"""A figure by the number of labeled rows: measured, and forecast with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.reporting.figures._drawing import AFTER, GRID, OTHER, STYLE, canvas, plt, shortened, svg

COLORS = (OTHER, AFTER)


@dataclass(frozen=True)
class Points:
    """One model."""

    name: str
    measured: Sequence[tuple[int, float]]
    """(rows, figure); none where it was not trained."""
    ahead: Sequence[tuple[int, float, float, float]]
    """(rows, figure, low, high) of the forecast."""


def learning_curve(lines: Sequence[Points], title: str) -> str:
    """Measured points are joined; what is forecast is dashed and has a bar for its interval."""
    with plt.rc_context(STYLE):
        figure, axes = canvas(250, top=12 + 16 * len(lines))
        for number, (line, color) in enumerate(zip(lines, COLORS, strict=False)):
            if line.measured:
                axes.plot(*zip(*line.measured, strict=True), color=color, lw=2, marker="o", ms=4)
            # A little apart, so that the bars of two models do not hide each other.
            rows = [one[0] * 1.06**number for one in line.ahead]
            values = [one[1] for one in line.ahead]
            axes.vlines(rows, [one[2] for one in line.ahead], [one[3] for one in line.ahead], color=color, lw=2.4)
            axes.plot(rows, values, color=color, lw=1.4, ls="--", marker="D", ms=4.5, label=shortened(line.name))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(plt.LogLocator(10, subs=(1.0, 3.0), numticks=9))
        axes.xaxis.set_minor_locator(plt.NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("labeled rows; dashed: forecast")
        axes.grid(axis="y", color=GRID)
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0, handlelength=1.2)
        return svg(figure, title)
