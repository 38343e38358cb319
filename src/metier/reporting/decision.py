"""Page one of a report: all that a head of data needs in order to decide, as values that a template fills in."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np

from metier.evaluation import certainty
from metier.evaluation import plain_words as plain
from metier.evaluation.answers import BASE, JUDGED, JUDGED_HELD_OUT, Answers
from metier.evaluation.automation import MAX_ERROR, automation
from metier.evaluation.comparison import fixed_and_broken
from metier.evaluation.faces import deciding_entry, held_against, is_beaten
from metier.evaluation.plan import read_plan
from metier.evaluation.predictions import Predictions
from metier.evaluation.reasons import rule
from metier.evaluation.results import (
    BenchmarkResult,
    Comparison,
    Face,
    NextStep,
    RetentionResult,
    SeedsVerdict,
    Verdict,
)
from metier.evaluation.retention import WORST_FIRST
from metier.recipes.schema import Ship
from metier.reporting.business import Tile, business_tiles
from metier.reporting.glossary import PAGE_ONE, meanings
from metier.runs.run import Run

if TYPE_CHECKING:
    from markupsafe import Markup

Tone = Literal["good", "amber", "bad", "grey"]
WORDS: dict[Face, tuple[str, Tone]] = {
    "clean": ("USE", "good"),
    "provisional": ("USE ON TRIAL", "amber"),
    "worse": ("DO NOT USE", "bad"),
    "forgotten": ("DO NOT USE", "bad"),
    "baseline_better": ("DO NOT USE", "bad"),
    "not_shown": ("DO NOT USE YET", "bad"),
    "smoke": ("NO VERDICT", "grey"),
}
DOMINANT = 0.5
"""Share of equal answers from which on an untuned model is said to give one answer."""
SURE = 0.9
"""The certainty that is looked at where no held-out rows can choose one."""
LONGEST = 40
"""Characters of an answer on page one."""


@dataclass(frozen=True)
class Decision:
    """What page one says."""

    word: str
    shown: str
    """The decision as it stands in verdict.json."""
    tone: Tone
    headline: str
    reason: str
    exploratory: tuple[str, ...]
    facts: tuple[str, ...]
    """Benchmarks, questions, date and trainings."""
    chart: "Markup"
    tiles: tuple[Tile, ...]
    next_steps: tuple[NextStep, ...]
    others: tuple[str, ...]
    """A sentence on each benchmark and check that does not decide."""
    rule: str
    statistics: tuple[str, ...]
    statistical_rule: str
    glossary: tuple[tuple[str, str], ...] = meanings(PAGE_ONE)


def decision_of_run(run: Run, answers: Answers, verdict: Verdict) -> Decision:
    """Page one of one model's report."""
    decider = deciding_entry(verdict.face, verdict.benchmarks, verdict.retention)
    entry = decider if isinstance(decider, BenchmarkResult) else _first(verdict)
    tiles = (
        *_answers_tiles(answers, entry),
        _general(verdict.retention),
        *_base_tile(answers, entry),
        *business_tiles(entry),
    )
    return _decision(verdict, decider, run, run.recipe.ship, tiles)


def decision_of_seeds(run: Run, verdict: SeedsVerdict) -> Decision:
    """Page one of several trainings, by their mean; `run`: one of them."""
    decider = deciding_entry(verdict.face, verdict.benchmarks, verdict.retention)
    entry = decider if isinstance(decider, Comparison) else verdict.benchmarks[0]
    return _decision(verdict, decider, run, run.recipe.ship, (_figures(entry), _general(verdict.retention)))


def _decision(
    verdict: Verdict | SeedsVerdict,
    decider: Comparison | RetentionResult,
    run: Run,
    ship: Ship,
    tiles: tuple[Tile, ...],
) -> Decision:
    word, tone = WORDS[verdict.face]
    tested = decider if isinstance(decider, Comparison) else verdict.benchmarks[0]
    return Decision(
        word="NO VERDICT TO RELY ON" if verdict.exploratory else word,
        shown=verdict.shown,
        tone="bad" if verdict.exploratory else tone,
        headline=verdict.headline,
        reason=verdict.reason,
        exploratory=verdict.exploratory,
        facts=tuple(_facts(verdict, run)),
        chart=_chart(verdict.face, decider, ship.min_gain),
        tiles=tiles,
        next_steps=verdict.next_steps,
        others=tuple(_others(verdict, decider)),
        rule=plain.rule(ship.min_gain, ship.alpha, tested.unit, tested.margin_over_baseline),
        statistics=verdict.reasons,
        statistical_rule=rule(ship.min_gain, ship.alpha, tested.margin_over_baseline),
    )


