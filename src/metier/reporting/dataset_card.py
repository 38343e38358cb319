"""What a curated data set says about itself: a card for people, and Croissant for machines."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pyarrow as pa

from metier.errors import printable

MOST_LABELS = 50
"""Labels a task that the card lists; the rest is one line."""
USE: dict[str, Literal["intended_use", "limits"]] = {"Intended use": "intended_use", "Limits": "limits"}
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"


class DatasetFacts(TypedDict):
    name: str
    license: str
    fingerprint: str
    citation: NotRequired[str]
    url: NotRequired[str]
    rows: NotRequired[int]
    """Rows read from it."""


class FileFacts(TypedDict):
    sha256: str
    bytes: int


class Facts(TypedDict):
    """What both are made from: plain data, from curate's result, steps.json and lock.json."""

    name: str
    datasets: Sequence[DatasetFacts]
    read: int
    train: int
    valid: int
    dropped: int
    licenses: Mapping[str, int]
    """License -> training rows."""
    steps: Sequence[Mapping[str, Any]]
    """steps.json: step, settings, rows, kept, dropped and notes; the step `license` notes `obligations`."""
    labels: Mapping[str, Mapping[str, Sequence[int]]]
    """Task -> label -> (training rows, held-out rows): `label_counts` makes it."""
    files: Mapping[str, FileFacts]
    """File name -> hash and size; the .parquet files become record sets."""
    command: str
    """What makes the same data again."""
    versions: Mapping[str, str]
    date: str
    """Day it was made, as YYYY-MM-DD."""
    intended_use: NotRequired[str]
    limits: NotRequired[str]


def label_counts(train: pa.Table, valid: pa.Table) -> dict[str, dict[str, list[int]]]:
    """Task -> label -> [training rows, held-out rows], the most common first; rows without a label under "(none)"."""
    sides = [Counter(zip(side["task"].to_pylist(), side["label"].to_pylist(), strict=True)) for side in (train, valid)]
    counts_of: dict[str, dict[str, list[int]]] = {}
    for task, label in sorted(sides[0] | sides[1], key=lambda key: (str(key[0]), -sides[0][key], str(key[1]))):
        counts = [side[task, label] for side in sides]
        counts_of.setdefault(task or "(none)", {})["(none)" if label is None else label] = counts
    return counts_of


