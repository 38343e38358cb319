"""The rows of the triage desk in the forms that a team keeps them in, and how a recipe names them."""

import csv
import gzip
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.tiny import notes

ROWS = notes(60, 1, "a")
LABELLED = {"text": "note", "label": "department", "group": "patient"}
RAW: dict[str, Any] = {}
"""Documents are text without labels, which `dapt` reads."""


def _csv(path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)


def _jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")


def _gzip(path: Path) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode(), mtime=0))


def _parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


def _html(path: Path) -> None:
    body = "".join(f"<h2>{row['patient']}</h2><p>{html.escape(row['note'])}. It goes on.</p>" for row in ROWS)
    path.write_text(f'<html><head><meta charset="utf-8"><title>t</title></head><body>{body}</body></html>')


def _markdown(path: Path) -> None:
    path.write_text("".join(f"# {row['patient']}\n\n{row['note']}. It goes on.\n\n" for row in ROWS))


def _text(path: Path) -> None:
    path.write_text("\n\n".join(f"{row['note']}. It goes on." for row in ROWS))


TABLES: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "rows.jsonl": (_jsonl, LABELLED),
    "rows.csv": (_csv, LABELLED),
    "rows.jsonl.gz": (_gzip, LABELLED),
    "rows.parquet": (_parquet, LABELLED),
    "rows.html": (_html, RAW),
    "rows.md": (_markdown, RAW),
    "rows.txt": (_text, RAW),
}


def recipe_of(name: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe on rows of this file: labeled ones in place of its own, documents beside them."""
    write, columns = TABLES[name]
    dataset = {"path": name, "license": "proprietary", **columns}
    if columns:
        return {**recipe, "datasets": [dataset]}
    methods = [{"dapt": {"lr": 0.01, "r": 4, "replay": 0}}, {"sft": {"lr": 0.01, "r": 4, "batch_tokens": 256}}]
    return {**recipe, "datasets": [*recipe["datasets"], dataset], "methods": methods}