def _first(verdict: Verdict) -> BenchmarkResult:
    """The benchmark whose figures stand on page one where a retention check decides."""
    return next((entry for entry in verdict.benchmarks if entry.state == "gain"), verdict.benchmarks[0])


def _facts(verdict: Verdict | SeedsVerdict, run: Run) -> Iterator[str]:
    yield ", ".join(entry.name for entry in verdict.benchmarks)
    yield f"{sum(entry.n for entry in verdict.benchmarks):,} test questions"
    if plan := read_plan(run):
        day = date.fromisoformat(plan.date[:10])
        yield f"{day.day} {day:%b %Y}"
    trainings = len(verdict.seeds)
    yield "1 training" if trainings == 1 else f"{trainings} trainings"


def _chart(face: Face, decider: Comparison | RetentionResult, min_gain: float) -> "Markup":
    """The comparison that decides; of something forgotten, how far it fell and what was allowed."""
    from metier.reporting.decision_chart import Interval, worse_or_better

    unit, times = decider.unit, 100 if decider.unit == "share" else 1
    if isinstance(decider, RetentionResult):
        found, margin = decider.change, decider.margin or 0.0
        value, low, high, threshold = -found.value, -found.high, -found.low, -margin
        asked = f"allowed: {plain.signed(threshold, unit)}"
        title = plain.sentence(plain.change(decider))
    else:
        against = held_against(face, decider, min_gain)
        gain = plain.gain_over(decider, against)
        within = decider.margin_over_baseline if against == "baseline" else None
        value, low, high, threshold = gain.value, gain.low, gain.high, min_gain if within is None else -within
        asked = f"{'the rule asks for' if within is None else 'allowed:'} {plain.signed(threshold, unit)}"
        title = plain.sentence(plain.compared(decider, against))
    shown = plain.signed(value, unit) + (" points" if unit == "share" else "")
    value, low, high, threshold = (times * one for one in (value, low, high, threshold))
    return worse_or_better(Interval(value, low, high, threshold, asked, shown), title)


def _answers_tiles(answers: Answers, entry: BenchmarkResult) -> Iterator[Tile]:
    """What the answers of the model and of its opponent say: errors, who alone is right, what needs no person."""
    tuned = answers.table(JUDGED, entry.name)
    if tuned.are_losses:
        yield _figures(entry)
        return
    other, who = _opponent(answers, entry)
    if entry.metric not in plain.RIGHT_ANSWERS:
        yield _figures(entry)
    yield Tile("Errors per 1,000", ((plain.model(entry), _errors(tuned)), (who, _errors(other))))
    only_other, only_tuned = reversed(fixed_and_broken(other, tuned))
    yield Tile(
        "Only one is right",
        ((f"only {plain.model(entry)}", f"{only_tuned:,}"), (f"only {who}", f"{only_other:,}")),
        f"of {entry.n:,} questions",
    )
    held_out = answers.table(JUDGED_HELD_OUT, entry.name) if answers.of(JUDGED_HELD_OUT, entry.name) else None
    yield from _automation(tuned, held_out)


def _opponent(answers: Answers, entry: BenchmarkResult) -> tuple[Predictions, str]:
    """The baseline where there is one, else the base model."""
    baseline = answers.benchmark(entry.name).baseline
    if entry.baseline and baseline:
        return answers.table(baseline, entry.name), plain.short_name(entry.baseline_name)
    return answers.table(BASE, entry.name), "the base model"


def _errors(table: Predictions) -> str:
    return f"{1000 * (1 - table.right.mean()):.0f}"


