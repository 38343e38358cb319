"""What the report says about one benchmark, below its first page: pictures, labels, mistakes and examples."""

from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from metier.evaluation.answers import BASE, JUDGED, JUDGED_HELD_OUT, TUNED, Answers
from metier.evaluation.automation import Automation, automation
from metier.evaluation.comparison import confusion
from metier.evaluation.mistakes import ClassResult, Confusion, by_class, confusions
from metier.evaluation.openings import openings
from metier.evaluation.results import BenchmarkResult, Figure, Verdict
from metier.recipes.schema import Recipe
from metier.reporting.business import BaselineRow, baseline_rows
from metier.reporting.examples import Examples, draw_examples
from metier.reporting.links import answers_link

if TYPE_CHECKING:
    from markupsafe import Markup

    from metier.evaluation.predictions import Predictions
    from metier.reporting.figures.intervals import Difference

MOST_LABELS = 40
"""Labels up to which a confusion matrix can be read."""
SHOWN = 10
"""Labels, and kinds of mistakes, that stand on the page; the others are one level down."""
MOST = 200
"""Kinds of mistakes that are listed in all."""


@dataclass(frozen=True)
class AutomationSection:
    """How much could be answered without a person, in figures and as pictures."""

    found: Automation
    curve: "Markup"
    diagram: "Markup"


@dataclass(frozen=True)
class ListedConfusion:
    """One kind of mistake, with the page of its questions."""

    confusion: Confusion
    link: str | None
    """None: an unscored answer is no label."""


@dataclass(frozen=True)
class BenchmarkSection:
    """All of one benchmark that its template fills in."""

    entry: BenchmarkResult
    tuned_seconds: float | None
    """Seconds a question, asked in batches."""
    opened: str
    """How often the test set was opened, in a sentence; empty where that says nothing."""
    picture: "Markup"
    baselines: tuple[BaselineRow, ...]
    automation: AutomationSection | None
    """None: the answers have no probabilities."""
    classes: tuple[ClassResult, ...]
    confusions: tuple[ListedConfusion, ...]
    unlisted: int
    """Kinds of mistakes that are left out of the list."""
    matrix: "Markup | None"
    """None: too many labels, or none."""
    examples: tuple[Examples, ...]
    """None of benchmarks whose answers are neither right nor wrong."""
    shown: int = SHOWN


def benchmark_sections(answers: Answers, verdict: Verdict, recipe: Recipe) -> tuple[BenchmarkSection, ...]:
    """A section for each benchmark of the verdict, in its order."""
    return tuple(_section(answers, verdict, entry, recipe) for entry in verdict.benchmarks)


def _section(answers: Answers, verdict: Verdict, entry: BenchmarkResult, recipe: Recipe) -> BenchmarkSection:
    name = entry.name
    tuned, baseline = answers.table(JUDGED, name), _baseline_table(answers, name)
    mistakes = confusions(tuned)
    judged = "losses" not in answers.benchmark(name).build_scorer().gives
    return BenchmarkSection(
        entry=entry,
        tuned_seconds=verdict.seconds_a_question[name].get(TUNED),
        opened=opened.sentence if (opened := openings(answers.benchmark(name))) else "",
        picture=_picture(entry, recipe),
        baselines=baseline_rows(entry),
        automation=_automation(answers, name),
        classes=by_class(tuned, baseline),
        confusions=tuple(_listed(name, one) for one in mistakes[:MOST]),
        unlisted=max(0, len(mistakes) - MOST),
        matrix=_matrix(answers, name),
        examples=_examples(answers, name, recipe.seed) if judged else (),
    )


def _examples(answers: Answers, name: str, seed: int) -> tuple[Examples, ...]:
    return draw_examples(answers.of(BASE, name), answers.of(JUDGED, name), answers.baseline(name), seed)


def _baseline_table(answers: Answers, name: str) -> "Predictions | None":
    who = answers.benchmark(name).baseline
    return answers.table(who, name) if who and answers.baseline(name) else None


def _listed(name: str, one: Confusion) -> ListedConfusion:
    return ListedConfusion(one, None if one.given is None else answers_link(name, one.right, one.given))


def _picture(entry: BenchmarkResult, recipe: Recipe) -> "Markup":
    """All models with their intervals, and the difference that decides."""
    from markupsafe import Markup

    from metier.reporting.figures.intervals import intervals

    base, baseline = f"base model ({PurePath(recipe.model).name})", entry.baseline_name or "baseline"
    always = None
    if entry.majority is not None:
        always = Figure(value=entry.majority, low=entry.majority, high=entry.majority)
    rows = [("most common label", always), (base, entry.base), (baseline, entry.baseline), ("tuned model", entry.tuned)]
    title = f"{entry.metric} on {entry.name}, with 95 % CI"
    share = entry.unit == "share"
    return Markup(intervals(rows, title, share, _deciding(entry, base, baseline, recipe.ship.min_gain)))


def _deciding(entry: BenchmarkResult, base: str, baseline: str, min_gain: float) -> "Difference | None":
    from metier.reporting.figures.intervals import Difference

    if entry.deciding is None:
        return None
    if entry.deciding.against == "baseline" and entry.gain_over_baseline:
        margin = entry.margin_over_baseline
        return Difference(baseline, entry.gain_over_baseline, min_gain if margin is None else -margin)
    return Difference(base, entry.gain, min_gain)


def _automation(answers: Answers, name: str) -> AutomationSection | None:
    from markupsafe import Markup

    from metier.reporting.figures.automation import automation_curve, reliability_diagram

    held_out = answers.table(JUDGED_HELD_OUT, name) if answers.of(JUDGED_HELD_OUT, name) else None
    tuned = answers.table(JUDGED, name)
    found = automation(tuned, held_out)
    if found is None:
        return None
    curve = automation_curve(found, len(tuned.answers), f"Coverage and accuracy of the tuned model on {name}")
    diagram = reliability_diagram(found.bins, f"Certainty and accuracy of the tuned model on {name}")
    return AutomationSection(found, Markup(curve), Markup(diagram))


def _matrix(answers: Answers, name: str) -> "Markup | None":
    from markupsafe import Markup

    from metier.reporting.figures.confusion import confusion as drawn

    labels = answers.labels(name)
    if not 2 <= len(labels) <= MOST_LABELS:
        return None
    title = f"Answers of the tuned model on {name}"
    return Markup(drawn(confusion(answers.table(JUDGED, name)), labels, title, partial(answers_link, name)))
