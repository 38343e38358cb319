"""A model at work, day by day."""

from collections.abc import Sequence

import numpy as np

from metier.reporting.figures._drawing import AFTER, BEFORE, GRID, STYLE, plt, svg


def over_days(days: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None], float | None]], title: str) -> str:
    """Shares by day, one below the other, each with a dashed line at the figure of the test (None: there is none)."""
    with plt.rc_context({**STYLE, "font.size": 11}):
        figure, panels = plt.subplots(len(rows), 1, figsize=(7, 0.6 + 1.5 * len(rows)), sharex=True, squeeze=False)
        for axes, (name, values, test) in zip(panels[:, 0], rows, strict=True):
            found = np.array([np.nan if value is None else value for value in values])
            axes.plot(range(len(days)), found, color=AFTER, lw=1.2, marker="o", ms=4 if len(days) <= 60 else 2)
            if test is not None:
                axes.axhline(test, color=BEFORE, lw=1.2, ls="--")
            axes.set_title(name, loc="left", size=11)
            axes.set_ylim(-0.03, 1.03)
            axes.grid(axis="y", color=GRID)
        places = np.unique(np.linspace(0, len(days) - 1, 4).round().astype(int))
        panels[-1, 0].set_xticks(places, [days[place] for place in places])
        figure.tight_layout()
        return svg(figure, title, tight=True)
