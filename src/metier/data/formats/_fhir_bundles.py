"""FHIR files -> their resources one by one: a Bundle, a single resource, or one of either a line."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from metier.data.format import RejectedRow
from metier.data.formats._fhir_values import Resource
from metier.recipes import strict_json

Lookup = Callable[[str], Resource]
"""Another resource of the same bundle by its reference; an empty one where the bundle does not hold it."""


class Entry(NamedTuple):
    """A resource, its full address in the bundle, and what else the bundle holds."""

    resource: Resource
    url: str
    lookup: Lookup


def entries(file: Path) -> Iterator[tuple[str, Entry | RejectedRow]]:
    """(`Observation/9 (line 3)`, resource) for each resource of the file."""
    for line, document in _documents(file):
        if isinstance(document, RejectedRow):
            yield f"line {line}", document
        elif not _is_resource(document):
            yield (
                f"line {line}",
                RejectedRow("is no FHIR resource: it has no resourceType.", json.dumps(document)[:200]),
            )
        elif document["resourceType"] == "Bundle":
            yield from _bundled(line, document)
        else:
            place = f"{document['resourceType']}/{document.get('id', '')} (line {line})"
            yield place, Entry(document, "", lambda reference: {})


def _bundled(line: int, bundle: Resource) -> Iterator[tuple[str, Entry | RejectedRow]]:
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        yield f"line {line}", RejectedRow("is a Bundle whose 'entry' is no list. Fix it.", json.dumps(bundle)[:200])
        return
    held: dict[str, Resource] = {}
    for entry in listed:
        if isinstance(entry, dict) and _is_resource(entry.get("resource")):
            resource = entry["resource"]
            held[f"{resource['resourceType']}/{resource.get('id')}"] = resource
            held[str(entry.get("fullUrl"))] = resource
    for number, entry in enumerate(listed, start=1):
        place = f"line {line}, entry {number}"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not _is_resource(resource):
            yield place, RejectedRow("holds no FHIR resource: there is no resourceType.", json.dumps(entry)[:200])
        # A medication says nothing by itself; it is read where a request names it.
        elif resource["resourceType"] != "Medication":
            entire = Entry(resource, str(entry.get("fullUrl", "")), lambda reference: held.get(reference, {}))
            yield f"{resource['resourceType']}/{resource.get('id', '')} ({place})", entire


def _is_resource(value: Any) -> TypeGuard[Resource]:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def _documents(file: Path) -> Iterator[tuple[int, Any]]:
    """(line, JSON). A file is read by lines where one of its first two lines is a resource by itself."""
    with open(file, "rb") as stream:
        if any(_is_resource(_parse(line)) for line in islice(stream, 2)):
            stream.seek(0)
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, _parse(line)
            return
    # A bundle is one JSON value, so it is held in memory whole; exports too large for that come by lines.
    yield 1, _parse(file.read_bytes())


def _parse(raw: bytes) -> Any:
    try:
        # Decimals stay as they are written: FHIR counts the digits (7.20 is more exact than 7.2).
        return strict_json.loads(raw.decode("utf-8-sig"), parse_float=str)
    except UnicodeDecodeError as error:
        return RejectedRow(f"is not UTF-8 (byte {error.start}). Convert it.")
    except (ValueError, RecursionError) as error:
        return RejectedRow(f"is no valid JSON: {error}. Fix it.", raw[:200].decode("utf-8", "replace"))
