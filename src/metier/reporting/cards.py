"""card.md and croissant.json beside the curated rows."""

from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa

from metier.data.dataset import DatasetLike
from metier.recipes.texts import NOT_STATED, texts_of
from metier.reporting.dataset_card import Facts, croissant, dataset_card, label_counts
from metier.runs.files import file_sha256, write_json, write_text
from metier.runs.run import Run


def write_cards(
    run: Run,
    datasets: list[DatasetLike],
    rows: pa.Table,
    train: pa.Table,
    valid: pa.Table,
    dropped: int,
    journal: list[dict[str, Any]],
) -> None:
    """card.md for people and croissant.json for machines."""
    lock = run.locked()
    files = {name: run.folder / "curate" / name for name in ("train.parquet", "valid.parquet")}
    texts = texts_of(run.recipe)
    read = Counter(rows["source"].to_pylist())
    facts: Facts = {
        "name": f"{run.folder.name}: rows to train on",
        "datasets": [
            {
                "name": dataset.name,
                "license": dataset.license,
                "fingerprint": dataset.fingerprint(),
                "citation": dataset.citation,
                "url": dataset.url,
                "rows": read[dataset.name],
            }
            for dataset in datasets
        ],
        "read": len(rows),
        "train": len(train),
        "valid": len(valid),
        "dropped": dropped,
        "licenses": dict(Counter(train["license"].to_pylist())),
        "steps": journal,
        "labels": label_counts(train, valid),
        "files": {name: {"sha256": file_sha256(file), "bytes": file.stat().st_size} for name, file in files.items()},
        "command": "metier curate recipe.yaml",
        "versions": lock["versions"],
        "intended_use": texts.intended_use or NOT_STATED,
        "limits": texts.limits or NOT_STATED,
        "date": date.today().isoformat(),
    }
    write_text(run.path("curate", "card.md"), dataset_card(facts))
    write_json(run.path("curate", "croissant.json"), croissant(facts, train.schema))
