"""Where the rows come from, under which licenses, and what happened to them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from metier.data.dataset import DatasetLike
from metier.governance.material import Material
from metier.governance.references import DEVELOPMENT, SOUNDNESS
from metier.governance.sections.reasons import dropped_by_kind
from metier.governance.values import Fact, Filled, Heading, Table

HEADING = Heading(
    key="data",
    title="Data: origin, licenses, cleaning, redaction",
    annex_iv=("2(d)",),
    sr_11_7=(DEVELOPMENT, SOUNDNESS),
)
MOST_LABELS = 50
"""Labels of a task that are listed; the rest is one line."""
STEPS, ROWS = "curate/steps.json", "curate/train.parquet, curate/valid.parquet"


def fill(material: Material) -> Filled:
    """Datasets, licenses, steps, reasons of drops, personal data, and labels."""
    datasets = material.run.recipe.build_datasets()
    tables = (
        _datasets(material, datasets),
        _licenses(material),
        _steps(material),
        _reasons(material),
        *_labels(material),
    )
    return Filled(
        facts=(*_counts(material), *_licensing(material), *_personal(material)),
        tables=tables,
        notes=("Nobody has read all rows. A step may miss what it looks for.",),
        to_add=tuple(_to_add(material, datasets)),
    )


def _counts(material: Material) -> Iterator[Fact]:
    curated, source = material.run.result("curate"), "curate.done.json"
    counts = {"Rows read": "read", "Rows to train on": "train", "Rows held out": "valid", "Rows dropped": "dropped"}
    for name, key in counts.items():
        yield Fact(name=name, value=f"{curated[key]:,}", source=source)
    rejected = curated["rejected"]
    yield Fact(name="Broken pieces rejected", value=f"{rejected:,}", source="curate.done.json, curate/rejected.jsonl")
    represents = curated["represents"]
    why = " ".join([represents["state"] + ".", *represents["reasons"]])
    yield Fact(name="Do the rows represent the work?", value=why, source="curate/representation.json")


def _licensing(material: Material) -> Iterator[Fact]:
    step = material.step("license")
    if step is None:
        return
    use = str(step.get("use", "not stated"))
    yield Fact(name="Use that the licenses were judged for", value=use, source=STEPS)
    for obligation, licenses in step["obligations"].items():
        yield Fact(name=f"Owed under {', '.join(licenses)}", value=obligation, source=STEPS)


def _personal(material: Material) -> Iterator[Fact]:
    step = material.step("redact")
    if step is None:
        yield Fact(name="Personal data", value="No step redacted personal data.", source=STEPS)
        return
    found = ", ".join(f"{kind} {count:,}" for kind, count in step["found"].items()) or "none"
    profile = step["settings"]["profile"]
    yield Fact(name="Redaction", value=f"profile {profile}; {step['changed']:,} rows changed", source=STEPS)
    yield Fact(name="Identifiers replaced, by kind", value=found, source=STEPS)
    yield Fact(name="What redaction promises", value=str(step["statement"]), source=STEPS)


def _datasets(material: Material, datasets: list[DatasetLike]) -> Table:
    read = Counter(name for side in material.rows.values() for name in side["source"].to_pylist())
    prints = {one["name"]: one["fingerprint"] for one in material.lock["datasets"]}
    rows = tuple(
        (
            one.name,
            one.license,
            one.citation or "the user's own files",
            one.url or "none",
            f"{read[one.name]:,}",
            material.plain(prints.get(one.name, "not recorded")),
        )
        for one in datasets
    )
    columns = ("dataset", "license", "citation", "where it is published", "rows read", "fingerprint")
    return Table(title="Datasets", columns=columns, rows=rows, source="recipe.yaml, lock.json, curate/*.parquet")


def _licenses(material: Material) -> Table:
    licenses: Mapping[str, int] = material.run.result("curate")["licenses"]
    rows = tuple((license, f"{count:,}") for license, count in licenses.items())
    return Table(title="Licenses", columns=("license", "training rows"), rows=rows, source="curate.done.json")


def _steps(material: Material) -> Table:
    rows = tuple(
        (
            str(step["step"]),
            *(f"{step[key]:,}" for key in ("rows", "kept", "dropped")),
            material.shown(step["settings"]),
        )
        for step in material.steps
    )
    return Table(title="Steps", columns=("step", "rows in", "kept", "dropped", "settings"), rows=rows, source=STEPS)


def _reasons(material: Material) -> Table:
    rows = tuple((step, kind, f"{count:,}") for step, kind, count in dropped_by_kind(material.rows["dropped"]))
    return Table(
        title="Why rows were dropped", columns=("step", "reason", "rows"), rows=rows, source="curate/dropped.parquet"
    )


def _labels(material: Material) -> Iterator[Table]:
    """Rows by label, of tasks whose answers are chosen: written answers are data and no names of classes."""
    for benchmark in material.answers.judging.benchmarks:
        names = set(benchmark.label_set()) if benchmark.build_scorer().chooses else set()
        counts = [_label_counts(material.rows[side], benchmark.name, names) for side in ("train", "valid")]
        listed = sorted(counts[0] | counts[1], key=lambda label: (-counts[0][label], label))
        rows = [(label, *(f"{side[label]:,}" for side in counts)) for label in listed[:MOST_LABELS]]
        if rest := listed[MOST_LABELS:]:
            sums = (sum(side[label] for label in rest) for side in counts)
            rows.append((f"{len(rest):,} more", *(f"{total:,}" for total in sums)))
        if rows:
            title = f"Rows by label: {benchmark.name}"
            yield Table(title=title, columns=("label", "training rows", "held out"), rows=tuple(rows), source=ROWS)


def _label_counts(rows: Any, task: str, names: set[str]) -> Counter[str]:
    pairs = zip(rows["task"].to_pylist(), rows["label"].to_pylist(), strict=True)
    return Counter(label for own, label in pairs if own == task and label in names)


def _to_add(material: Material, datasets: list[DatasetLike]) -> Iterator[str]:
    own = ", ".join(one.name for one in datasets if not one.citation)
    if own:
        yield f"how the rows of {own} were collected, who labeled them by which rules, and on what legal basis"
    else:
        yield "why published data of others fit your own use"
    if material.step("redact") is None:
        yield "why no personal data have to be redacted, or which step redacts them"
    if material.step("license") is None:
        yield "under which licenses the rows may be used: no step `license` looked at them"
