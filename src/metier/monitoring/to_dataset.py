"""Reviewed rows as a dataset for the next run, with its license and where it comes from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metier.data.reading import FileSource
from metier.data.records import canonical
from metier.errors import UserError
from metier.evaluation.scoring import plain
from metier.monitoring.collect import Collection
from metier.monitoring.labeling import content
from metier.monitoring.results import DatasetResult, Monitoring
from metier.monitoring.traces import Trace
from metier.recipes import strict_yaml
from metier.reporting.pages import template
from metier.runs.files import write_text
from metier.runs.run import Run

LABEL = "label"


def check_dataset(folder: Path, license: str | None, run: Run) -> str:
    """The license of the rows, before any of them is read.

    Raises `UserError` where the folder holds other files or is a file, or the license is not known.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--to-dataset {folder} is a file. Name a new folder.")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"The folder {folder} is not empty. Name a new one: rows of two calls must not be mixed.")
    return license or _license(run)


def write_dataset(
    folder: Path, traces: Iterable[Trace], given: Collection, found: Monitoring, terms: str
) -> DatasetResult:
    """Write rows.jsonl, README.md and dataset.yaml; the last one is what to add to a recipe.

    Raises `UserError` where nobody reviewed a row.
    """
    if not given.known:
        raise UserError("No row has a `corrected` answer, so there is nothing to learn from. Fill in to_label.csv.")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"rows": 0, "corrected": 0, "in_test": 0, "duplicates": 0, "contradicting": 0}
    scratch = folder / ".rows.part"
    with open(scratch, "w", encoding="utf-8") as stream:
        for row in _rows(traces, given, counts):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    scratch.replace(folder / "rows.jsonl")
    use = {"path": str(folder.resolve() / "rows.jsonl"), "text": "text", "label": LABEL, "id": "id", "license": terms}
    use |= {"task": found.benchmark}
    recipe = strict_yaml.dump({"datasets": [use]})
    write_text(folder / "dataset.yaml", recipe)
    card = template("reviewed_card.md").render(
        found=found,
        run=given.reference.run.folder.resolve().name,
        counts=counts,
        license=terms,
        labels=list(given.reference.labels),
    )
    write_text(folder / "README.md", card)
    command = f"metier check RECIPE.yaml  # after adding {folder.resolve() / 'dataset.yaml'} to its `datasets`"
    return DatasetResult(folder=str(folder), recipe=recipe, command=command, **counts)


def _license(run: Run) -> str:
    """That of the run's own rows."""
    own = {one.license for one in run.recipe.build_datasets() if isinstance(one, FileSource)}
    if len(own) != 1:
        have = f"have {len(own)} licenses" if own else "are none"
        raise UserError(f"The run's own rows {have}, so that of the reviewed rows is not known. Give `--license`.")
    return own.pop()


def _rows(traces: Iterable[Trace], given: Collection, counts: dict[str, int]) -> Iterable[Mapping[str, Any]]:
    reference = given.reference
    test = {canonical(question.text) for question in reference.questions}
    written: dict[bytes, str] = {}
    for trace in traces:
        if trace.benchmark not in (None, reference.benchmark.name) or trace.model not in (None, reference.model):
            continue
        said, text = given.corrections.of(trace), reference.text_of(trace)
        if said is None or trace.answer is None or text is None or not text.strip():
            continue
        if (label := given.label_of(said.label)) is None:
            continue
        if canonical(text) in test:
            counts["in_test"] += 1
            continue
        if (what := content(text, trace)) in written:
            counts["duplicates"] += 1
            counts["contradicting"] += written[what] != label
            continue
        written[what] = label
        changed = plain(label) != plain(trace.answer)
        counts["rows"] += 1
        counts["corrected"] += changed
        own = {"id": trace.id, "text": text, LABEL: label, "time": trace.day, "model_answer": trace.answer}
        further = {key: value for key, value in trace.columns.items() if key not in (*own, reference.column)}
        yield {**further, **own}
