"""Six runs, one for each face of a verdict, and their pages as pictures: at 1280 and 390 pixels, checked by axe-core.

METIER_DATA names the mirror with the data. WORK keeps the runs, which go on where they stopped: about an hour in all on
two cores. A bank's desk is 30 intents of banking77's training rows, brought in by `metier new`. --check: exit 1 where a
run has another face, or a page breaks a rule of axe-core, scrolls sideways or has a summary of more than two sheets.
"""

import argparse
import csv
import gzip
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from metier.recipes import strict_yaml  # noqa: E402
from metier.runs.run import processor  # noqa: E402
from tests import axe  # noqa: E402
from tests.browser import Browser  # noqa: E402

INTENTS, ROWS = 30, 120
FOUR = "q_proj,v_proj,o_proj,down_proj"
HEIGHTS = {1280: 1100, 390: 1500}
"""Pixels of each picture: page one and the beginning of what is below it."""
MOST_SHEETS = 2
"""Of A4, of the summary alone."""
PUBLISHED: dict[str, dict[str, Any]] = {
    "ship": {
        "industry": "retail",
        "datasets": ["epqa_pairs"],
        "steps": ["normalize", "dedup", "decontaminate", "split", {"select": {"rows": 1000}}],
        "methods": [
            {"dpo": {"reference": "none", "length_normalize": True, "beta": 5, "lr": 5e-4, "batch_tokens": 2048}}
        ],
        "benchmarks": ["epqa_preference"],
        "retention": {},
    },
    "not-shown": {
        "industry": "finance",
        "datasets": ["fomc_stance", "general"],
        "steps": ["license", "normalize", "dedup", "decontaminate", "split"],
        "methods": [{"sft": {"lr": 1.5e-3, "epochs": 4, "batch_tokens": 512, "target_modules": FOUR}}],
        "benchmarks": ["fomc_stance"],
        "retention": {"general": 0.02},
    },
}
FACES = {
    "ship": "ship",
    "provisional": "provisional",
    "baseline-better": "baseline_better",
    "not-shown": "not_shown",
    "worse": "worse",
    "forgotten": "forgotten",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, metavar="WORK", help="the folder of the runs")
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures/faces"))
    parser.add_argument("--only", choices=FACES, action="append", help="these faces")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not os.environ.get("METIER_DATA"):
        sys.exit("METIER_DATA is not set. Name the folder of the data's mirror: METIER_DATA=DIR python bench/...")
    arguments.work.mkdir(parents=True, exist_ok=True)
    recipes = write_recipes(arguments.work)
    names = arguments.only or list(FACES)
    rows = {name: made(arguments.work, name, recipes[name]) for name in names}
    look(arguments.work, rows, arguments.pictures)
    made_with = {"versions": {"metier": version("metier"), "axe-core": axe.VERSION}, "machine": processor()}
    print(json.dumps({"faces": rows, **made_with}) if arguments.json else text(rows))
    if arguments.check and any(row["missed"] for row in rows.values()):
        raise SystemExit(1)


def write_recipes(work: Path) -> dict[str, Path | None]:
    """Face -> its recipe; None for that of the package, which a run without a recipe takes."""
    desk = work / "desk"
    if not desk.is_dir():
        write_messages(work / "messages")
        call("new", desk, "--from", work / "messages", "--industry", "finance")
    own = strict_yaml.load((desk / "recipe.yaml").read_text(encoding="utf-8"), "recipe.yaml")
    few = [*own["steps"][:-1], {"select": {"rows": 1600}}]
    full = {"tune": "full", "lr": 5e-4, "batch_tokens": 512}
    changed = {
        "forgotten": {"datasets": own["datasets"][:1], "steps": few, "methods": [{"sft": full}]},
        "worse": {
            "datasets": [{**own["datasets"][0], "task": own["benchmarks"][0]["name"]}, *own["datasets"][1:]],
            "steps": few,
            "methods": [{"sft": {"lr": 4e-3, "batch_tokens": 512}}],
            "benchmarks": [*own["benchmarks"], {"arc_easy": {"limit": 400}}],
            "retention": {"general": "monitor"},
        },
    }
    for name, settings in changed.items():
        (desk / f"{name}.yaml").write_text(json.dumps({**own, **settings}), encoding="utf-8")  # JSON is YAML
    for name, recipe in PUBLISHED.items():
        (work / f"{name}.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    published = {name: work / f"{name}.yaml" for name in PUBLISHED}
    return {
        "provisional": None,
        "baseline-better": desk / "recipe.yaml",
        **{name: desk / f"{name}.yaml" for name in changed},
        **published,
    }


def write_messages(folder: Path) -> None:
    """3,600 messages with 30 intents, as a bank might export them."""
    by_intent: dict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(
        Path(os.environ["METIER_DATA"]) / "finance/banking77/train.jsonl.gz", "rt", encoding="utf-8"
    ) as lines:
        for line in lines:
            row = json.loads(line)
            by_intent[row["label"]].append(row)
    common = [intent for intent in sorted(by_intent) if len(by_intent[intent]) >= ROWS]
    random.Random(1).shuffle(common)
    rows = [row for intent in sorted(common[:INTENTS]) for row in random.Random(2).sample(by_intent[intent], ROWS)]
    random.Random(3).shuffle(rows)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "messages.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", "intent"])
        writer.writerows([row["id"], row["text"], row["label"]] for row in rows)


def made(work: Path, name: str, recipe: Path | None) -> dict[str, Any]:
    """What a run came to."""
    call("run", *([recipe] if recipe else []), "--out", work / "runs" / name)
    verdict = json.loads((work / "runs" / name / "verdict.json").read_text(encoding="utf-8"))
    missed = [] if verdict["face"] == FACES[name] else [f"the face is {verdict['face']}"]
    return {"face": verdict["face"], "headline": verdict["headline"], "missed": missed}


def call(*words: Any) -> None:
    done = subprocess.run([sys.executable, "-m", "metier", *map(str, words)])
    if done.returncode not in (0, 2):  # 2: HOLD
        sys.exit(f"metier {' '.join(map(str, words))} ended with {done.returncode}")


def look(work: Path, rows: dict[str, dict[str, Any]], pictures: Path) -> None:
    """Open each page at both widths, write its pictures, and note what is wrong with it."""
    pictures.mkdir(parents=True, exist_ok=True)
    script = axe.source(work)
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(Path(home))
        for name, row in rows.items():
            page = work / "runs" / name / "report.html"
            for width, height in HEIGHTS.items():
                browser.open(page, width)
                row["missed"] += [f"{width}: {one}" for one in browser.complaints(page)]
                row["missed"] += [f"{width}: {one}" for one in axe.violations(browser, script)]
                browser.picture(pictures / f"{name}-{width}.png", height)
            browser.ask("document.querySelectorAll('main > .decision ~ *').forEach(below => below.remove())")
            row["sheets"] = browser.sheets()
            row["missed"] += [f"the summary has {row['sheets']} sheets"] if row["sheets"] > MOST_SHEETS else []
        browser.close()


def text(rows: dict[str, dict[str, Any]]) -> str:
    lines = [f"{name:<16} {row['face']:<16} {row['sheets']:>3} sheets  {row['headline']}" for name, row in rows.items()]
    lines += [f"{name}: {one}" for name, row in rows.items() for one in row["missed"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
