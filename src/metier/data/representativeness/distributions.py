"""Do labels, lengths and formats have the same shares? Jensen-Shannon divergence in bits: 0 the same, 1 disjoint."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from metier.data.representativeness.measure import Draws, Measure, interval
from metier.data.representativeness.passages import WORD, Side
from metier.evaluation.stats import Floats

FORMATS = {
    "dialogue": r"^\s*[A-Z]\w{0,20}:(?s:.*)^\s*[A-Z]\w{0,20}:",
    "table": r"^.*(?:\t|\|).*$(?s:.*)^.*(?:\t|\|).*$",
    "markup": r"</\w+>|^\s*\{\s*\"",
    "list": r"^\s*(?:[-*•]|\d+[.)]|\(\w\))\s(?s:.*)^\s*(?:[-*•]|\d+[.)]|\(\w\))\s",
    "question": r"\?\s*\Z",
    "lines": r"\S\s*\n\s*\S",
}
"""The first that matches; else one sentence or a paragraph."""


def text_format(text: str) -> str:
    for name, pattern in FORMATS.items():
        if re.search(pattern, text, flags=re.M):
            return name
    return "paragraph" if re.search(r"[.!?]\s+\S", text) else "sentence"


def text_length(text: str) -> str:
    """The power of two below the number of words."""
    return str(2 ** int(np.log2(max(1, len(WORD.findall(text))))))


def jensen_shannon(first: Floats, second: Floats) -> Floats:
    """In bits (Lin 1991, IEEE IT 37), of (..., kinds) counts."""
    p, q = (counts / counts.sum(-1, keepdims=True) for counts in (first, second))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.nan_to_num(side * np.log2(side / middle)).sum(-1) for side in (p, q)]
    return np.maximum(0.0, (parts[0] + parts[1]) / 2)


def lengths(target: Side, candidate: Side, baseline: Side, seed: int) -> Measure:
    """Lengths of whole texts, in powers of two."""
    return _of_texts("lengths", "Lengths differ", text_length, (target, candidate, baseline), seed)


def formats(target: Side, candidate: Side, baseline: Side, seed: int) -> Measure:
    """Formats of whole texts."""
    return _of_texts("formats", "Formats differ", text_format, (target, candidate, baseline), seed)


def _of_texts(name: str, title: str, kind: Callable[[str], str], sides: Sequence[Side], seed: int) -> Measure:
    target, candidate, baseline = ([kind(text) for text in side.documents] for side in sides)
    return compared(name, title, target, candidate, baseline, seed)


def labels(target: Sequence[str], candidate: Sequence[str], seed: int) -> Measure:
    """The labels. General text has none: the baseline is a random draw of the target's own, so what chance gives."""
    chance = np.random.default_rng([seed, 8]).choice(np.asarray(target, dtype=object), size=len(candidate))
    measure = compared("labels", "Labels differ", list(target), list(candidate), list(chance), seed)
    measure.further["missing"] = sorted(set(target) - set(candidate))
    return measure


def compared(
    name: str, title: str, target: Sequence[str], candidate: Sequence[str], baseline: Sequence[str], seed: int
) -> Measure:
    """The divergence of the kinds of each side from the target's; `further` has the shares."""
    sides = (target, candidate, baseline)
    kinds = sorted({kind for side in sides for kind in side})
    matrices = [_one_hot(side, kinds) for side in sides]
    counts = [matrix.sum(0) for matrix in matrices]
    drawn = [Draws.of(range(len(side)), seed + number) for number, side in enumerate(sides)]
    resampled = [draws.weights @ matrix for draws, matrix in zip(drawn, matrices, strict=True)]
    values = [float(jensen_shannon(counts[0], side)) for side in counts[1:]]
    spread = jensen_shannon(resampled[0], resampled[1]) - jensen_shannon(resampled[0], resampled[2])
    difference = interval(values[0] - values[1], spread, min(draws.effective for draws in drawn))
    shares = {
        who: dict(zip(kinds, (count / count.sum()).tolist(), strict=True))
        for who, count in zip(("target", "candidate", "baseline"), counts, strict=True)
    }
    return Measure(name, title, "bits", "lower", values[0], values[1], difference, {"shares": shares})


def _one_hot(side: Sequence[str], kinds: Sequence[str]) -> NDArray[np.float64]:
    place = {kind: number for number, kind in enumerate(kinds)}
    matrix = np.zeros((len(side), len(kinds)))
    matrix[np.arange(len(side)), [place[kind] for kind in side]] = 1
    return matrix
