"""How numbers and names are written on pages: the filters that templates call by name."""

from collections.abc import Callable
from urllib.parse import quote

from metier.evaluation.reasons import power, say_p
from metier.evaluation.results import Comparison


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


def capital_power(entry: Comparison) -> str:
    """What the comparison could find that SHIP hinges on, as the begin of a sentence."""
    sentence = power(entry)
    return sentence[0].upper() + sentence[1:]


def answers_link(benchmark: str, right: str = "", given: str = "", filter: str = "") -> str:
    """The address of some of a benchmark's rows in answers.html, from a page beside it. `right` and `given` are labels
    by name, `given` that of the tuned model; `filter` is one of the page's (wrong, only-baseline, only-model,
    confident-wrong, suspect, fixed, broken)."""
    wanted = {"benchmark": benchmark, "right": right, "given": given, "filter": filter}
    return "answers.html#" + "&".join(
        f"{key}={quote(value, safe='', errors='replace')}" for key, value in wanted.items() if value
    )


FILTERS: dict[str, Callable[..., str]] = {
    "figure": figure,
    "signed": signed,
    "count": count,
    "milliseconds": milliseconds,
    "percent": percent,
    "words": words,
    "p_value": say_p,
    "power": capital_power,
    "answers_link": answers_link,
}
