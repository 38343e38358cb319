"""Few labels: 50, 100 and 200 rows of banking77 (its first ten intents) and of fomc_stance, with `methods: auto`.

Prints for each size what was judged beside TF-IDF on the same rows, and the minutes. `--check` fails where TF-IDF is
significantly better. Reads METIER_DATA; goes on where it stopped.
"""

import argparse
import gzip
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from metier.experiments.seeds import evaluated
from metier.recipes.schema import Recipe
from metier.runs import lock
from metier.runs.progress import Progress
from metier.stages.report import report

SIZES = (50, 100, 200)
TASKS: dict[str, dict[str, Any]] = {
    "banking77": {
        "folder": "finance/banking77",
        "prompt": "Customer message: {text}\nIntent:",
        "text": "text",
        "metrics": ["accuracy"],
        "labels": 10,
    },
    "fomc_stance": {
        "folder": "finance/fomc_stance",
        "prompt": "Sentence: {text}\nMonetary policy stance:",
        "text": "sentence",
        "metrics": ["weighted_f1"],
        "labels": 0,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/small"), help="where the rows and the runs stand")
    parser.add_argument("--quick", action="store_true", help="made-up rows and the fake model")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail where TF-IDF is significantly better")
    arguments = parser.parse_args()
    if arguments.quick:
        with tempfile.TemporaryDirectory() as scratch:
            rows = [_row(number) for number in range(400)]
            data = {"train": rows[:300], "test": rows[300:]}
            figures = [_measured("colors", data, 50, 0, 0.05, Path(scratch), "fake", TASKS["banking77"])]
    else:
        figures = [
            _measured(name, _read(TASKS[name]), size, seed, arguments.minutes, arguments.out, "smollm2-135m", task)
            for name, task in TASKS.items()
            if name in arguments.only
            for size in arguments.sizes
            for seed in range(arguments.seeds)
        ]
    print(json.dumps({"rows": figures}) if arguments.json else _markdown(figures))
    if arguments.check and (behind := [one for one in figures if one["over"]["high"] < 0]):
        named = [f"{one['name']} with {one['labels']} labels" for one in behind]
        sys.exit(f"TF-IDF is better: {', '.join(named)}")


def _read(task: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Its rows by split; of many labels the first in order."""
    folder = Path(os.environ["METIER_DATA"]) / task["folder"]
    found: dict[str, list[dict[str, Any]]] = {}
    for split in ("train", "test"):
        path = next(folder.glob(f"{split}.jsonl*"))
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as stream:
            found[split] = [json.loads(line) for line in stream]
    if task["labels"]:
        kept = sorted({row["label"] for row in found["train"]})[: task["labels"]]
        found = {split: [row for row in rows if row["label"] in kept] for split, rows in found.items()}
    return found


def _few(rows: list[dict[str, Any]], size: int, seed: int) -> list[dict[str, Any]]:
    """As many of each label as the next, drawn with the seed."""
    by_label: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in random.Random(seed).sample(rows, len(rows)):
        by_label[row["label"]].append(row)
    rounds = [row for several in zip(*by_label.values(), strict=False) for row in several]
    return rounds[:size]


def _measured(
    name: str,
    data: dict[str, list[dict[str, Any]]],
    size: int,
    seed: int,
    minutes: float,
    out: Path,
    model: str,
    task: dict[str, Any],
) -> dict[str, Any]:
    home = out / f"{name}-{size}-{seed}"
    home.mkdir(parents=True, exist_ok=True)
    for split, rows in (("train", _few(data["train"], size, seed)), ("test", data["test"])):
        lines = [json.dumps({"text": row[task["text"]], "label": row["label"]}) + "\n" for row in rows]
        (home / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    recipe = Recipe(
        model=model,
        datasets=[{"path": str(home / "train.jsonl"), "text": "text", "label": "label", "license": "MIT"}],
        steps=["normalize", "decontaminate", {"split": {"valid": 0.2}}],
        methods=[{"auto": {"minutes": minutes}}],
        benchmarks=[
            {"name": name, "path": str(home / "test.jsonl"), "prompt": task["prompt"], "metrics": task["metrics"]}
        ],
        retention={},
        seed=seed,
    )
    run = evaluated(home / "run", recipe, Progress(), None)
    with lock.run_lock(run.folder):
        verdict = report(run)
    [entry] = verdict.benchmarks
    over = entry.gain_over_baseline
    return {
        "name": name,
        "labels": size,
        "seed": seed,
        "n": entry.n,
        "tfidf": entry.baseline.value if entry.baseline else None,
        "alone": (entry.alone or entry.tuned).value,
        "judged": entry.tuned.value,
        "candidate": entry.candidate.named(),
        "over": {"value": over.value, "low": over.low, "high": over.high, "p": over.p} if over else None,
        "decision": verdict.decision,
        "minutes": round(sum(verdict.seconds.values()) / 60, 1),
    }


def _markdown(figures: list[dict[str, Any]]) -> str:
    lines = ["| data | labels | TF-IDF | model alone | judged | over TF-IDF, 95 % interval | verdict | minutes |"]
    lines.append("|---" * 8 + "|")
    for one in figures:
        over = one["over"]
        lines.append(
            f"| {one['name']} ({one['n']:,} questions) | {one['labels']} | {one['tfidf']:.3f} | {one['alone']:.3f} | "
            f"**{one['judged']:.3f}** | {over['value']:+.3f} ({over['low']:+.3f} to {over['high']:+.3f}) | "
            f"{one['decision']} | {one['minutes']} |"
        )
    return "\n".join(lines)


def _row(number: int) -> dict[str, Any]:
    word, label = (("cherry", "red"), ("lemon", "yellow"))[number % 2]
    return {"text": f"{word} {number}", "label": label}


if __name__ == "__main__":
    main()
