"""FHIR R4 records: a Bundle, or one resource a line as bulk exports write them -> notes."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from metier.data.format import Pieces, RejectedRow
from metier.data.formats._fhir_bundles import Entry, entries
from metier.data.formats._fhir_notes import NOTES, note
from metier.data.formats._fhir_values import Resource, Unreadable, inner, word

# When it happened goes before when it was written down.
HAPPENED = ("effective", "onset", "performed", "occurrence")
WRITTEN = ("authoredOn", "recordedDate", "date", "issued", "dateAsserted")


class Note(NamedTuple):
    patient: str
    order: tuple[int, datetime]
    day: str
    text: str


@dataclass
class Format:
    """Health records, a row for each patient with dated lines in time order. Names and addresses are left out."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    by: Literal["patient", "resource"] = "patient"
    """One row for all that a file knows of a patient, or one for each resource (`patient` names whose it is)."""

    # Bulk exports put each type into a file of its own: there a row for each patient is one for each patient and file.
    def read(self, file: Path) -> Pieces:
        patients: dict[str, list[Note]] = {}
        unmapped: Counter[str] = Counter()
        for place, entry in entries(file):
            if isinstance(entry, RejectedRow):
                yield place, entry
                continue
            kind = entry.resource.get("resourceType")
            if kind != "Patient" and kind not in NOTES:
                unmapped[str(kind)] += 1
                continue
            try:
                known = _note(entry)
                if self.by == "patient" and not known.patient:
                    raise Unreadable("names no patient. Add its subject, or read the file with `by: resource`.")
            except Unreadable as error:
                yield place, RejectedRow(str(error), json.dumps(entry.resource)[:200])
                continue
            if self.by == "resource":
                yield place, {"text": known.text, "patient": known.patient or None, "time": known.day or None}
            else:
                patients.setdefault(known.patient, []).append(known)
        for patient, notes in patients.items():
            yield patient, _row(patient, sorted(notes, key=lambda known: known.order))
        for kind, count in sorted(unmapped.items()):
            resources = "1 resource" if count == 1 else f"{count:,} resources"
            are = "is" if count == 1 else "are"
            yield (
                kind,
                RejectedRow(
                    f"{resources} of type {kind} {are} not read. Read are: {', '.join(['Patient', *NOTES])}.",
                    by_design=True,
                ),
            )


def _row(patient: str, notes: list[Note]) -> Resource:
    lines = [f"{known.day}: {known.text}" if known.day else known.text for known in notes]
    return {"text": "\n".join(lines), "patient": patient, "time": notes[-1].day or None}


def _note(entry: Entry) -> Note:
    resource = entry.resource
    day = _date(resource)
    order = (2, _moment(day)) if day else (int(resource["resourceType"] != "Patient"), datetime.min)
    return Note(_patient(entry), order, day[:10], note(resource, entry.lookup))


def _patient(entry: Entry) -> str:
    """`Patient/17`, whichever way the resource refers to it; empty where it names no patient."""
    resource = entry.resource
    if resource["resourceType"] == "Patient":
        return f"Patient/{word(resource, 'id')}" if word(resource, "id") else entry.url
    target = word(inner(resource, "subject") or inner(resource, "patient"), "reference")
    named = entry.lookup(target)
    if named.get("resourceType") == "Patient" and word(named, "id"):
        return f"Patient/{word(named, 'id')}"
    match = re.search(r"(?:^|/)(Patient/[A-Za-z0-9.-]{1,64})(?:/_history/|$)", target)
    # A patient outside the file still keeps the notes together.
    return match[1] if match else target if target.startswith(("urn:", "Patient?")) else ""


def _date(resource: Resource) -> str:
    for key in HAPPENED:
        for date in (resource.get(f"{key}DateTime"), resource.get(f"{key}Instant"), resource.get(f"{key}Period")):
            if date:
                return _start(date)
    return _start(resource.get("period") or next((resource[key] for key in WRITTEN if resource.get(key)), ""))


def _start(date: Any) -> str:
    return word(date, "start") or word(date, "end") if isinstance(date, dict) else str(date)


def _moment(date: str) -> datetime:
    """The date as a point in time; 2019 and 2019-03 are their first day, and what has no zone is UTC."""
    try:
        moment = datetime.fromisoformat(date + "-01-01"[len(date) - 4 :])
    except ValueError as error:
        raise Unreadable(f"has the date {date!r}, which is none. Write it as 2019, 2019-03 or 2019-03-02.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
