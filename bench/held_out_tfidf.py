"""How much of a task do words give away? TF-IDF on 80 % of a dataset's training rows, asked about the other 20 %.

Groups (a ruling, a product) stand on one side. At most 5,000 rows, a seeded draw; no test row is read from the table.
--check exits with 1 where docs/industries.md has no such line for a benchmark as is measured.

Reads METIER_DATA; --quick without it takes made-up rows.
"""

import argparse
import json
import os
import random
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.evaluation.baselines.tfidf import learn
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Score, answered
from metier.recipes import plugins
from metier.runs import run as runs

PAGE = Path(__file__).parent.parent / "docs" / "industries.md"
BENCHMARKS = [
    "ddxplus_diagnosis",
    "rare_disease_cases",
    "fin_num_claim",
    "market_tables",
    "bva_sentence_roles",
    "legalbench_overruling",
    "clothing_reviews",
    "clothing_reviews_rating",
    "clothing_reviews_department",
]
MOST, HELD_OUT, SOLVED = 5000, 0.2, 0.9
"""Rows at most; share of them that is asked; from which figure of TF-IDF on a task counts as nearly solved."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="BENCHMARK", help=", ".join(BENCHMARKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="made-up rows")
    parser.add_argument("--check", action="store_true", help="exit 1 where docs/industries.md says otherwise")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not os.environ.get("METIER_DATA") and not arguments.quick:
        sys.exit("METIER_DATA is not set. Name the folder of the data's mirror: METIER_DATA=DIR python bench/...")
    if arguments.quick:
        made = Benchmark("colors", "made_up", prompt="{text}\nColor:", metrics=["accuracy"])
        rows = [measured(made, made_up(), "Apache-2.0", arguments.seed)]
    else:
        rows = [of_benchmark(name, arguments.seed) for name in arguments.only or BENCHMARKS]
    figures = {"rows": rows, "versions": {"scikit-learn": version("scikit-learn")}, "machine": runs.processor()}
    print(json.dumps(figures) if arguments.json else "\n".join([HEAD, *map(line, rows)]))
    if arguments.check and not arguments.quick:
        page = PAGE.read_text(encoding="utf-8")
        if missing := [row["benchmark"] for row in rows if line(row) not in page]:
            sys.exit(f"{PAGE.name} has other lines for {', '.join(missing)}.")


def of_benchmark(name: str, seed: int) -> dict[str, Any]:
    benchmark = plugins.find("benchmarks", name)
    data = benchmark.data()
    rows = data.rows()
    return measured(benchmark, questions(rows.filter(pc.equal(rows["split"], "train"))), data.license, seed)


def measured(benchmark: Benchmark, rows: list[Question], license_: str, seed: int) -> dict[str, Any]:
    """One line: the figures of the metric that decides."""
    started, draw = time.monotonic(), random.Random(seed)
    taken = draw.sample(rows, MOST) if len(rows) > MOST else rows
    learned, asked = parted(taken, draw)
    labels = benchmark.labels or sorted({row.answer for row in taken})
    fitted = learn(learned, benchmark.prompt, labels, seed)
    common = [answered(row, "", Score(float(row.answer == fitted.majority), fitted.majority)) for row in asked]
    (title, metric), *_ = benchmark.build_metrics().items()
    figures = []
    given = fitted.answer(asked)
    for answers in (common, given):
        figures.append(float(metric.value(metric.statistics(as_predictions(answers, labels)).sum(0))))
    return {
        "benchmark": benchmark.name,
        "rows": len(rows),
        "learned": len(learned),
        "asked": len(asked),
        "groups": len({row.group for row in asked if row.group}),
        "labels": len({row.answer for row in taken}),
        "license": license_,
        "metric": title,
        "majority": round(figures[0], 3),
        "tfidf": round(figures[1], 3),
        "right": round(sum(answer.value or 0.0 for answer in given) / len(given), 3),
        "seconds": round(time.monotonic() - started, 1),
    }


def parted(rows: list[Question], draw: random.Random) -> tuple[list[Question], list[Question]]:
    """(rows to learn from, rows to ask), groups whole."""
    groups = sorted({row.group or row.id for row in rows})
    draw.shuffle(groups)
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.group or row.id] = sizes.get(row.group or row.id, 0) + 1
    held_out: set[str] = set()
    room = HELD_OUT * len(rows)
    for group in groups:
        if sizes[group] <= room:
            held_out.add(group)
            room -= sizes[group]
    sides: tuple[list[Question], list[Question]] = ([], [])
    for row in rows:
        sides[(row.group or row.id) in held_out].append(row)
    return sides


def made_up() -> list[Question]:
    colors = ("red", "green", "blue")
    return [Question(str(n), f"thing {n} looks {colors[n % 3]}", colors[n % 3], group=f"g{n // 2}") for n in range(120)]


HEAD = (
    "| benchmark | rows | learned / asked (groups) | labels | license | metric | majority | TF-IDF | right |\n"
    + "|---" * 9
    + "|"
)


def line(row: dict[str, Any]) -> str:
    """The row of the table; bold where words alone nearly solve the task."""
    groups = f" ({row['groups']})" if row["groups"] else ""
    name = f"**`{row['benchmark']}`**" if row["tfidf"] >= SOLVED else f"`{row['benchmark']}`"
    cells = [name, f"{row['rows']:,}", f"{row['learned']:,} / {row['asked']:,}{groups}", str(row["labels"])]
    cells += [row["license"], row["metric"]]
    cells += [f"{row[key]:.3f}".removeprefix("0") for key in ("majority", "tfidf", "right")]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
