"""What report.html and model_card.md show: the verdict in words, figures, and examples."""

import json
import random
import shlex
from collections.abc import Sequence
from typing import Any

from metier.data.representativeness.assessment import read_sections
from metier.engine.models import weights
from metier.evaluation import retention
from metier.evaluation.answers import BASE, TUNED, Answers
from metier.evaluation.comparison import confusion
from metier.evaluation.insight import Insight
from metier.evaluation.openings import openings
from metier.evaluation.reasons import rule, say_p
from metier.evaluation.results import BenchmarkResult, Comparison, Figure, InsightResult, SeedsVerdict, Verdict
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.reporting.pages import section_page
from metier.reporting.suspect_sheets import listed as listed_sheets
from metier.runs.run import Run

EXAMPLES = 3
MOST_LABELS = 40
"""Labels up to which a confusion matrix can be read."""
MEANINGS = {
    "SMOKE": "All stages work. A smoke run gives no verdict: run without --quick for one.",
    "HOLD": "Do not use this model: this test does not show that it is better than the base model and the baseline.",
}


def content(run: Run, answers: Answers, verdict: Verdict, name: str) -> dict[str, Any]:
    """All that the templates of the report and the model card fill in. `name`: what the page calls the run."""
    return {
        "name": name,
        "run_folder": run.folder,
        "verdict": verdict,
        "meaning": meaning(verdict),
        "rule": rule(run.recipe.ship.min_gain, run.recipe.ship.alpha),
        "next_step": _next_step(run, answers, verdict),
        "recipe": run.recipe,
        "pack": plugins.find("industries", run.recipe.industry)(),
        "insights": by_benchmark(verdict.insights),
        "lock": run.locked(),
        "whole": weights.is_whole(run.folder / run.result("train")["adapter"]),
        "steps": json.loads(run.output("curate", "curate/steps.json").read_text(encoding="utf-8")),
        "curated": run.result("curate"),
        "representations": [(one["benchmark"], one["state"], section_page(one)) for one in read_sections(run)],
        "five": _five(verdict),
        "benchmarks": [_benchmark(answers, entry, run.recipe.seed) for entry in verdict.benchmarks],
        "curves": _curves(run),
        "suspect_sheets": listed_sheets(run),
    }


def meaning(verdict: Verdict | SeedsVerdict) -> str:
    """What the decision says, in a sentence or two; of a SHIP, for which benchmarks it holds and for which not."""
    if verdict.decision == "HOLD":
        return _why_not(verdict)
    if verdict.decision != "SHIP":
        return MEANINGS[verdict.decision]
    others = [entry.name for entry in verdict.benchmarks if entry.state != "gain"]
    sentences = [_better([entry for entry in verdict.benchmarks if entry.state == "gain"])]
    if others:
        sentences.append(f"On {listed(others)} this is not shown.")
    if kept := [entry.name for entry in verdict.retention if entry.state == "kept"]:
        checks, have = ("checks", "have") if len(kept) > 1 else ("check", "has")
        sentences.append(f"The retention {checks} {listed(kept)} {have} passed.")
    if forgotten := [entry.name for entry in verdict.retention if entry.state == retention.FORGOTTEN]:
        sentences.append(f"On {listed(forgotten)}, which has no margin, it is worse than the base model.")
    return " ".join(sentences)


def _better(shipped: Sequence[Comparison]) -> str:
    """Than what the tuned model is better on the benchmarks that a SHIP rests on."""
    compared = [entry for entry in shipped if entry.gain_over_baseline]
    names = {entry.baseline_name for entry in compared}
    baseline = (names.pop() if len(names) == 1 else None) or "the baseline"
    than = f"both the base model and {baseline}" if compared else "the base model"
    if 0 < len(compared) < len(shipped):
        than = f"the base model, and than {baseline} where there is one"
    return f"On {listed([entry.name for entry in shipped])} the tuned model is {_ahead(shipped)} than {than}."


def _ahead(entries: Sequence[Comparison]) -> str:
    return "more accurate" if all(entry.metric == "accuracy" for entry in entries) else "better"


def _next_step(run: Run, answers: Answers, verdict: Verdict) -> str | None:
    """The command that puts the better of model and baseline to work; None where neither is shown to be."""
    command = f"metier predict {shlex.quote(str(run.folder))} FILE --out answers.csv"
    if verdict.ships:
        return command
    beaten = next((entry for entry in verdict.benchmarks if _is_beaten(entry)), None)
    return f"{command} --with {answers.benchmark(beaten.name).baseline}" if beaten else None


def _is_beaten(entry: Comparison) -> bool:
    """Whether the baseline is better than the tuned model, by the interval of the gain over it."""
    return entry.gain_over_baseline is not None and entry.gain_over_baseline.high < 0


