"""What report.html and model_card.md show: the verdict in words, figures, and examples."""

import json
from collections.abc import Sequence
from typing import Any

from metier.data.representativeness.assessment import read_sections
from metier.engine.models import weights
from metier.evaluation.answers import Answers
from metier.evaluation.insight import Insight
from metier.evaluation.results import InsightResult, Verdict
from metier.recipes.texts import texts_of
from metier.reporting.benchmark_section import benchmark_sections
from metier.reporting.decision import decision_of_run
from metier.reporting.pages import section_page
from metier.reporting.suspect_sheets import listed as listed_sheets
from metier.reporting.training_section import base_shares, settings_tried, training_curves
from metier.runs.run import Run


def content(run: Run, answers: Answers, verdict: Verdict, name: str) -> dict[str, Any]:
    """All that the templates of the report and the model card fill in. `name`: what the page calls the run."""
    return {
        "name": name,
        "run_folder": run.folder,
        "verdict": verdict,
        "decision": decision_of_run(run, answers, verdict),
        "recipe": run.recipe,
        "texts": texts_of(run.recipe),
        "insights": by_benchmark(verdict.insights),
        "lock": run.locked(),
        "whole": weights.is_whole(run.folder / run.result("train")["adapter"]),
        "steps": json.loads(run.output("curate", "curate/steps.json").read_text(encoding="utf-8")),
        "curated": run.result("curate"),
        "representations": [(one["benchmark"], one["state"], section_page(one)) for one in read_sections(run)],
        "benchmarks": benchmark_sections(answers, verdict, run.recipe),
        "curves": training_curves(run),
        "tried": settings_tried(run),
        "base_shares": base_shares(run),
        "suspect_sheets": listed_sheets(run),
    }


def by_benchmark(insights: Sequence[InsightResult]) -> dict[str, list[dict[str, Any]]]:
    """Benchmark -> its key figures, with each figure as it is shown."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in insights:
        own = row.model_dump(exclude={"benchmark"})
        rows.setdefault(row.benchmark, []).append({**own, "shown": Insight(**own).shown})
    return rows
