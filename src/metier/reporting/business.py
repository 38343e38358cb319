"""Figures to decide by besides accuracy: how many answers an hour, and what a thousand cost, of each model."""

from collections.abc import Iterator
from dataclasses import dataclass

from metier.evaluation import plain_words as plain
from metier.evaluation.results import BaselineResult, BenchmarkResult, Business


@dataclass(frozen=True)
class Tile:
    """A figure or two with what they are."""

    title: str
    rows: tuple[tuple[str, str], ...]
    """(whose, figure)"""
    note: str = ""


@dataclass(frozen=True)
class BaselineRow:
    """A baseline as the table shows it."""

    result: BaselineResult
    hourly: str
    cost: str


def baseline_rows(entry: BenchmarkResult) -> tuple[BaselineRow, ...]:
    """All baselines of a benchmark, in the order of the recipe."""
    return tuple(BaselineRow(one, hourly(one.business), cost(one.business)) for one in entry.baselines)


def hourly(business: Business | None) -> str:
    """Answers an hour: 1,240"""
    known = business.answers_per_hour if business else None
    return "–" if known is None else f"{known:,.0f}"


def cost(business: Business | None) -> str:
    """What 1,000 answers cost, with two digits that say something."""
    known = business.cost_per_1000 if business else None
    if known is None:
        return "–"
    return f"{known:,.2f}" if known >= 1 or not known else f"{known:.2g}"


def business_tiles(entry: BenchmarkResult) -> Iterator[Tile]:
    """Answers an hour and the cost of 1,000, of each model of which they are known."""
    models = [(plain.model(entry), entry.business.get("tuned"))]
    models += [(plain.short_name(one.title), one.business) for one in entry.baselines]
    models.append(("the base model", entry.business.get("base")))
    rows = tuple((who, hourly(one)) for who, one in models if one and one.answers_per_hour is not None)
    if rows:
        yield Tile("Answers an hour", rows, "in batches on this machine; of an address, one after the other")
    priced = tuple((who, cost(one)) for who, one in models if one and one.cost_per_1000 is not None)
    if priced:
        yield Tile("Cost of 1,000 answers", priced, "by the pack's cost_per_hour; of an address, by its prices")
