"""Whether the rows to train on represent the work of each benchmark: GO, CAUTION or NO-GO, before training."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import identities
from metier.data.representativeness.comparison import FEWEST, compare
from metier.data.representativeness.decision import decide
from metier.data.representativeness.measure import Draws
from metier.data.representativeness.page import section
from metier.data.representativeness.passages import LONGEST, MOST, side
from metier.data.representativeness.reference import general_text
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.recipes.texts import texts_of
from metier.runs.files import write_json
from metier.runs.run import Run

UNKNOWN = "NOT JUDGED"
WORST_LAST = ("GO", UNKNOWN, "CAUTION", "NO-GO")
HELD_OUT = "rows held out from training"
OWN = "training rows of its dataset, none of them learned from"


def represent(
    run: Run, benchmarks: Sequence[Benchmark], train: pa.Table, valid: pa.Table, dropped: pa.Table
) -> dict[str, Any]:
    """Hold the training rows against examples of each benchmark's work; never against its test.

    The examples are the rows held out for it, else the training rows that its own dataset has where none of them is
    learned from. Writes curate/representation.json. The state is the worst of all benchmarks; one that could not be
    measured is no GO. The terms of the examples decide; how many of the industry's glossary the rows have is only
    reported.
    """
    entries = []
    reference, what = general_text()
    glossary = _glossary(run, train["text"].to_pylist(), reference)
    seen = _seen(train, dropped)
    for benchmark in benchmarks:
        examples, where = _examples(benchmark, seen, valid)
        entry: dict[str, Any] = {"benchmark": benchmark.name, "examples": where, "reference": what}
        if reason := _too_few(train["text"].to_pylist(), examples, benchmark.name):
            entries.append(entry | {"state": UNKNOWN, "reasons": [reason]})
            continue
        mine, wanted = _labels(train, benchmark), _labels(valid, benchmark) if where == HELD_OUT else []
        try:
            measured = compare(
                train["text"].to_pylist(),
                examples,
                reference,
                labels=mine if mine and wanted else None,
                target_labels=wanted if mine and wanted else None,
                seed=run.recipe.seed,
                embedding=run.recipe.embedding,
            )
        except UserError as error:  # nothing can be said of these texts; that is no reason not to train on them
            entries.append(entry | {"state": UNKNOWN, "reasons": [str(error)]})
            continue
        decision = decide(measured)
        page = {**section(measured, decision), "glossary": glossary}
        entry |= {"state": decision.state, "reasons": decision.reasons, "section": page}
        entries.append(entry | {"measured": measured.to_json()})
    worst = max((entry["state"] for entry in entries), key=WORST_LAST.index, default=UNKNOWN)
    reasons = [f"{entry['benchmark']}: {entry['reasons'][0]}" for entry in entries]
    write_json(run.path("curate", "representation.json"), {"state": worst, "glossary": glossary, "benchmarks": entries})
    return {"state": worst, "reasons": reasons}


def read_sections(run: Run) -> list[dict[str, Any]]:
    """What was found of each benchmark. Raises `UserError` where the file was changed since."""
    path = run.output("curate", "curate/representation.json")
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return entries


def _glossary(run: Run, texts: list[str], reference: list[str]) -> dict[str, Any] | None:
    """How many terms of the industry's glossary the rows have, and as much general text; None where there is none, or
    the rows are not the pack's own: a recipe may name the industry nearest to its work. It decides nothing."""
    from metier.data.representativeness import language

    of_run = texts_of(run.recipe)
    terms, distinct = list(of_run.glossary), list(dict.fromkeys(texts))
    if not terms or len(distinct) < FEWEST:
        return None
    generators = [np.random.default_rng([run.recipe.seed, number]) for number in range(4)]
    sides = [side(own, LONGEST, generators[n]) for n, own in enumerate((distinct, reference))]
    words = min(one.words for one in sides)
    rows, general = (one.draw(MOST, generators[2 + n], words) for n, one in enumerate(sides))
    # Target, reference and draws are for terms that have to be found first.
    measure = language.domain_terms(rows, rows, general, general, Draws.of(rows.document, 0), terms)
    return {
        "industry": of_run.tuned_for,
        "terms": len(measure.further["terms"]),
        "found": measure.candidate,
        "general": measure.baseline,
        "missing": measure.further["missing"],
        "often": language.OFTEN,
    }


def _seen(train: pa.Table, dropped: pa.Table) -> pa.Array:
    """Ids of the rows that were learned from, or are as good as learned: copies, and what is near the test. What
    `select` left out is neither."""
    alike = dropped.filter(pc.invert(pc.is_in(dropped["step"], pa.array(["select", "quick"]))))
    return pa.concat_arrays([identities(train), identities(alike)])


def _examples(benchmark: Benchmark, seen: pa.Array, valid: pa.Table) -> tuple[list[str], str]:
    held_out = valid.filter(pc.fill_null(pc.equal(valid["task"], benchmark.name), False))
    # Raw text of another dataset may have been given the only task there is: it shows no work of this benchmark.
    if len(of_it := held_out.filter(pc.equal(held_out["source"], benchmark.dataset_name))):
        held_out = of_it
    if len(held_out) or benchmark.path:
        return held_out["text"].to_pylist(), HELD_OUT
    rows = benchmark.rows
    own = rows.filter(pc.not_equal(pc.fill_null(rows["split"], "train"), "test"))
    # By id and not by text, which cleaning may have changed.
    return own.filter(pc.invert(pc.is_in(identities(own), seen)))["text"].to_pylist(), OWN


def _too_few(candidate: list[str], examples: list[str], name: str) -> str:
    """Why nothing can be said, or an empty text."""
    if len(set(examples)) < FEWEST:
        return (
            f"{len(set(examples))} different examples of '{name}' are no picture of the work. Hold out {FEWEST} "
            "rows of it or more (`split`), or name a dataset of it with training rows."
        )
    if len(set(candidate)) < FEWEST:
        return f"{len(set(candidate))} different training rows are too few to look at; at least {FEWEST} are needed."
    return ""


def _labels(rows: pa.Table, benchmark: Benchmark) -> list[str]:
    """None where answers are written or stand with each question: each would be a label that never occurs again."""
    if not benchmark.build_scorer().chooses:
        return []
    mine = rows.filter(pc.fill_null(pc.equal(rows["task"], benchmark.name), False))["label"].to_pylist()
    return [label for label in mine if label is not None] if len(mine) else []
