"""Pictures as SVG text that stands inside the page: they scale to a phone, print sharply, and need no network."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from metier.evaluation.results import Figure  # noqa: E402

INK, QUIET, BEFORE, AFTER = "#1c2733", "#8593a0", "#8593a0", "#0b6e5f"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "metier",  # ids that do not change from run to run
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # a label `$50-$100` is no formula
}

LONGEST = 40
"""Characters of a label that stand beside a matrix; longer ones would make its figures too small to read."""


def intervals(rows: Sequence[tuple[str, Figure | None]], title: str, share: bool = True) -> str:
    """A dot and its 95 % interval for each model; tuned models stand out. A `share` is drawn between 0 and 1."""
    shown = [
        (name, one.value, one.low, one.high)
        for name, one in rows
        if one and one.low is not None and one.high is not None
    ]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 0.5 + 0.5 * len(shown)))
        for place, (name, value, low, high) in enumerate(reversed(shown)):
            color = AFTER if name.startswith("tuned") else BEFORE
            axes.plot([low, high], [place, place], color=color, lw=3, solid_capstyle="round")
            axes.plot([value], [place], "o", color=color, ms=9)
            axes.annotate(f"{value:.3f}", (value, place), (0, 9), textcoords="offset points", ha="center")
        axes.set_yticks(range(len(shown)), [name for name, *_ in reversed(shown)])
        axes.set_ylim(-0.5, len(shown) - 0.2)
        if share and min(low for *_, low, _ in shown) >= 0:  # a correlation may lie below zero
            axes.set_xlim(0, 1)
        axes.grid(axis="x", color="#e6eaee")
        axes.tick_params(length=0)
        return _svg(figure, title)


def loss_curve(log: Sequence[dict[str, Any]], title: str) -> str:
    """What a training logged by step: the mean reward where it has rewards, whose loss says nothing, else the loss."""
    what = "reward" if "reward" in log[-1] else "loss"
    unit = log[-1].get("unit") if what == "loss" else None
    steps = np.array([row["step"] for row in log], dtype=float)
    values = np.array([row[what] for row in log], dtype=float)
    low, high = min(0.0, float(values.min())), float(values.max())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 2.6))
        axes.plot(steps, values, color=AFTER, lw=1.6)
        axes.set_xlabel("step")
        axes.set_ylabel(f"{what} ({unit})" if unit else what)
        axes.set_ylim(low, high + (0.05 * (high - low) or 1.0))
        axes.grid(axis="y", color="#e6eaee")
        return _svg(figure, title)


def confusion(counts: np.ndarray, labels: Sequence[str], title: str) -> str:
    """Right labels in rows, given labels in columns, shaded by the share of the row."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = max(3.5, 0.34 * len(labels))
    with plt.rc_context({**STYLE, "font.size": 9}):
        figure, axes = plt.subplots(figsize=(size + 2.6, size + 0.6))
        axes.pcolormesh(shares, cmap="Greens", vmin=0, vmax=1, edgecolors="white", linewidth=1)
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = shares[row, column] > 0.55
            axes.text(
                column + 0.5,
                row + 0.5,
                str(counts[row, column]),
                ha="center",
                va="center",
                size=7.5,
                color="white" if dark else INK,
            )
        short = [label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…" for label in labels]
        axes.set_xticks(np.arange(len(labels)) + 0.5, short, rotation=90)
        axes.set_yticks(np.arange(len(labels)) + 0.5, short)
        axes.set_xlabel("answer given")
        axes.set_ylabel("right answer")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        return _svg(figure, title)


def over_days(days: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None], float | None]], title: str) -> str:
    """Shares by day, one below the other, each with a dashed line at the figure of the test (None: there is none)."""
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(len(rows), 1, figsize=(7, 0.6 + 1.5 * len(rows)), sharex=True, squeeze=False)
        for axes, (name, values, test) in zip(panels[:, 0], rows, strict=True):
            found = np.array([np.nan if value is None else value for value in values])
            axes.plot(range(len(days)), found, color=AFTER, lw=1.2, marker="o", ms=4 if len(days) <= 60 else 2)
            if test is not None:
                axes.axhline(test, color=BEFORE, lw=1.2, ls="--")
            axes.set_title(name, loc="left", size=11)
            axes.set_ylim(-0.03, 1.03)
            axes.grid(axis="y", color="#e6eaee")
        places = np.unique(np.linspace(0, len(days) - 1, 4).round().astype(int))
        panels[-1, 0].set_xticks(places, [days[place] for place in places])
        figure.tight_layout()
        return _svg(figure, title)


def _svg(figure: Any, title: str) -> str:
    """The figure's <svg> element, without fixed size, with a title for those who cannot see it."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None, "Title": title})
    plt.close(figure)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    return re.sub(
        r'^<svg ([^>]*?)width="[^"]*"([^>]*?)height="[^"]*"|^<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"',
        lambda m: '<svg role="img" ' + "".join(part or "" for part in m.groups()),
        text,
        count=1,
    )
