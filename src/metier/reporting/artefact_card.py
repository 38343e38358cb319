"""The card of an exported artefact: what it is, how it is used and asked, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier.engine.models.origin import Origin
from metier.evaluation.results import Verdict
from metier.recipes import plugins
from metier.reporting.pages import template
from metier.reporting.verdict_page import meaning
from metier.runs.run import Run


@dataclass(frozen=True)
class ArtefactFacts:
    """What a card says of an artefact, beside what the run says."""

    title: str
    what: str
    """What it is, before `of BASE`: "An adapter"."""
    origin: Origin
    library: str
    """The library that loads it, as the hub names it."""
    command: str
    example: str
    """A program that asks it; empty where the command does."""
    language: str
    """Of the example."""
    asked: Sequence[dict[str, Any]]
    """How each benchmark asks."""
    hashes: dict[str, str]
    version: str
    verified: Sequence[dict[str, Any]] = ()
    """What `metier verify-export` found."""


def artefact_card(run: Run, verdict: Verdict, facts: ArtefactFacts) -> str:
    """The card as Markdown. Nothing in it names a place on this machine."""
    known = {
        **vars(facts),
        "verdict": verdict,
        "meaning": meaning(verdict),
        "recipe": run.recipe,
        "pack": plugins.find("industries", run.recipe.industry)(),
        "lock": run.locked(),
        "curated": run.result("curate"),
    }
    text: str = template("artefact_card.md").render(known)
    return text
