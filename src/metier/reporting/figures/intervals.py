"""Models side by side with their intervals, and the comparison that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.evaluation.results import Figure, Gain
from metier.evaluation.stats import Interval
from metier.reporting.figures import _drawing
from metier.reporting.figures._drawing import AFTER, BEFORE, OTHER, QUIET, WIDTH, panel, plt, shortened

ROW, DIFFERENCE = 40, 124
"""Height of a model's line, and of the comparison below, in CSS pixels of a phone."""


@dataclass(frozen=True)
class Difference:
    """The comparison that decides."""

    against: str
    """What the tuned model is compared with, by the name of its line above."""
    gain: Interval | Gain
    """Above zero is better, whatever the metric."""
    min_gain: float
    """The gain that a SHIP takes."""


def intervals(
    rows: Sequence[tuple[str, Figure | None]], title: str, share: bool = True, deciding: Difference | None = None
) -> str:
    """A dot and its 95 % interval for each model; tuned models stand out. A `share` is drawn between 0 and 1. Below
    stands the difference to the model that decides, with its own interval."""
    shown = [(name, one) for name, one in rows if one and one.low is not None and one.high is not None]
    above = 26 + ROW * len(shown)
    height = above + (DIFFERENCE if deciding else 0)
    with plt.rc_context(_drawing.STYLE):
        figure = plt.figure(figsize=(WIDTH / 72, height / 72))
        axes = panel(figure, height, top=0, bottom=height - above + 22, left=14, right=26)
        for place, (name, one) in enumerate(reversed(shown)):
            _line(axes, place, name, one, share, bool(deciding and name == deciding.against))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.45, len(shown) - 0.05)
        if share and min(one.low for _, one in shown if one.low is not None) >= 0:  # a correlation may lie below zero
            axes.set_xlim(0, 1)
        axes.xaxis.set_major_locator(plt.MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %" if share else f"{value:.3g}")
        axes.grid(axis="x", color=_drawing.GRID)
        if deciding:
            _difference(panel(figure, height, top=above + 60, bottom=38, left=14, right=26), deciding, share)
        return _drawing.svg(figure, title)


def _line(axes: Any, place: int, name: str, one: Figure, share: bool, deciding: bool) -> None:
    color = AFTER if name.startswith("tuned") else OTHER if deciding else BEFORE
    if one.low != one.high:
        axes.plot([one.low, one.high], [place, place], color=color, lw=4, solid_capstyle="round")
    axes.plot([one.value], [place], "o", color=color, ms=10)
    weight = "bold" if color != BEFORE else "normal"
    where = axes.get_yaxis_transform()
    axes.text(0, place + 0.34, shortened(name), transform=where, va="center", weight=weight)
    axes.text(1, place + 0.34, _shown(one.value, share), transform=where, va="center", ha="right", weight=weight)


def _difference(axes: Any, it: Difference, share: bool) -> None:
    gain, times = it.gain, 100 if share else 1
    color = AFTER if gain.low > 0 else OTHER
    ends = np.array([gain.low, gain.high, 0.0, it.min_gain])
    room = 0.12 * float(np.ptp(ends)) or 0.01
    axes.set_xlim(float(ends.min()) - room, float(ends.max()) + room)
    axes.set_ylim(-1, 1)
    axes.axvline(0, color=QUIET, lw=1.2)
    if it.min_gain > 0:
        axes.axvline(it.min_gain, color=QUIET, lw=1.2, ls="--")
    axes.plot([gain.low, gain.high], [0, 0], color=color, lw=4, solid_capstyle="round")
    axes.plot([gain.value], [0], "o", color=color, ms=10)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(plt.MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{times * value:{'+' if value else ''}.3g}")
    value, low, high = (_shown(one, share, sign="+").removesuffix(" %") for one in (gain.value, gain.low, gain.high))
    unit = " points" if share else ""
    said = [(3.7, "The comparison that decides: gain over", "bold"), (2.5, shortened(it.against), "bold")]
    for height, text, weight in [*said, (1.3, f"{value}{unit} (95 % CI {low} to {high})", "normal")]:
        axes.text(0, height, text, transform=axes.get_yaxis_transform(), weight=weight)
    dashed = "; dashed: what the rule asks" if it.min_gain > 0 else ""
    axes.set_xlabel(f"◄ worse | better ►{dashed}", color=QUIET)


def _shown(value: float, share: bool, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f} %" if share else f"{value:{sign}.3g}"
