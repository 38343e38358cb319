"""Right against given answers, label by label."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from metier.reporting.figures._drawing import INK, STYLE, plt, shortened, svg


def confusion(
    counts: NDArray[np.int64], labels: Sequence[str], title: str, link: Callable[[str, str], str] | None = None
) -> str:
    """Right labels in rows, given labels in columns, shaded by the share of the row. `link`: (right, given) -> where a
    cell leads."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size, shade = max(3.5, 0.34 * len(labels)), plt.get_cmap("Greens")
    with plt.rc_context({**STYLE, "font.size": 9}):
        figure, axes = plt.subplots(figsize=(size + 2.6, size + 0.6))
        for row, column in zip(*np.nonzero(counts), strict=True):
            url = link(labels[row], labels[column]) if link else None
            cell = plt.Rectangle((column, row), 1, 1, facecolor=shade(shares[row, column]), edgecolor="white", url=url)
            axes.add_patch(cell)
            color = "white" if shares[row, column] > 0.55 else INK
            said = str(counts[row, column])
            axes.text(column + 0.5, row + 0.5, said, ha="center", va="center", size=7.5, color=color, url=url)
        short = [shortened(label) for label in labels]
        axes.set_xticks(np.arange(len(labels)) + 0.5, short, rotation=90)
        axes.set_yticks(np.arange(len(labels)) + 0.5, short)
        axes.set_xlabel("answer given")
        axes.set_ylabel("right answer")
        axes.set_xlim(0, len(labels))
        axes.set_ylim(len(labels), 0)
        axes.tick_params(length=0)
        drawn = svg(figure, title, tight=True)
    return _linked(drawn) if link else drawn


def _linked(drawn: str) -> str:
    """The matrix with links that a keyboard and a screen reader get along with: of a cell only its number is one."""
    # An image has no parts for a screen reader, a group has. Inside a page `href` is enough; `xlink:href` is of old.
    drawn = drawn.replace('role="img"', 'role="group"', 1).replace('xlink:href="answers.html#', 'href="answers.html#')
    return re.sub(r"<a (href=[^>]*)>(\s*<path)", r'<a tabindex="-1" aria-hidden="true" \1>\2', drawn)