def _why_not(verdict: Verdict | SeedsVerdict) -> str:
    """The most important reason of a HOLD, in a sentence."""
    lost = [entry.name for entry in verdict.retention if entry.state == "lost"]
    worse = [entry.name for entry in verdict.benchmarks if entry.state == "worse"]
    beaten = [entry for entry in verdict.benchmarks if _is_beaten(entry)]
    if worse:
        return f"Do not use this model: on {listed(worse)} it is worse than the base model."
    if lost:
        return f"Do not use this model: it forgot too much ({listed(lost)})."
    if beaten:
        first = beaten[0]
        same = f"the same {first.n:,} questions of {first.name}"
        return f"Do not use this model: {first.baseline_name} is {_ahead([first])} on {same}."
    return MEANINGS["HOLD"]


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def by_benchmark(insights: Sequence[InsightResult]) -> dict[str, list[dict[str, Any]]]:
    """Benchmark -> its key figures, with each figure as it is shown."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in insights:
        own = row.model_dump(exclude={"benchmark"})
        rows.setdefault(row.benchmark, []).append({**own, "shown": Insight(**own).shown})
    return rows


def _five(verdict: Verdict) -> list[dict[str, str]]:
    """The five most important figures, of the first benchmark that the decision rests on: one that
    gained for a SHIP, one that got worse for a HOLD."""
    entries, wanted = verdict.benchmarks, "worse" if verdict.decision == "HOLD" else "gain"
    first = next((entry for entry in entries if entry.state == wanted), entries[0])
    percent = first.unit == "share"

    def show(value: float) -> str:
        return f"{100 * value:.1f} %" if percent else f"{value:.3f}"

    state, note = retention.box(verdict.retention)
    return [
        {
            "label": f"{first.metric}, tuned",
            "figure": show(first.tuned.value),
            "note": f"of {first.n:,} unseen questions" + (f", {first.name}" if len(entries) > 1 else ""),
        },
        {"label": "base model", "figure": show(first.base.value), "note": "same questions, same scoring"},
        {
            "label": "baseline",
            "figure": show(first.baseline.value) if first.baseline else "–",
            "note": f"{first.baseline_name}, same questions" if first.baseline else "none for this scorer",
        },
        {
            "label": "fixed / broken",
            "figure": f"{first.fixed} / {first.broken}",
            "note": say_p(first.p if first.p_holm is None else first.p_holm),
        },
        {"label": "retention", "figure": state, "note": note},
    ]


def _curves(run: Run) -> list[Any]:
    """The loss of each method, as SVG."""
    from markupsafe import Markup

    from metier.reporting import figures

    curves = []
    for folder in sorted(log.parent.name for log in (run.folder / "train").glob("*/log.jsonl")):
        if rows := training_log(run, f"train/{folder}"):
            curves.append(Markup(figures.loss_curve(rows, f"Training, {folder}")))
    return curves


def training_log(run: Run, stage: str) -> list[dict[str, Any]]:
    """The lines of one method's log.jsonl. Raises `UserError` where it was changed since."""
    text = run.output(stage, f"{stage}/log.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _benchmark(answers: Answers, entry: BenchmarkResult, seed: int) -> dict[str, Any]:
    """A benchmark's picture, confusion matrix and examples."""
    from markupsafe import Markup

    from metier.reporting import figures

    name, labels = entry.name, answers.labels(entry.name)
    base, tuned = (answers.of(who, name) for who in (BASE, TUNED))
    majority = None
    if entry.majority is not None:
        majority = Figure(value=entry.majority, low=entry.majority, high=entry.majority)
    rows = [
        ("majority", majority),
        (entry.baseline_name or "baseline", entry.baseline),
        ("base", entry.base),
        ("tuned", entry.tuned),
    ]
    picture = figures.intervals(rows, f"{entry.metric} on {name}, with 95 % CI", entry.unit == "share")
    few = 2 <= len(labels) <= MOST_LABELS
    table = (
        figures.confusion(confusion(answers.table(TUNED, name)), labels, f"Answers of the tuned model on {name}")
        if few
        else ""
    )
    return {
        "entry": entry,
        "opened": opened.sentence if (opened := openings(answers.benchmark(name))) else "",
        "picture": Markup(picture),
        "confusion": Markup(table),
        "fixed": _examples(base, tuned, seed, fixed=True),
        "broken": _examples(base, tuned, seed, fixed=False),
    }


def _examples(base: Sequence[Prediction], tuned: Sequence[Prediction], seed: int, fixed: bool) -> list[dict[str, str]]:
    """A random sample with a fixed seed, so that no one chooses good ones."""
    changed = [
        {"text": after.prompt, "gold": after.gold, "base": _answer(before), "tuned": _answer(after)}
        for before, after in zip(base, tuned, strict=True)
        if (_right(before), _right(after)) == (not fixed, fixed)
    ]
    return random.Random(f"examples:{seed}").sample(changed, min(EXAMPLES, len(changed)))


def _right(answer: Prediction) -> bool:
    return answer.value is not None and answer.value >= 1


def _answer(answer: Prediction) -> str:
    return "(unscored)" if answer.answer is None else answer.answer
