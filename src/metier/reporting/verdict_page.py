"""What report.html and model_card.md show: the verdict in words, figures, and examples."""

import json
import random
from collections.abc import Sequence
from typing import Any

from metier.data.representativeness.assessment import read_sections
from metier.engine.models import weights
from metier.evaluation.answers import BASE, TUNED, Answers
from metier.evaluation.comparison import confusion
from metier.evaluation.insight import Insight
from metier.evaluation.openings import openings
from metier.evaluation.results import BenchmarkResult, Figure, InsightResult, Verdict
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.reporting.decision import decision_of_run
from metier.reporting.pages import section_page
from metier.runs.run import Run

EXAMPLES = 3
MOST_LABELS = 40
"""Labels up to which a confusion matrix can be read."""


def content(run: Run, answers: Answers, verdict: Verdict, name: str) -> dict[str, Any]:
    """All that the templates of the report and the model card fill in. `name`: what the page calls the run."""
    return {
        "name": name,
        "run_folder": run.folder,
        "verdict": verdict,
        "decision": decision_of_run(run, answers, verdict),
        "recipe": run.recipe,
        "pack": plugins.find("industries", run.recipe.industry)(),
        "insights": by_benchmark(verdict.insights),
        "lock": run.locked(),
        "whole": weights.is_whole(run.folder / run.result("train")["adapter"]),
        "steps": json.loads(run.output("curate", "curate/steps.json").read_text(encoding="utf-8")),
        "curated": run.result("curate"),
        "representations": [(one["benchmark"], one["state"], section_page(one)) for one in read_sections(run)],
        "benchmarks": [_benchmark(answers, entry, run.recipe.seed) for entry in verdict.benchmarks],
        "curves": _curves(run),
    }


def by_benchmark(insights: Sequence[InsightResult]) -> dict[str, list[dict[str, Any]]]:
    """Benchmark -> its key figures, with each figure as it is shown."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in insights:
        own = row.model_dump(exclude={"benchmark"})
        rows.setdefault(row.benchmark, []).append({**own, "shown": Insight(**own).shown})
    return rows


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
