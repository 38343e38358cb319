"""Five tables that no recipe here was written for, from a CSV file to a verdict with no setting of their own.

Each is written as the export that a company would have, brought in by `metier new NAME --from FOLDER --industry X` and
held to what a person who knows the table would say of its columns; `metier check` says what a run would do. --run also
runs each recipe as it comes, or with `methods: auto` for --minutes, and reads verdict.json. Test rows are those of the
mirror's test files. --check exits with 1 where a column was taken for another, a check failed or a run did not end.

Reads METIER_DATA; --quick without it takes one made-up table and the model `fake`.
"""

import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from metier.evaluation.reasons import say_p
from metier.evaluation.results import read_verdict
from metier.runs import run as runs

Record = dict[str, Any]
MOST_REVIEWS = 3000
"""Of 8,000 reviews: what a shop might have labeled."""


@dataclass(frozen=True)
class Table:
    """An export, and what a person who knows it would say of it."""

    name: str
    folder: str
    """Of the mirror."""
    industry: str | None
    row: Callable[[Record], Record | None]
    """A row of the mirror -> a row of the export; None: it has none."""
    answer: str
    shown: tuple[str, ...]
    """What the prompt must show, and nothing else."""
    group: str | None = None
    split: bool = False
    """Whether training and test stand in one file, told apart by a column; otherwise in train.csv and test.csv."""
    scorer: str = "label"
    most: int = 0
    """Training rows at most, the first ones (0: all)."""


def same_question(record: Record) -> Record:
    faq = {"customer_question": record["question_a"], "faq_question": record["question_b"]}
    return {"pair_id": record["pid"], **faq, "answered_by_faq": record["label"]}


def clause(record: Record) -> Record | None:
    if not record["evidence"]:
        return None
    read = {"clause": " ".join(record["evidence"]), "statement": record["hypothesis"]}
    return {"contract_id": f"NDA-{record['doc_id']}", **read, "finding": record["label"]}


def study(record: Record) -> Record:
    read = {"question": record["question"], "abstract": " ".join(record["contexts"]), "year": record["year"]}
    return {"pmid": record["pmid"], **read, "conclusion": record["long_answer"], "decision": record["final_decision"]}


def exam(record: Record) -> Record:
    letters = "ABCD"
    options = dict(zip(letters, record["choices"], strict=True))
    return {"id": record["id"], "question": record["question"], **options, "answer": letters[record["answer"]]}


def review(record: Record) -> Record:
    text = {"title": record["title"], "review": record["text"], "stars": record["rating"]}
    return {
        "review_id": record["id"],
        "product_id": record["clothing_id"],
        **text,
        "product_class": record["product_class"],
    }


TABLES = [
    Table("faq_match", "healthcare/mediqa2019_rqe", "healthcare", same_question, "answered_by_faq",
          ("customer_question", "faq_question"), group="customer_question"),
    Table("nda_review", "legal/contract_nli", "legal", clause, "finding", ("clause", "statement"),
          group="contract_id", split=True),
    Table("study_result", "healthcare/pubmedqa", "healthcare", study, "decision",
          ("abstract", "question")),
    Table("science_exam", "general/openbookqa", None, exam, "answer", ("question",), scorer="choice"),
    Table("garment_class", "retail/clothing_reviews", "retail", review, "product_class", ("title", "review"),
          group="product_id", split=True, most=MOST_REVIEWS),
]  # fmt: skip


