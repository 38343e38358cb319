"""The card of an exported artifact: what it is, how it is used and asked, and what was measured."""

from dataclasses import asdict
from pathlib import Path

from metier.engine.models.model_files import RECORD
from metier.evaluation.results import Verdict
from metier.export.forms import filled
from metier.export.record import CARD, Record
from metier.recipes.texts import texts_of
from metier.reporting.pages import template
from metier.runs.files import write_json, write_text
from metier.runs.run import Run


def write_record(run: Run, verdict: Verdict | None, record: Record, folder: Path) -> None:
    """Write metier.json and the card into an artifact's folder. Without a verdict there is no card to write."""
    write_json(folder / RECORD, asdict(record))
    if verdict:
        write_text(folder / CARD, artifact_card(run, verdict, record))


def artifact_card(run: Run, verdict: Verdict, record: Record) -> str:
    """The card as Markdown. Nothing in it names a place on this machine."""
    origin = record.base_model
    base = origin.hub_id or origin.name
    known = {
        "record": record,
        "written": record.written,
        "origin": origin,
        "command": filled(record.written.command, {"folder": ".", "base": base, "run": "RUN"}),
        "changed": record.changed_when_verified,
        "verdict": verdict,
        "recipe": run.recipe,
        "texts": texts_of(run.recipe),
        "lock": run.locked(),
        "curated": run.result("curate"),
    }
    text: str = template("artifact_card.md").render(known)
    return text
