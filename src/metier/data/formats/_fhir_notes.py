"""FHIR R4 resources -> a readable note each.

A plain mapping instead of the package fhir.resources: that one is written for R5 first, is heavy, and refuses a whole
resource for a fault in a field that no note shows.
"""

from collections.abc import Callable

from metier.data.formats._fhir_bundles import Lookup
from metier.data.formats._fhir_values import Resource, Unreadable, amount, attached, concept, inner, items, value, word

# Refuted, not taken, not done: without its state a note could say the opposite of what is known.
STATES = ("status", "clinicalStatus", "verificationStatus", "intent")


def note(resource: Resource, lookup: Lookup) -> str:
    """What the resource says. Raises `Unreadable` where it is broken, or says itself that it should not be used."""
    states = [concept(resource, key) if key.endswith("Status") else word(resource, key) for key in STATES]
    codes = [coding.get("code") for coding in items(inner(resource, "verificationStatus"), "coding")]
    if "entered-in-error" in (*states, *codes):
        raise Unreadable("is marked as entered in error, so it is no knowledge.")
    if resource.get("modifierExtension"):
        # The standard forbids to use a resource with one that is not understood: it may turn the meaning around.
        raise Unreadable("has a modifierExtension, which may change its meaning and is not read.")
    kind = resource["resourceType"]
    if kind == "Patient":
        return _patient(resource)
    head, *details = NOTES[kind](resource, lookup)
    if not head:
        raise Unreadable("does not say what it is about. Fill in its code, or the code's text.")
    status = ", ".join(filter(None, states))
    line = f"{LABELS.get(kind, kind)}: {'; '.join(filter(None, (head, *details)))}{f' ({status})' if status else ''}"
    texts = [*attached(_attachments(resource)), *(word(remark, "text") for remark in items(resource, "note"))]
    return "\n".join(filter(None, (line, *texts)))


def _patient(r: Resource) -> str:
    # Names, addresses and identifiers are left out on purpose: no note needs them.
    died = _with("died", word(r, "deceasedDateTime")[:10]) or ("deceased" if r.get("deceasedBoolean") is True else "")
    known = (word(r, "gender"), _with("born", word(r, "birthDate")), died)
    return f"Patient: {', '.join(filter(None, known)) or 'no details'}"


def _with(label: str, text: str) -> str:
    return f"{label} {text}" if text else ""


def _condition(r: Resource, _: Lookup) -> list[str]:
    ended = word(r, "abatementDateTime") or word(inner(r, "abatementPeriod"), "end")
    return [concept(r, "code"), _with("severity", concept(r, "severity")), _with("until", ended[:10])]


def _observation(r: Resource, _: Lookup) -> list[str]:
    return [_finding(r), ", ".join(map(_finding, items(r, "component")))]


def _finding(r: Resource) -> str:
    what, meaning = concept(r, "code"), concept(r, "interpretation")
    return " ".join(filter(None, (what, value(r), f"[{meaning}]" if meaning else ""))) if what else ""


def _medication(r: Resource, lookup: Lookup) -> list[str]:
    what, reference = concept(r, "medicationCodeableConcept"), inner(r, "medicationReference")
    if reference:
        within = {f"#{word(part, 'id')}": part for part in items(r, "contained")}
        target = word(reference, "reference")
        what = concept(within.get(target) or lookup(target), "code") or word(reference, "display")
        if not what:
            raise Unreadable(
                f"names its medication as {target!r}, which its bundle does not hold. Export both together."
            )
    never = "not to be given" if r.get("doNotPerform") is True else ""
    return [what, never, *(_dose(dose) for key in ("dosageInstruction", "dosage") for dose in items(r, key))]


def _dose(dose: Resource) -> str:
    if word(dose, "text"):
        return word(dose, "text")
    timing, amounts = (
        inner(dose, "timing"),
        [amount(inner(rate, "doseQuantity")) for rate in items(dose, "doseAndRate")],
    )
    repeat = inner(timing, "repeat")
    period = f"{word(repeat, 'period')} {word(repeat, 'periodUnit')}"
    often = concept(timing, "code") or (f"{word(repeat, 'frequency')} times per {period}" if repeat else "")
    needed = "as needed" if dose.get("asNeededBoolean") is True else ""
    return " ".join(filter(None, (*amounts, concept(dose, "route"), often, needed)))


def _allergy(r: Resource, _: Lookup) -> list[str]:
    reactions = [concept(reaction, "manifestation") for reaction in items(r, "reaction")]
    severe = _with("criticality", word(r, "criticality"))
    return [concept(r, "code"), word(r, "type"), severe, _with("reaction", ", ".join(filter(None, reactions)))]


def _procedure(r: Resource, _: Lookup) -> list[str]:
    return [concept(r, "code"), _with("reason", concept(r, "reasonCode")), _with("outcome", concept(r, "outcome"))]


def _encounter(r: Resource, _: Lookup) -> list[str]:
    kinds = ", ".join(filter(None, (concept(r, "type"), concept(r, "class"))))
    return [kinds, _with("reason", concept(r, "reasonCode"))]


def _report(r: Resource, _: Lookup) -> list[str]:
    return [concept(r, "code"), word(r, "conclusion") or concept(r, "conclusionCode")]


def _document(r: Resource, _: Lookup) -> list[str]:
    if not attached(_attachments(r)):
        raise Unreadable("has no attachment in plain text. Give the text as text/plain within the resource.")
    return [concept(r, "type") or word(r, "description") or "untitled"]


def _attachments(r: Resource) -> list[Resource]:
    # A report's PDF is not read on purpose: its conclusion and its observations say the same.
    return items(r, "presentedForm") + [inner(content, "attachment") for content in items(r, "content")]


def _immunization(r: Resource, _: Lookup) -> list[str]:
    return [concept(r, "vaccineCode"), _with("reason", concept(r, "statusReason"))]


NOTES: dict[str, Callable[[Resource, Lookup], list[str]]] = {
    "Condition": _condition,
    "Observation": _observation,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "AllergyIntolerance": _allergy,
    "Procedure": _procedure,
    "Encounter": _encounter,
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "Immunization": _immunization,
}
LABELS = {
    "MedicationRequest": "Medication",
    "MedicationStatement": "Medication use",
    "AllergyIntolerance": "Allergy",
    "DiagnosticReport": "Report",
    "DocumentReference": "Document",
}
