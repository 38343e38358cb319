"""Does the representativeness report tell the industries apart? Raw text of each against a target of each.

Diagonal cells (an industry's own raw text) must end in GO and all others in NO-GO; --check exits with 1 where one does
not.
Without --quick eight further targets are shown too, with no right answer claimed.

The data come from METIER_DATA; without it nothing is measured, and --check exits with 1. Targets are training rows as a
model reads them, without the answer.
"""

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from typing import Any

import pyarrow.compute as pc

from metier.data.representativeness.comparison import compare
from metier.data.representativeness.decision import decide
from metier.data.representativeness.reference import general_text
from metier.recipes import plugins

RAW = {"healthcare": "medquad", "finance": "fed_text", "legal": "dc_code_text", "retail": "product_text"}
TARGETS = {
    "healthcare": ("pubmedqa", "text", "abstract"),
    "finance": ("fomc_stance", "text"),
    "legal": ("cuad_clause_type", "text"),
    "retail": ("epqa_product_qa", "text", "candidate"),
}
FURTHER = [
    ("mts_dialog", "text"),
    ("ddi2013", "text"),
    ("banking77", "text"),
    ("contract_nli", "text", "evidence"),
    ("legalbench_cuad_yesno", "text"),
    ("unfair_tos", "text"),
    ("amazon_counterfactual", "text"),
    ("hetpqa_answers", "text"),
]
SHOWN = ("cross_entropy", "kl", "terms", "neighbors", "nearer", "auc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the four by four cells only, in a minute or two")
    parser.add_argument("--check", action="store_true", help="exit 1 where a cell differs or nothing was measured")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    figures = measure(arguments.quick, arguments.seed)
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and figures["missed"]:
        sys.exit(1)


def measure(quick: bool, seed: int) -> dict[str, Any]:
    """All cells, what they should have been, and what differs."""
    started, cells, further, said = time.perf_counter(), [], [], ""
    if os.environ.get("METIER_DATA"):
        reference, said = general_text()
        raw = {industry: training_texts(dataset, "text") for industry, dataset in RAW.items()}
        for home, target in TARGETS.items():
            cells += row(target, raw, reference, seed, home)
        for target in [] if quick else FURTHER:
            further += row(target, raw, reference, seed)
    missed = [f"{one['raw']} for {one['target']}: {one['state']}" for one in cells if one["state"] != one["right"]]
    return {
        "cells": cells,
        "further": further,
        "reference": said,
        "missed": missed if cells else ["METIER_DATA is not set, so nothing was measured"],
        "seed": seed,
        "seconds": time.perf_counter() - started,
        "versions": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "machine": platform.processor() or platform.machine(),
    }


def training_texts(dataset: str, *columns: str) -> list[str]:
    """The named columns of a dataset's training rows, one text a row."""
    rows = plugins.build("datasets", dataset, {}).rows()
    rows = rows.filter(pc.equal(rows["split"], "train"))
    found = [{**dict(row["fields"] or ()), "text": row["text"]} for row in rows.to_pylist()]
    return ["\n".join(row[column] for column in columns) for row in found]


def row(
    target: tuple[str, ...], raw: dict[str, list[str]], reference: list[str], seed: int, home: str | None = None
) -> list[dict[str, Any]]:
    texts = training_texts(*target)
    return [cell(target[0], texts, industry, raw[industry], reference, seed, home) for industry in raw]


def cell(
    target: str, texts: list[str], industry: str, raw: list[str], reference: list[str], seed: int, home: str | None
) -> dict[str, Any]:
    started = time.perf_counter()
    found = compare(raw, texts, reference, seed=seed)
    decision = decide(found)
    return {
        "raw": industry,
        "target": target,
        "state": decision.state,
        "right": None if home is None else "GO" if home == industry else "NO-GO",
        "reasons": decision.reasons,
        "measures": {name: found.to_json()["measures"][name] for name in SHOWN},
        "gaps": len(found.gaps),
        "topics": len(found.topics),
        "in_gaps": sum(topic.share for topic in found.gaps),
        "sizes": found.sizes,
        "seconds": time.perf_counter() - started,
    }


def text(figures: dict[str, Any]) -> str:
    """Tables in Markdown, as they stand in docs/representativeness.md."""
    lines = []
    for cells in filter(None, (figures["cells"], figures["further"])):
        lines += states(cells) + [""] + details(cells) + [""]
    lines.append(f"differs: {'; '.join(figures['missed']) or 'nothing'}")
    lines.append(
        f"General text: {figures['reference']}. Seed {figures['seed']}; {figures['seconds']:.0f} s; "
        f"{figures['versions']}; {figures['machine']}"
    )
    return "\n".join(lines)


def states(cells: list[dict[str, Any]]) -> list[str]:
    lines = [f"| target | {' | '.join(RAW.values())} |", "|---" * (1 + len(RAW)) + "|"]
    for start in range(0, len(cells), len(RAW)):
        row = cells[start : start + len(RAW)]
        lines.append(f"| {row[0]['target']} | {' | '.join(one['state'] for one in row)} |")
    return lines


def details(cells: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| target | raw text | bits a word: saved | n-gram KL: saved | terms | of those lacking | neighbors | nearer "
        "| AUC | in gaps |",
        "|---" * 10 + "|",
    ]
    for one in cells:
        it = one["measures"]
        saved = [
            f"{-d['value']:+.2f} ({-d['high']:+.2f} to {-d['low']:+.2f})"
            for d in (it["cross_entropy"]["difference"], it["kl"]["difference"])
        ]
        shares = [f"{100 * it[name]['candidate']:.0f} / {100 * it[name]['baseline']:.0f}" for name in SHOWN[2:4]]
        lines.append(
            f"| {one['target']} | {RAW[one['raw']]} | {saved[0]} | {saved[1]} | {shares[0]} "
            f"| {100 * it['terms']['further']['of_lacking']:.0f} | {shares[1]} | {100 * it['nearer']['candidate']:.0f} "
            f"| {it['auc']['candidate']:.3f} / {it['auc']['baseline']:.3f} | {100 * one['in_gaps']:.0f} |"
        )
    return lines


if __name__ == "__main__":
    main()
