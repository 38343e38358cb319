"""What all pictures share: colors, letters, and how a figure becomes the text of an <svg>."""

import io
import re
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

INK, QUIET, FAINT = "#1c2733", "#5b6a78", "#c3ccd4"
BEFORE, AFTER, OTHER = "#8593a0", "#0b6e5f", "#a35c00"
GRID = "#e6eaee"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "metier",  # ids that do not change from run to run
    "font.family": "sans-serif",
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": BEFORE,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # a label `$50-$100$` is no formula
}
WIDTH = 360
"""Units of a narrow figure: those of a phone's screen, so that its letters are 12 pixels high there."""
LONGEST = 40
"""Characters of a label in a figure; longer ones would make the others too small to read."""


def canvas(height: int, top: int = 10, bottom: int = 44, left: int = 46, right: int = 14) -> tuple[Any, Any]:
    """A narrow figure of this height with axes inside these margins, in CSS pixels of a phone."""
    figure = plt.figure(figsize=(WIDTH / 72, height / 72))
    return figure, panel(figure, height, top, bottom, left, right)


def panel(figure: Any, height: int, top: int, bottom: int, left: int, right: int) -> Any:
    """Axes inside these margins of a figure."""
    box = (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.tick_params(length=0)
    return axes


def percent_axis(axis: Any) -> None:
    """Shares as `80 %`."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")


def shortened(label: str) -> str:
    """A label that fits into a figure."""
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def svg(figure: Any, title: str, tight: bool = False) -> str:
    """The figure's <svg> element, without fixed size, with a title for those who cannot see it. `tight`: cut to what is
    drawn, for a figure whose labels decide how large it is."""
    stream = io.StringIO()
    box = {"bbox_inches": "tight"} if tight else {}
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Title": title}, **box)
    plt.close(figure)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)  # the page's letters, not those of a list
    return re.sub(
        r'^<svg ([^>]*?)width="[^"]*"([^>]*?)height="[^"]*"|^<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"',
        lambda m: '<svg role="img" ' + "".join(part or "" for part in m.groups()),
        text,
        count=1,
    )