def made_up_rows(side: str) -> Iterator[Record]:
    parts = ("the pump", "the lamp", "the door", "the fan")
    for number in range(120 if side == "train" else 60):
        one, other = parts[number % 4], parts[number // 2 % 4]
        told = {"pid": f"{side}{number}", "question_a": f"How do I repair {one} of room {number}?"}
        yield {
            **told,
            "question_b": f"What is done about {other} in all the rooms?",
            "label": "yes" if one == other else "no",
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(one.name for one in TABLES))
    parser.add_argument("--run", action="store_true", help="also run each recipe, as it comes")
    parser.add_argument("--minutes", type=float, help="with --run: `methods: auto` with so many minutes")
    parser.add_argument("--model", help="in place of the recipe's; `fake` checks the path and no figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where exports, recipes and runs stand; left out: nothing is kept")
    parser.add_argument("--quick", action="store_true", help="one made-up table, the fake model")
    parser.add_argument("--check", action="store_true", help="exit 1 where something was taken for another thing")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not os.environ.get("METIER_DATA") and not arguments.quick:
        sys.exit("METIER_DATA is not set. Name the folder of the data's mirror: METIER_DATA=DIR python bench/...")
    arguments.model = "fake" if arguments.quick else arguments.model
    tables = TABLES[:1] if arguments.quick else [it for it in TABLES if it.name in arguments.only or not arguments.only]
    with tempfile.TemporaryDirectory() as scratch:
        out = (arguments.out or Path(scratch)).absolute()
        rows = [walked(table, out, arguments) for table in tables]
    figures = {"rows": rows, "versions": {"metier": version("metier")}, "machine": runs.processor()}
    print(json.dumps(figures) if arguments.json else text(rows))
    if arguments.check and any(row["wrong"] for row in rows):
        raise SystemExit(1)


def walked(table: Table, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The path of one table, as far as it is asked for."""
    folder = out / "exports" / table.name
    export(table, folder, made_up_rows if arguments.quick else None)
    recipe = out / table.name / "recipe.yaml"
    changes = ["--set", f"model={arguments.model}"] if arguments.model else []
    row: dict[str, Any] = {"table": table.name, "data": table.folder, "wrong": []}
    if not recipe.exists():
        industry = ["--industry", table.industry] if table.industry else []
        code, said, row["new_s"] = metier(out, "new", table.name, "--from", str(folder), *industry, "--json")
        if code:
            return row | {"wrong": [f"new: {said}"]}
        row["questions"] = json.loads(said)["questions"]
    row |= found(recipe)
    row["wrong"] += differs(table, row)
    code, said, row["check_s"] = metier(out, "check", str(recipe), *changes, "--json")
    if code:
        return row | {"wrong": [*row["wrong"], f"check: {said}"]}
    row["minutes"] = json.loads(said)["minutes"]
    return row | judged(recipe, out, changes, arguments) if arguments.run else row


def export(table: Table, folder: Path, made_up: Callable[[str], Iterator[Record]] | None) -> None:
    """The rows as CSV: one file with a column that tells the sides apart, or a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    sides = {side: list(exported(table, side, made_up)) for side in ("train", "valid", "test")}
    if table.split:
        write(folder / "export.csv", [{**row, "split": side} for side, rows in sides.items() for row in rows])
    else:
        write(folder / "train.csv", [*sides["train"], *sides["valid"]])
        write(folder / "test.csv", sides["test"])


def exported(table: Table, side: str, made_up: Callable[[str], Iterator[Record]] | None) -> Iterator[Record]:
    records = made_up(side) if made_up else mirrored(table.folder, side)
    for number, record in enumerate(records):
        if side == "train" and table.most and number >= table.most:
            return
        if row := table.row(record):
            yield row


def mirrored(folder: str, side: str) -> Iterator[Record]:
    stem = Path(os.environ["METIER_DATA"]) / folder / {"valid": "dev"}.get(side, side)
    for path, reader in ((stem.with_suffix(".jsonl"), open), (stem.with_suffix(".jsonl.gz"), gzip.open)):
        if path.is_file():
            with reader(path, "rt", encoding="utf-8") as file:
                yield from map(json.loads, file)


def write(path: Path, rows: list[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def metier(folder: Path, *words: str) -> tuple[int, str, float]:
    """(exit code, what was printed, seconds) of the command line, called in `folder`."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "metier", *words], cwd=folder, capture_output=True, text=True)
    said = done.stdout if done.returncode in (0, 2) else done.stderr[-2000:]
    return done.returncode, said, round(time.monotonic() - started, 1)


def found(recipe: Path) -> dict[str, Any]:
    """What the recipe says of the table."""
    written = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    own, (benchmark, *_) = written["datasets"][0], written.get("benchmarks") or [{}]
    scorer = benchmark.get("scorer", "label")
    sides = {part: recipe.with_name(f"{part}.jsonl") for part in ("train", "test")}
    return {
        "shown": shown(benchmark.get("prompt", ""), own.get("text")),
        "answer": own.get("label"),
        "group": own.get("group"),
        "prompt": benchmark.get("prompt", ""),
        "scorer": scorer if isinstance(scorer, str) else next(iter(scorer)),
        **{side: path.read_bytes().count(b"\n") for side, path in sides.items() if path.is_file()},
    }


def differs(table: Table, row: dict[str, Any]) -> list[str]:
    """What a person who knows the table would have said otherwise."""
    wanted = {"shown": list(table.shown), "answer": table.answer, "group": table.group, "scorer": table.scorer}
    return [f"{key}: {row[key]} for {value}" for key, value in wanted.items() if row[key] != value]


def shown(prompt: str, text: str | None) -> list[str]:
    """The columns that a prompt shows, in its order."""
    return [str(text) if name == "text" else name for name in re.findall(r"\{(\w+)\}", prompt)]


def judged(recipe: Path, out: Path, changes: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """The run's verdict in figures."""
    folder = out / "runs" / recipe.parent.name
    if arguments.minutes:
        changes = [*changes, "--set", f"methods=[{{auto: {{minutes: {arguments.minutes:g}}}}}]"]
    command = ["run", str(recipe), *changes, "--set", f"seed={arguments.seed}", "--out", str(folder), "--json"]
    code, said, seconds = metier(out, *command)
    verdict = read_verdict(folder) if code in (0, 2) else None
    if verdict is None:
        return {"wrong": [f"run ({code}): {said}"]}
    judged = verdict.benchmarks[0]
    gain = judged.gain_over_baseline
    return {
        "metric": judged.metric,
        "n": judged.n,
        "base": judged.base.value,
        "tuned": judged.tuned.value,
        "baseline": judged.baseline and judged.baseline.value,
        "gain": gain and gain.model_dump(),
        "verdict": verdict.decision,
        "headline": verdict.headline,
        "run_minutes": round(seconds / 60, 1),
    }


def text(rows: list[dict[str, Any]]) -> str:
    """Tables in Markdown."""
    lines = ["| table | train | test | shown | answer | group | scorer | check, s | estimated, min | differs |"]
    lines.append("|---" * 10 + "|")
    for row in rows:
        keys = ("answer", "group", "scorer", "check_s", "minutes")
        cells = [
            row["table"],
            *(f"{row.get(side, 0):,}" for side in ("train", "test")),
            ", ".join(row.get("shown", [])),
        ]
        cells += ["" if row.get(key) is None else str(row[key]) for key in keys]
        lines.append("| " + " | ".join([*cells, "; ".join(row["wrong"])]) + " |")
    return "\n".join([*lines, *run_lines(rows)])


def run_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table of the runs; none where nothing was run."""
    ran = [row for row in rows if "metric" in row]
    lines = ["", "| table | metric | questions | candidate | TF-IDF | over it, 95 % interval | p | verdict | minutes |"]
    lines.append("|---" * 9 + "|")
    for row in ran:
        gain, baseline = row["gain"], "" if row["baseline"] is None else f"{row['baseline']:.3f}"
        interval = f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})" if gain else ""
        cells = [row["table"], row["metric"], f"{row['n']:,}", f"{row['tuned']:.3f}", baseline, interval]
        cells += [say_p(gain["p"]) if gain else "", row["verdict"], f"{row['run_minutes']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines if ran else []


if __name__ == "__main__":
    main()