def dataset_card(facts: Facts) -> str:
    """The card, in Markdown. Whatever comes from data or a recipe is escaped."""
    parts = [
        _front(facts),
        f"# {escaped(facts['name'])}",
        f"{facts['train']:,} rows to train on and {facts['valid']:,} held out, of {facts['read']:,} read; "
        f"{facts['dropped']:,} were dropped, each with its reason in `dropped.parquet`.",
        "## Datasets",
        _datasets(facts["datasets"]),
        "## Licenses",
        _licenses(facts),
        "## Steps",
        _steps(facts["steps"]),
        "## Labels",
        *[_labels(task, labels) for task, labels in facts["labels"].items()],
        "## Use and limits",
        *[escaped(f"{what}: {facts[key]}") for what, key in USE.items() if facts.get(key)],
        "Nobody has read all rows. What a step does not look for is still there; what it looks for it may miss. "
        "Labels are as the datasets give them.",
        "## Made with",
        _made(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


# What Markdown reads anywhere in a line, and what it reads at the beginning of one. A plain `rows: 900` stays as it is.
MARKUP = re.compile(r"([\\`*{}\[\]|~@$^]|(?<![^\W_])_|_(?![^\W_])|:(?=\S)|(?<=www)\.|(?<=\])\()", flags=re.I)
AT_THE_BEGINNING = re.compile(r"^(\d*)([#+\-=.)])(?=[\s#+\-=]|$)")


def escaped(text: Any) -> str:
    """Text of others as Markdown that shows just that: one line, no markup, no HTML, no table cells, no links."""
    line = MARKUP.sub(r"\\\1", printable(" ".join(str(text).split())))
    line = AT_THE_BEGINNING.sub(r"\1\\\2", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: Any) -> str:
    """Text of others between backticks, where nothing is escaped."""
    return re.sub(r"[`|\s<>]+", " ", printable(str(text)))


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _front(facts: Facts) -> str:
    """The block that the hub reads, with its first and last line."""
    from huggingface_hub import DatasetCardData

    card = DatasetCardData(pretty_name=facts["name"], license="other", tags=["metier"])
    return f"---\n{card.to_yaml()}\n---"


def _datasets(datasets: Sequence[DatasetFacts]) -> str:
    rows = []
    for dataset in datasets:
        url = dataset.get("url", "")
        # Only a plain address becomes a link: `javascript:` and similar stay text.
        where = f"<{url}>" if re.fullmatch(r"https?://[\w./?=&%#~+:@-]+", url) else escaped(url)
        cells = [dataset["name"], dataset["license"], dataset.get("citation", "")]
        count = dataset.get("rows")
        read = "" if count is None else f"{count:,}"
        rows.append([*map(escaped, cells), where, read, f"`{code(dataset['fingerprint'][:60])}`"])
    return _table(["source", "license", "citation", "where", "rows read", "fingerprint"], rows)


def _licenses(facts: Facts) -> str:
    table = _table(["license", "training rows"], [[escaped(n), f"{c:,}"] for n, c in facts["licenses"].items()])
    owed: dict[str, list[str]] = {}
    for step in facts["steps"]:
        for obligation, licenses in step.get("obligations", {}).items():
            owed.setdefault(obligation, []).extend(licenses)
    lines = [f"- {escaped(obligation)}: {escaped(', '.join(names))}" for obligation, names in owed.items()]
    unlooked = "No step looked at the licenses: add `license` to the recipe's steps."
    looked = any(step.get("step") == "license" for step in facts["steps"])
    return "\n\n".join([table, "\n".join(lines)] if lines else [table] if looked else [table, unlooked])


def _steps(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for step in steps:
        settings = ", ".join(f"{key}: {value}" for key, value in step.get("settings", {}).items())
        counts = [f"{step[key]:,}" for key in ("rows", "kept", "dropped")]
        rows.append([escaped(step["step"]), *counts, escaped(settings)])
    return _table(["step", "rows", "kept", "dropped", "settings"], rows)


def _labels(task: str, labels: Mapping[str, Sequence[int]]) -> str:
    shown = list(labels.items())[:MOST_LABELS]
    rest = list(labels.items())[MOST_LABELS:]
    rows = [[escaped(label), f"{train:,}", f"{valid:,}"] for label, (train, valid) in shown]
    if rest:
        train, valid = (sum(counts[side] for _, counts in rest) for side in (0, 1))
        rows.append([f"{len(rest):,} more", f"{train:,}", f"{valid:,}"])
    return f"Task {escaped(task)}:\n\n" + _table(["label", "training rows", "held out"], rows)


def _made(facts: Facts) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    again = f"`{code(facts['command'])}` makes the same files from the same datasets ({escaped(versions)})."
    rows = [[f"`{code(name)}`", f"{file['bytes']:,}", f"`{file['sha256']}`"] for name, file in facts["files"].items()]
    return again + "\n\n" + _table(["file", "bytes", "sha256"], rows)


def croissant(facts: Facts, schema: pa.Schema) -> dict[str, Any]:
    """The data set as Croissant 1.0 (JSON-LD): a file object and a record set for each Parquet file.

    Columns of plain text become fields. Nested ones (options, messages) are left out: readers take them from the file.
    """
    columns = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    files = {name: file for name, file in facts["files"].items() if name.endswith(".parquet")}
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": re.sub(r"[^\w-]+", "-", facts["name"]).strip("-") or "dataset",
        "description": f"{facts['train']:,} training rows and {facts['valid']:,} held out, curated by metier.",
        "version": "1.0.0",
        "datePublished": facts["date"],
        "license": sorted(facts["licenses"]) or ["none: no rows"],
        "url": next((dataset["url"] for dataset in facts["datasets"] if dataset.get("url")), "https://localhost/"),
        "citeAs": "; ".join(dataset["citation"] for dataset in facts["datasets"] if dataset.get("citation")),
        "isLiveDataset": False,
        "distribution": [_file_object(name, file) for name, file in files.items()],
        "recordSet": [_record_set(name, columns) for name in files],
    }


def _file_object(name: str, file: FileFacts) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _record_set(name: str, columns: Sequence[str]) -> dict[str, Any]:
    stem = name.removesuffix(".parquet")
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{stem}/{column}",
            "name": column,
            "dataType": "sc:Text",
            "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
        }
        for column in columns
    ]
    return {"@type": "cr:RecordSet", "@id": stem, "name": stem, "key": {"@id": f"{stem}/id"}, "field": fields}


def _context() -> dict[str, Any]:
    """The words of the vocabularies, as the specification of Croissant 1.0 prints them."""
    plain = ["citeAs", "column", "extract", "field", "fileObject", "fileSet", "includes", "isLiveDataset", "key"]
    plain += ["jsonPath", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace"]
    plain += [
        "separator",
        "source",
        "subField",
        "transform",
        "format",
        "fileProperty",
        "equivalentProperty",
        "samplingRate",
    ]
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{word: f"cr:{word}" for word in plain},
    }
