"""Coverage against accuracy, and certainty against accuracy."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.evaluation.automation import Automation, Bin
from metier.reporting.figures._drawing import AFTER, BEFORE, GRID, OTHER, STYLE, canvas, percent_axis, plt, svg

MOST_POINTS = 200
FEWEST = 10
"""Answers from which on the curve is drawn: the accuracy of two or three is chance."""


def automation_curve(found: Automation, n: int, title: str) -> str:
    """Share right of the answers that nobody reviews, by how many those are; the cut-off is a dot."""
    answered = found.coverage * n
    drawn = answered >= min(FEWEST, answered[-1])  # where only some answers have a certainty, those are all there are
    coverage, accuracy = _thinned(found.coverage[drawn], found.accuracy[drawn])
    with plt.rc_context(STYLE):
        figure, axes = canvas(250, left=58, right=22)
        axes.plot(coverage, accuracy, color=AFTER, lw=2.2)
        points = [accuracy.min(), *([found.cut.accuracy.low] if found.cut and found.cut.accuracy else [])]
        low = max(0.0, min(points) - 0.04)
        axes.set_xlim(0, 1.0)
        axes.set_ylim(low, 1 + 0.06 * (1 - low))
        if found.cut and found.cut.accuracy:
            _cut(axes, found.cut.coverage, found.cut.accuracy.value, found.cut.accuracy.low, found.cut.accuracy.high)
        axes.set_xlabel("share of rows answered without a person")
        axes.set_ylabel("accuracy of those answers")
        _frame(axes)
        return svg(figure, title)


def _cut(axes: Any, coverage: float, accuracy: float, low: float, high: float) -> None:
    axes.axvline(coverage, color=OTHER, lw=1.2, ls="--")
    axes.plot([coverage, coverage], [low, high], color=OTHER, lw=3, solid_capstyle="round")
    axes.plot([coverage], [accuracy], "o", color=OTHER, ms=9)
    left = coverage > 0.5
    said = f"cut-off: {100 * coverage:.0f} % of rows,\n{100 * accuracy:.1f} % right"
    axes.annotate(
        said,
        (coverage, 0.06),
        (-8 if left else 8, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right" if left else "left",
        va="bottom",
    )


def reliability_diagram(bins: Sequence[Bin], title: str) -> str:
    """Share right of answers of similar certainty, with intervals; on the line the model is as right as it is sure."""
    sure, right = np.array([one.certainty for one in bins]), np.array([one.right.value for one in bins])
    with plt.rc_context(STYLE):
        figure, axes = canvas(250, left=58, right=22)
        low = max(0.0, min(sure.min(), *(one.right.low for one in bins)) - 0.05)
        axes.plot([low, 1], [low, 1], color=BEFORE, lw=1.2, ls="--")
        for one in bins:
            axes.plot([one.certainty] * 2, [one.right.low, one.right.high], color=BEFORE, lw=2)
        axes.plot(sure, right, "o", color=AFTER, ms=7)
        axes.set_xlim(low, 1.02)
        axes.set_ylim(low, 1.02)
        axes.set_xlabel("certainty")
        axes.set_ylabel("accuracy")
        _frame(axes)
        return svg(figure, title)


def _frame(axes: Any) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(plt.MaxNLocator(5))
        percent_axis(axis)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)


def _thinned(coverage: np.ndarray, accuracy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most so many points, the ends among them: more are not seen, and make the page larger."""
    at = np.unique(np.linspace(0, len(coverage) - 1, MOST_POINTS).round().astype(int))
    return coverage[at], accuracy[at]
