"""What a training logged, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metier.reporting.figures._drawing import AFTER, FAINT, GRID, OTHER, STYLE, canvas, plt, svg

Floats = NDArray[np.float64]
COLORS = (AFTER, OTHER, "#3b5b92", "#7a4a8c")
WINDOW = 0.1
"""Part of the steps over which a line is smoothed."""


@dataclass(frozen=True)
class Line:
    """A figure by step."""

    name: str
    steps: Floats
    values: Floats
    weights: Floats
    """How much each value stands for (tokens)."""

    def smoothed(self) -> Floats:
        """The weighted mean of the values within half a window on either side."""
        half = WINDOW * np.ptp(self.steps) / 2
        near = np.abs(self.steps[:, None] - self.steps[None, :]) <= half
        found: Floats = (near * self.weights) @ self.values / (near @ self.weights)
        return found


def loss_curve(lines: Sequence[Line], what: str, title: str) -> str:
    """Each line as it was logged, in grey, and smoothed, in color. `what`: the name of the vertical axis."""
    values = np.concatenate([line.values for line in lines])
    low, high = min(0.0, float(values.min())), float(values.max())
    with plt.rc_context(STYLE):
        figure, axes = canvas(230, top=12 + 16 * len(lines) * (len(lines) > 1), left=40)
        for line in lines:
            axes.plot(line.steps, line.values, color=FAINT, lw=0.9, marker="o" if len(line.steps) < 40 else "", ms=2)
        for line, color in zip(lines, COLORS, strict=False):
            axes.plot(line.steps, line.smoothed(), color=color, lw=2.4, label=line.name)
        axes.set_xlabel("step")
        axes.set_ylabel(what)
        axes.set_ylim(low, high + (0.05 * (high - low) or 1.0))
        axes.xaxis.set_major_locator(plt.MaxNLocator(5, integer=True))
        axes.grid(axis="y", color=GRID)
        if len(lines) > 1:
            axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0, handlelength=1.2)
        return svg(figure, title)
