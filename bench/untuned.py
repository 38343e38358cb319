"""The table of docs/results.md for data that nobody tuned for: each recipe has `methods: auto` and nothing else.

Seed 0 searches within a budget of minutes; further seeds train with the settings that it chose. Reads METIER_DATA. Goes
on where it stopped, and writes docs/untuned.json and the table anew after every run. No setting is chosen on a test.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from results import made_up  # beside this file

from metier.evaluation import stats
from metier.evaluation.reasons import say_p
from metier.experiments.seeds import decided, evaluated
from metier.recipes import schema as recipes
from metier.recipes.schema import Recipe
from metier.runs import lock
from metier.runs.files import write_json, write_text
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.report import report

ROOT = Path(__file__).parent.parent
PAGE, FIGURES, TUNED_BY_HAND = (ROOT / "docs" / name for name in ("results.md", "untuned.json", "results.json"))
BEGIN, END = "<!-- the table: bench/untuned.py -->", "<!-- the end of the table: bench/untuned.py -->"
HEAD = (
    "| data | metric | questions | TF-IDF | by hand | model alone | judged | what was judged | over TF-IDF, 95 % "
    "interval | p | Holm p | verdict | school questions right, before and after | minutes |\n" + "|---" * 14 + "|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="recipes by name; left out: all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=25, help="of the search")
    parser.add_argument("--out", type=Path, default=Path("runs/untuned"), help="where the runs stand")
    parser.add_argument("--quick", action="store_true", help="one made-up benchmark on the fake model, no page")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        with tempfile.TemporaryDirectory() as scratch:
            recipe = untuned(made_up(Path(scratch)), 0.1)
            figures = table([row("colors", runs_of(recipe, 1, Path(scratch) / "out", None))])
            print(json.dumps(figures) if arguments.json else markdown(figures))
        return
    known = {path.stem: recipes.load(path) for path in sorted((ROOT / "recipes").glob("*.yaml"))}
    first: Run | None = None  # its base model answered the school questions for all
    for name in arguments.only or known:
        recipe = untuned(known[name], arguments.minutes)
        recipe = recipe.model_copy(update={"retention": {**recipe.retention, "arc_easy": "monitor"}})
        runs = runs_of(recipe, arguments.seeds, arguments.out / name, first)
        first = first or runs[0]
        figures = write_page(row(name, runs))
    print(json.dumps(figures) if arguments.json else markdown(figures))


def untuned(recipe: Recipe, minutes: float) -> Recipe:
    """The recipe without the settings that were found for it."""
    return recipe.model_copy(update={"methods": [{"auto": {"minutes": minutes}}]})


def runs_of(recipe: Recipe, seeds: int, out: Path, same_base: Run | None) -> list[Run]:
    """The search with the recipe's seed, then its settings with the next seeds; each with its verdict."""
    runs: list[Run] = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        mine = recipe if not runs else recipes.load(runs[0].folder / "recipe.chosen.yaml")
        run = evaluated(out / f"seed-{seed}", mine.model_copy(update={"seed": seed}), Progress(), same_base)
        with lock.run_lock(run.folder):
            report(run)
        runs.append(run)
        same_base = runs[0]
    return runs


def row(name: str, runs: list[Run]) -> dict[str, Any]:
    """One recipe over its seeds."""
    verdicts = [json.loads((run.folder / "verdict.json").read_text(encoding="utf-8")) for run in runs]
    entries = [verdict["benchmarks"][0] for verdict in verdicts]
    by_all = decided(runs, runs[0].recipe)
    figures = by_all.benchmarks[0]
    school = [kept for verdict in verdicts for kept in verdict["retention"] if kept["name"] == "arc_easy"]
    return {
        "recipe": name,
        "metric": figures.metric,
        "n": figures.n,
        "baseline": figures.baseline.value if figures.baseline else None,
        "alone": [(entry["alone"] or entry["tuned"])["value"] for entry in entries],
        "judged": [entry["tuned"]["value"] for entry in entries],
        "candidates": [entry["candidate"] for entry in entries],
        "gain_over_baseline": figures.gain_over_baseline.to_json() if figures.gain_over_baseline else None,
        "decision": by_all.decision,
        "decisions": [verdict["decision"] for verdict in verdicts],
        "school": {"base": school[0]["base"], "tuned": [kept["tuned"] for kept in school]} if school else None,
        "kept": [{one["name"]: one["change"]["value"] for one in verdict["retention"]} for verdict in verdicts],
        "minutes": [round(sum(verdict["seconds"].values()) / 60, 1) for verdict in verdicts],
        "chosen": recipes.load(runs[0].folder / "recipe.chosen.yaml").methods[-1],
    }


def table(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """All rows, with Holm's correction over their tests against the baseline."""
    ordered = sorted(rows, key=lambda one: one["recipe"])
    tested = [one["gain_over_baseline"] for one in ordered if one["gain_over_baseline"]]
    for over, p in zip(tested, stats.holm([over["p"] for over in tested]), strict=True):
        over["p_holm"] = p
    return {"rows": ordered}


def write_page(new: dict[str, Any]) -> dict[str, Any]:
    """docs/untuned.json with a new row, and the table between the marks of docs/results.md."""
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"] if FIGURES.is_file() else []
    figures = table([*(one for one in rows if one["recipe"] != new["recipe"]), new])
    write_json(FIGURES, figures)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    write_text(PAGE, before + BEGIN + "\n" + markdown(figures) + "\n" + END + rest.split(END)[1])
    return figures


def markdown(figures: dict[str, Any]) -> str:
    by_hand = {one["recipe"]: one["tuned"]["value"] for one in json.loads(TUNED_BY_HAND.read_bytes())["rows"]}
    return "\n".join([HEAD, *(_line(one, by_hand.get(one["recipe"])) for one in figures["rows"])])


def _line(one: dict[str, Any], by_hand: float | None) -> str:
    over, school = one["gain_over_baseline"], one["school"]
    weights = [found["weight"] for found in map(_weight, one["candidates"])]
    cells = [
        one["recipe"],
        one["metric"],
        f"{one['n']:,}",
        "" if one["baseline"] is None else f"{one['baseline']:.3f}",
        "" if by_hand is None else f"{by_hand:.3f}",
        _values(one["alone"]),
        f"**{_values(one['judged'])}**",
        ", ".join("model" if weight is None else f"mixed, {weight:.2f}" for weight in weights),
        f"{over['value']:+.3f} ({over['low']:+.3f} to {over['high']:+.3f})" if over else "",
        say_p(over["p"]).removeprefix("p = ").removeprefix("p ") if over else "",
        say_p(over["p_holm"]).removeprefix("p = ").removeprefix("p ") if over else "",
        one["decision"] if len(set(one["decisions"])) == 1 else f"{one['decision']} ({', '.join(one['decisions'])})",
        f"{school['base']:.3f}, {np.mean(school['tuned']):.3f}" if school else "",
        ", ".join(f"{minutes:.0f}" for minutes in one["minutes"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _weight(candidate: dict[str, Any]) -> dict[str, float | None]:
    powers = candidate["model_power"] + candidate["baseline_power"]
    return {"weight": candidate["baseline_power"] / powers if candidate["baseline"] and powers else None}


def _values(values: list[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({', '.join(f'{value:.3f}' for value in values)})"


if __name__ == "__main__":
    main()
