"""What happened to the run since its plan was sealed."""

from collections.abc import Mapping
from typing import Any

from metier.governance.material import Material
from metier.governance.references import GOVERNANCE
from metier.governance.values import Filled, Heading, Table
from metier.runs.history import EDIT, PLAN, RELABEL, REPORT
from metier.runs.marks import ITSELF, hashed

HEADING = Heading(key="changes", title="Change log", annex_iv=("2(f)", "6"), sr_11_7=(GOVERNANCE,))


def fill(material: Material) -> Filled:
    """Every line of the history, in its order."""
    rows = tuple(
        (
            str(entry["time"]),
            str(entry["event"]),
            material.plain(_said(entry)),
            str(entry["version"]),
            str(hashed(entry)[ITSELF]),
        )
        for entry in material.history.entries
    )
    columns = ("time (UTC)", "event", "what", "Metier", "hash of the line")
    return Filled(
        tables=(Table(title="History", columns=columns, rows=rows, source="history.jsonl"),),
        notes=("Each line carries the hash of the line before it, so that a line cannot be taken out unnoticed.",),
        to_add=("which changes are planned, and when the model is to be tested again",),
    )


def _said(entry: Mapping[str, Any]) -> str:
    if entry["event"] == PLAN:
        return f"The plan was sealed (plan.json {entry['plan_sha256']})."
    if entry["event"] == REPORT:
        exploratory = " Exploratory: " + " ".join(entry["exploratory"]) if entry["exploratory"] else ""
        return f"A verdict was written: {entry['decision']}.{exploratory}"
    if entry["event"] == EDIT:
        now = "".join(f" {key} is now: {value or 'not stated'}." for key, value in entry.get("described", {}).items())
        return f"The recipe was edited: {', '.join(entry['changed'])}.{now}"
    if entry["event"] == RELABEL:
        kinds = ", ".join(f"{entry[kind]:,} {kind}" for kind in ("changed", "confirmed", "unclear") if entry.get(kind))
        return (
            f"{entry['who']} reviewed labels: {kinds}. A new version of the data has them, and this run does not "
            f"(log {entry['log']}, SHA-256 {entry['log_sha256']})."
        )
    return str(entry["event"])
