"""How numbers and names are written on pages: the filters that templates call by name."""

import re
from collections.abc import Callable
from typing import Any

from metier.evaluation.reasons import power, say_p
from metier.evaluation.results import Comparison
from metier.reporting.links import answers_link

LONG_WORD = 24
"""Characters from which a word is broken inside in a table."""


def figure(value: float) -> str:
    """0.123"""
    return f"{value:.3f}"


def signed(value: float) -> str:
    """+0.123"""
    return f"{value:+.3f}"


def count(value: int) -> str:
    """12,345"""
    return f"{value:,}"


def milliseconds(seconds: float) -> str:
    """0.0254 as 25"""
    return f"{1000 * seconds:.0f}"


def words(name: str) -> str:
    """clinical_coding as clinical coding"""
    return name.replace("_", " ")


def percent(share: float) -> str:
    """0.254 as 25"""
    return f"{100 * share:.0f}"


def percent_1(share: float) -> str:
    """0.2543 as 25.4 %"""
    return f"{100 * share:.1f} %"


def share(value: float | None) -> str:
    """0.254 as 25 %; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.0f} %"


def capital_power(entry: Comparison) -> str:
    """What the comparison could find that SHIP hinges on, as the begin of a sentence."""
    sentence = power(entry)
    return sentence[0].upper() + sentence[1:]


def has_long_word(text: str) -> bool:
    """Whether a text holds a hash or a path, which a narrow column has to break inside."""
    return any(len(word) > LONG_WORD for word in text.split())


def plain(text: str) -> Any:
    """A sentence as HTML: what stands between backticks as code; numbers and their units, and short words with a
    hyphen, each on one line."""
    from markupsafe import Markup, escape

    found = str(escape(text)).replace(" %", "\u00a0%").replace("95\u00a0% CI", "95\u00a0%\u00a0CI")
    found = re.sub(r"`([^`]+)`", r"<code>\1</code>", found)
    return Markup(
        re.sub(
            r"(?<![\w-])[A-Za-z]{1,12}(?:-[A-Za-z]{1,12}){1,2}(?![\w-])", r'<span class="nowrap">\g<0></span>', found
        )
    )


FILTERS: dict[str, Callable[..., str | bool]] = {
    "has_long_word": has_long_word,
    "plain": plain,
    "figure": figure,
    "signed": signed,
    "count": count,
    "milliseconds": milliseconds,
    "percent": percent,
    "percent_1": percent_1,
    "share": share,
    "words": words,
    "p_value": say_p,
    "power": capital_power,
    "answers_link": answers_link,
}
