"""How the model is followed once it is at work."""

import json
from collections.abc import Iterator
from pathlib import Path

from metier.errors import UserError
from metier.governance.material import Material
from metier.governance.references import GOVERNANCE, ONGOING
from metier.governance.values import Fact, Filled, Heading
from metier.monitoring.results import Monitoring
from metier.runs.files import file_sha256

HEADING = Heading(key="monitoring", title="Monitoring plan", annex_iv=("9",), sr_11_7=(ONGOING, GOVERNANCE))
FILE = "monitor/monitor.json"
MEASURED = (
    "Drift of texts, answers and certainty against the test; accuracy of reviewed answers; the share sent to review. "
    "Alarms may be looked at every day: while nothing changes, at most 5 % of monitored models ever have one."
)


def fill(material: Material) -> Filled:
    """The stated plan, the command that carries it out, and what it found last."""
    plan, command = material.texts.monitoring, f"metier monitor {material.given.resolve().name} TRACES"
    facts = [Fact(name="Plan", value=plan, source="recipe.yaml")] if plan else []
    facts += [
        Fact(name="Command", value=f"{command}   (exit code 2: an alarm is on)", source="docs/monitoring.md"),
        Fact(name="What it measures", value=MEASURED, source="docs/monitoring.md"),
        *_found(material),
    ]
    missing = "what is monitored, how often and by whom, and what follows an alarm (key `monitoring` in recipe.yaml)"
    responses = "who is told of serious incidents, and within which time"
    return Filled(facts=tuple(facts), to_add=(responses,) if plan else (missing, responses))


def _found(material: Material) -> Iterator[Fact]:
    path = next((one for one in (material.given / FILE, material.run.folder / FILE) if one.is_file()), None)
    if path is None:
        yield Fact(name="Last result", value="The model was not monitored yet.", source=FILE)
        return
    found = _read(path)
    days = f" from {found.first_day} to {found.last_day}" if found.first_day else ""
    alarms = ", ".join(f"{alarm.title} since {alarm.first}" for alarm in found.ringing) or "none"
    said = f"{found.rows:,} rows{days}; alarms that are on: {alarms}"
    yield Fact(name="Last result", value=said, source=f"{FILE}, which is no part of the verified files")
    yield Fact(name="SHA-256 of the last result", value=file_sha256(path), source=FILE)


def _read(path: Path) -> Monitoring:
    try:
        return Monitoring.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{FILE} is no result of this version. Run `metier monitor` again.") from error
