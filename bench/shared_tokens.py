"""How many tokens a training reads of those that its rows have, where rows that begin alike are read together.

For each benchmark with training rows: one epoch in steps of 2,048 tokens, planned and counted; no model is run, so the
figures are the same on every machine. Reads METIER_DATA. --check holds them to the thresholds below.
"""

import argparse
import json
import platform
import sys
from importlib.metadata import version
from typing import Any

from metier.data.records import Question, questions
from metier.engine.models.model import tokens_only
from metier.engine.trees import batches
from metier.engine.trees.examples import Example
from metier.recipes import plugins

BUDGET = 2048
MODEL = "smollm2-135m"
CASES = {  # most that may be read of the tokens
    "ddi2013": 0.2,
    "tatqa": 0.35,
    "product_matching": 0.65,
    "epqa_product_qa": 0.65,
    "legalbench_cuad_yesno": 0.9,
    "contract_nli": 0.9,
    "banking77": 1.0,
    "pubmedqa": 1.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="made-up questions to two tables, the fake model's tokens")
    parser.add_argument("--check", action="store_true", help="exit 1 where more is read than a threshold allows")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    found = {"tables": made_up()} if arguments.quick else {case: one_case(case) for case in arguments.cases}
    versions = {name: version(name) for name in ("metier", "transformers")}
    figures = {"cases": found, "batch_tokens": BUDGET, "versions": versions, "machine": platform.machine()}
    print(json.dumps(figures) if arguments.json else text(found))
    missed = [case for case, row in found.items() if row["share"] > CASES.get(case, 1.0)]
    if arguments.check and missed:
        sys.exit(f"More is read than was said: {', '.join(missed)}")


def one_case(case: str) -> dict[str, Any]:
    benchmark = plugins.build("benchmarks", case, {})
    table = plugins.build("datasets", benchmark.dataset_name, {}).rows()
    at = [number for number, split in enumerate(table["split"].to_pylist()) if split in (None, "train")]
    return counted(questions(table.take(at)), benchmark.prompt, MODEL)


def counted(rows: list[Question], prompt: str, name: str) -> dict[str, Any]:
    """Rows, tokens as they stand in them, tokens read in an epoch, and the second over the first."""
    model = tokens_only(name)
    examples = [Example(model.encode(r.render(prompt)), ([*model.answer(r.answer), model.end_token],)) for r in rows]
    read = sum(batches.tokens_read(examples, batch) for batch in batches.plan(examples, BUDGET, seed=0, epochs=1))
    tokens = sum(map(len, examples))
    return {"rows": len(rows), "tokens": tokens, "read": read, "share": read / tokens}


def made_up() -> dict[str, Any]:
    tables = ["revenue 10, costs 8, profit 2, staff 40", "revenue 7, costs 6, profit 1, staff 12"]
    asked = [(table, column) for table in tables for column in ("revenue", "costs", "profit", "staff")]
    rows = [Question(str(n), f"{table}\nWhat is the {column}?", "1") for n, (table, column) in enumerate(asked)]
    return counted(rows, "{text}", "fake")


def text(found: dict[str, Any]) -> str:
    lines = [f"{'rows of':<24}{'rows':>8}{'tokens':>11}{'read':>11}{'share':>7}"]
    for case, row in found.items():
        lines.append(f"{case:<24}{row['rows']:>8,}{row['tokens']:>11,}{row['read']:>11,}{row['share']:>7.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
