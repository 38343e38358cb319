"""The picture of page one: is the model worse or better, how sure is that, and what does the rule ask for?"""

from dataclasses import dataclass

from markupsafe import Markup, escape

HEIGHT = 118
ROOM = 0.06
"""Share of the width that stays free on both sides."""


HALF, NAME, EDGE = 50, 30, 20
"""Percent of the width: the middle, what a name takes on a phone, and what half of a value takes."""


@dataclass(frozen=True)
class Scale:
    """From figures to percent of the picture's width."""

    low: float
    high: float

    @classmethod
    def around(cls, *values: float) -> "Scale":
        low, high = min(values), max(values)
        room = (high - low or 1.0) * ROOM / (1 - 2 * ROOM)
        return cls(low - room, high + room)

    def at(self, value: float) -> float:
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Interval:
    """A difference with its interval, above zero where the model is better, in the numbers that are shown."""

    value: float
    low: float
    high: float
    threshold: float
    """What the rule asks for: the smallest gain, or below zero the worsening that is allowed."""
    asked: str
    """The threshold in words."""
    shown: str
    """The value in words."""


def worse_or_better(it: Interval, title: str) -> Markup:
    """A line from worse to better with no difference, the threshold, the value and its interval.

    Places are percent of the width and letters have the size of the page, so that it can be read on a phone and on
    paper; its meaning stands in words and shapes, not in color alone.
    """
    scale = Scale.around(it.low, it.high, 0.0, it.threshold)
    low, high, value = (scale.at(one) for one in (it.low, it.high, it.value))
    zero, asked = _Mark(scale.at(0.0), "no difference", "zero"), _Mark(scale.at(it.threshold), it.asked, "asked")
    left, right = sorted((zero, asked), key=lambda mark: mark.at)
    # What extends away from the other line stands higher, so that no line crosses words.
    higher, lower = (right, left) if right.at <= HALF else (left, right)
    edge = HALF if right.at <= HALF else NAME
    parts = [
        f'<svg class="interval" width="100%" height="{HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<rect x="{asked.at}%" y="24" width="{100 - asked.at:.2f}%" height="52" class="enough"/>',
        '<text x="0" y="14">◄ worse</text><text x="100%" y="14" text-anchor="end">better ►</text>',
        higher.drawn(80),
        lower.drawn(98),
        f'<line x1="{low}%" x2="{high}%" y1="58" y2="58" class="range"/>',
        *(f'<line x1="{end}%" x2="{end}%" y1="50" y2="66" class="range"/>' for end in (low, high)),
        f'<circle cx="{value}%" cy="58" r="7" class="value"/>',
        _text(value, 42, it.shown, "strong", "start" if value < EDGE else "end" if value > 100 - EDGE else "middle"),
        *(mark.named(y, edge) for mark, y in ((higher, 93), (lower, 112))),
        "</svg>",
    ]
    return Markup("".join(parts))


@dataclass(frozen=True)
class _Mark:
    """A line across with its name below."""

    at: float
    words: str
    style: str

    def drawn(self, to: int) -> str:
        return f'<line x1="{self.at}%" x2="{self.at}%" y1="24" y2="{to}" class="{self.style}"/>'

    def named(self, y: int, edge: int) -> str:
        return _text(self.at, y, self.words, "halo", "start" if self.at <= edge else "end")


def _text(at: float, y: int, words: str, style: str, anchor: str) -> str:
    return f'<text x="{at}%" y="{y}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'
