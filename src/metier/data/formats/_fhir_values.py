"""The data types of FHIR R4 -> text. A field that is read and has the wrong type is a fault, said in words."""

import base64
import re
from typing import Any

from metier.data.formats._charsets import read_as

Resource = dict[str, Any]


class Unreadable(ValueError):
    """What is wrong with a resource, as a sentence that goes on behind its place."""


def inner(resource: Resource, key: str) -> Resource:
    """The object in a field, an empty one where the field is absent."""
    value = resource.get(key, {})
    if not isinstance(value, dict):
        raise Unreadable(f"has no object in '{key}' but {str(value)[:40]!r}. Fix it.")
    return value


def items(resource: Resource, key: str) -> list[Resource]:
    """The objects in a field that repeats."""
    value = resource.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unreadable(f"has no list of objects in '{key}' but {str(value)[:40]!r}. Fix it.")
    return value


def word(resource: Resource, key: str) -> str:
    """A plain value as text, empty where the field is absent."""
    value = resource.get(key, "")
    if value is None or isinstance(value, dict | list):
        raise Unreadable(f"has no plain value in '{key}' but {str(value)[:40]!r}. Fix it.")
    return str(value).lower() if isinstance(value, bool) else str(value)


def concept(resource: Resource, key: str) -> str:
    """The words of a CodeableConcept, a Coding or a list of them: what a person wrote goes before what a code says."""
    value = resource.get(key)
    several = items(resource, key) if isinstance(value, list) else [inner(resource, key)]
    return ", ".join(filter(None, map(_words, several)))


def _words(one: Resource) -> str:
    codings = [one, *items(one, "coding")]
    texts = (word(coding, key) for key in ("text", "display", "code") for coding in codings)
    return next(filter(None, texts), "")


def amount(quantity: Resource) -> str:
    unit = word(quantity, "unit") or word(quantity, "code")
    return f"{word(quantity, 'comparator')}{word(quantity, 'value')} {unit}".strip()


def value(resource: Resource) -> str:
    """What value[x] says, or why there is no value."""
    for key in resource:
        if key == "valueQuantity":
            return amount(inner(resource, key))
        if key == "valueCodeableConcept":
            return concept(resource, key)
        if key == "valueRange":
            return _joined(" to ", (amount(inner(inner(resource, key), end)) for end in ("low", "high")))
        if key == "valueRatio":
            return _joined(" / ", (amount(inner(inner(resource, key), end)) for end in ("numerator", "denominator")))
        if key == "valuePeriod":
            return _joined(" to ", (word(inner(resource, key), end) for end in ("start", "end")))
        if key in ("valueString", "valueBoolean", "valueInteger", "valueTime", "valueDateTime"):
            return word(resource, key)
        if key.startswith("value"):
            # A wave form (valueSampledData) is no text; a type that R4 does not have is not guessed at.
            raise Unreadable(f"has its value in '{key}', which is not read.")
    missing = concept(resource, "dataAbsentReason")
    return f"no value ({missing})" if missing else ""


def _joined(between: str, parts: Any) -> str:
    return between.join(filter(None, parts))


def attached(attachments: list[Resource]) -> list[str]:
    """The attachments that are plain text and stand in the resource itself; nothing is fetched."""
    texts = []
    for attachment in attachments:
        kind, data = word(attachment, "contentType").lower(), word(attachment, "data")
        if not kind.startswith("text/plain") or not data:
            continue
        charset = re.search(r"charset=\"?([\w-]+)", kind)
        try:
            raw = base64.b64decode("".join(data.split()), validate=True)
            texts.append(read_as(raw, charset[1] if charset else "utf-8").strip())
        except ValueError as error:
            raise Unreadable(f"has an attachment that cannot be decoded: {error}. Fix it.") from error
    return [text for text in texts if text]