def _figures(entry: Comparison) -> Tile:
    """The deciding metric of each model; as errors where it is the share of right answers."""
    models = [(plain.model(entry), entry.tuned.value)]
    if entry.baseline:
        models.append((plain.short_name(entry.baseline_name), entry.baseline.value))
    models.append(("the base model", entry.base.value))
    if entry.metric in plain.RIGHT_ANSWERS:
        return Tile("Errors per 1,000", tuple((who, f"{1000 * (1 - value):.0f}") for who, value in models))
    title = plain.words(entry.metric)
    return Tile(title[0].upper() + title[1:], tuple((who, plain.amount(value, entry.unit)) for who, value in models))


def _automation(tuned: Predictions, held_out: Predictions | None) -> Iterator[Tile]:
    """What could be answered without a person, and how well, at a cut-off that the test did not choose."""
    found = automation(tuned, held_out)
    if found is None:
        return
    if found.cut:
        known = found.cut.cut_off
        cut, coverage = known.threshold, found.cut.coverage
        right = found.cut.accuracy.value if found.cut.accuracy else None
        promise = "" if found.cut.note else f" for {MAX_ERROR:.0%} errors at most"
        chosen = f"chosen on {known.rows:,} held-out rows{promise}"
    else:
        sure = certainty.certainties(certainty.options(tuned)[0], found.temperature.value)
        alone = np.nan_to_num(sure) >= SURE
        cut, coverage, chosen = SURE, float(alone.mean()), "set in advance"
        right = float(tuned.right[alone].mean()) if alone.any() else None
    correct = "none" if right is None else f"{100 * right:.1f} %"
    rows = (("without a person", f"{100 * coverage:.0f} %"), ("right of those", correct))
    yield Tile("Automation", rows, f"answers with a certainty of at least {cut:.3f} ({chosen})")


def _general(retention: Sequence[RetentionResult]) -> Tile:
    """Whether something was forgotten, in plain words: the worst check."""
    if not retention:
        return Tile("General text", (("", "not checked"),), "the recipe has no retention check")
    worst = min(retention, key=lambda entry: WORST_FIRST.index(entry.state))
    found = {
        "lost": "forgot too much",
        "forgotten": "forgot some",
        "inconclusive": "not clear",
        "kept": "no loss found",
        "monitored": "no loss shown",
    }[worst.state]
    if worst.unit == "share":
        return Tile(f"Kept: {worst.name}", (("", found),), f"{worst.n:,} questions, {plain.words(worst.metric)}")
    note = f"it predicts {worst.n:,} texts worse than the base model does"
    if worst.state not in ("lost", "forgotten"):
        note = f"weak check: how well {worst.n:,} texts are predicted, not what the model can still do"
    return Tile("General text", (("", found),), note)


def _base_tile(answers: Answers, entry: BenchmarkResult) -> Iterator[Tile]:
    """What the model does before tuning, where its answers are right or wrong."""
    table = answers.table(BASE, entry.name)
    if table.are_losses:
        return
    label, count = Counter(one.answer for one in table.answers).most_common(1)[0]
    note = ""
    if label is not None and count >= DOMINANT * entry.n and len(answers.labels(entry.name)) > 1:
        short = label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
        note = f"it answers “{short}” in {count:,} of {entry.n:,}"
    yield Tile("The untuned model", (("errors per 1,000", _errors(table)),), note)


def _others(verdict: Verdict | SeedsVerdict, decider: Comparison | RetentionResult) -> Iterator[str]:
    """What else was tested, a sentence each."""
    for entry in verdict.benchmarks:
        if isinstance(entry, BenchmarkResult) and (mixed := plain.candidate(entry)):
            yield mixed
    states = {"gain": "shown to be better", "none": "no gain shown", "worse": "worse than the base model", None: ""}
    for entry in verdict.benchmarks:
        if entry is not decider:
            state, against = states[entry.state], plain.hinge(entry)
            if entry.state == "worse":
                against = "base"
            elif is_beaten(entry):
                state, against = f"{plain.short_name(entry.baseline_name)} is better", "baseline"
            yield f"{entry.name}: {state}; {plain.compared(entry, against)}."
    for check in verdict.retention:
        if check is not decider:
            yield f"{check.name} ({check.state}): {plain.change(check)}."
