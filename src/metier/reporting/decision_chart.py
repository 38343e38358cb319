"""The picture of page one: is the model worse or better, how sure is that, and what does the rule ask for?"""

from dataclasses import dataclass

from markupsafe import Markup, escape

HEIGHT = 118
ROOM = 0.06
"""Share of the width that stays free on both sides."""


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
    zero, asked, low, high = (f"{scale.at(one)}%" for one in (0.0, it.threshold, it.low, it.high))
    value, right = f"{scale.at(it.value)}%", f"{100 - scale.at(it.threshold):.2f}%"
    parts = [
        f'<svg class="interval" width="100%" height="{HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<rect x="{asked}" y="24" width="{right}" height="52" class="enough"/>',
        '<text x="0" y="14">◄ worse</text>',
        '<text x="100%" y="14" text-anchor="end">better ►</text>',
        f'<line x1="{zero}" x2="{zero}" y1="24" y2="98" class="zero"/>',
        f'<line x1="{asked}" x2="{asked}" y1="24" y2="80" class="asked"/>',
        f'<line x1="{low}" x2="{high}" y1="58" y2="58" class="range"/>',
        *(f'<line x1="{end}" x2="{end}" y1="50" y2="66" class="range"/>' for end in (low, high)),
        f'<circle cx="{value}" cy="58" r="7" class="value"/>',
        _text(scale.at(it.value), 42, it.shown, "strong"),
        _text(scale.at(it.threshold), 93, it.asked, "halo"),
        _text(scale.at(0.0), 112, "no difference", "halo"),
        "</svg>",
    ]
    return Markup("".join(parts))


def _text(at: float, y: int, words: str, style: str) -> str:
    """Words centered on a place; near an edge they begin or end there."""
    anchor = "start" if at < 25 else "end" if at > 75 else "middle"
    return f'<text x="{at}%" y="{y}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'
