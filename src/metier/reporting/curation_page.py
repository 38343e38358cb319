"""The page that stands in a run's folder between curating and the verdict."""

import json

from metier.reporting.pages import section_page, template
from metier.runs.run import Run


def curation_page(run: Run) -> str:
    """What was read, kept and dropped, and whether it represents the work."""
    curated = run.result("curate")
    represents, steps = (
        json.loads(run.output("curate", f"curate/{name}.json").read_text(encoding="utf-8"))
        for name in ("representation", "steps")
    )
    entries = represents["benchmarks"]
    page: str = template("curation.html").render(
        name=run.folder.name,
        state=curated["represents"]["state"],
        curated=curated,
        sections=[section_page(entry) for entry in entries],
        steps=[{"alarms": [], **step} for step in steps],
    )
    return page
