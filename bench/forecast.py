"""Is a forecast any good? Held against what happened, dataset by dataset, over the recipes in recipes/.

TF-IDF's curve is measured at sizes of at most 40 % of the rows and forecasts the figure of all of them on the test.
Beside it stands the last point of the curve: nothing changes from there on. Then the chance of SHIP, from that curve
and from what tuned models gained on all other datasets of docs/results.json, beside what the trainings on that page
ended in; and beside two forecasts that look at nothing: always SHIP, and the share of SHIP on the other datasets.

METIER_DATA names the mirror with the data. --out keeps each dataset's figures, so that a stopped call goes on there.
--check: exit 1 where the forecast is no better than what it is compared with.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from metier.data.records import questions as read_questions
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.draw import draw
from metier.evaluation.predictions import as_predictions
from metier.experiments.dry_run import Asked
from metier.experiments.known_gains import gain_over_baseline, known_gains, of_other_data
from metier.experiments.learning_curves import fit
from metier.experiments.measured_curves import Material, baseline_points, curve_of
from metier.experiments.power import Design, Spread, fast_baseline
from metier.experiments.ship_chance import PlannedTest, Rule, outlook
from metier.recipes import schema as recipes
from metier.recipes.schema import Recipe
from metier.runs import run as runs
from metier.runs.files import write_text

ROOT = Path(__file__).parent.parent
PART = 0.4
MOST_LEARNED, MOST_HELD_OUT, MOST_ASKED, SIZES = 2_000, 500, 500, 6
"""Bounds that keep a dataset at ten seconds of one core; `metier forecast` itself takes more of all."""
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="recipes by name; left out: all")
    parser.add_argument("--out", type=Path, help="a file that keeps what is finished (.jsonl)")
    parser.add_argument("--quick", action="store_true", help="two made-up datasets")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.quick:
            known = {name: made_up(Path(scratch), name, noise) for name, noise in (("easy", 0.1), ("hard", 0.4))}
        else:
            known = {path.stem: recipes.load(path) for path in sorted((ROOT / "recipes").glob("*.yaml"))}
        if unknown := set(arguments.only) - set(known):
            sys.exit(f"There is no recipe {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
        rows = measured({n: r for n, r in known.items() if not arguments.only or n in arguments.only}, arguments.out)
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}}
    figures = {"rows": rows, **summary(rows), "seconds": time.perf_counter() - started}
    figures |= {**made_with, "machine": runs.processor()}
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and not better(figures):
        sys.exit(1)


def measured(wanted: dict[str, Recipe], out: Path | None) -> list[dict[str, Any]]:
    lines = out.read_text(encoding="utf-8").splitlines() if out and out.is_file() else []
    done = {row["recipe"]: row for row in map(json.loads, lines)}
    for name, recipe in wanted.items():
        if name not in done:
            done[name] = {"recipe": name, **forecast_of(recipe)}
            print(json.dumps(done[name]), file=sys.stderr, flush=True)
            if out:
                write_text(out, "".join(json.dumps(row) + "\n" for row in done.values()))
    return [done[name] for name in wanted]


def forecast_of(recipe: Recipe) -> dict[str, Any]:
    """What was forecast of a recipe's first benchmark, and what came."""
    asked = Asked.of(recipe.model_copy(update={"retention": {}}))
    benchmark, questions = asked.tests[0]
    baseline = fast_baseline(benchmark)
    assert baseline, "every recipe there has one"
    material = Material.of(benchmark, asked.rows, SEED, asked.train, MOST_LEARNED, MOST_HELD_OUT)
    learned, labels = read_questions(material.learned), list(material.labels)
    points, _ = baseline_points(material, baseline, round(PART * len(learned)), SIZES)
    curve, variance = curve_of(material, points)
    fitted = fit(curve, variance, np.random.default_rng(SEED))
    everything = baseline.fit(BaselineContext(benchmark, learned, labels, material.metric, SEED))
    some = draw(questions, MOST_ASKED, f"{benchmark.name}:forecast")
    came = {
        who: figure(material, everything, rows) for who, rows in (("held_out", material.questions()), ("test", some))
    }
    spread = Spread.of(material.metric, points[-1][0].table, SEED)
    rule = Rule(recipe.ship.alpha / len(asked.by_name), recipe.ship.min_gain, recipe.opponents().allowed)
    test = PlannedTest(design(questions, rule.alpha), spread, rule)
    others = of_other_data(known_gains(), benchmark.name, benchmark.dataset_name)
    gain = gain_over_baseline(others)
    [on_some] = outlook((1,), len(learned), fitted, gain, replace(test, design=design(some, rule.alpha)), SEED)
    [on_all] = outlook((1,), asked.train, fitted, gain, test, SEED)
    outcome = next((one.ships for one in known_gains() if one.benchmark == benchmark.name), None)
    return {
        "benchmark": benchmark.name,
        "metric": material.title,
        "rows": [int(curve.sizes[-1]), len(learned), asked.train],
        "curve": {"rows": curve.sizes.tolist(), "values": curve.values.tolist(), "errors": curve.errors.tolist()},
        "last_point": float(curve.values[-1]),
        "forecast": on_some.baseline.to_json(),
        "came": came,
        "laws": fitted.weights,
        "p_ship": on_all.p_ship,
        "base_rate": float(np.mean([one.ships for one in others])),
        "ships": outcome,
    }


def figure(material: Material, fitted: Any, questions: Any) -> float:
    table = as_predictions(fitted.answer(questions), material.labels)
    return float(material.metric.value(material.metric.statistics(table).sum(0)))


def design(questions: Any, alpha: float) -> Design:
    return Design.of([question.group or question.id for question in questions], alpha)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean absolute errors, coverage, and Brier scores; the latter over the datasets whose outcome is known."""
    errors = {
        f"{who}_{where}": float(np.mean([abs(value(row) - row["came"][where]) for row in rows]))
        for who, value in (
            ("forecast", lambda row: row["forecast"]["value"]),
            ("last_point", lambda r: r["last_point"]),
        )
        for where in ("held_out", "test")
    }
    inside = [row["forecast"]["low"] <= row["came"]["test"] <= row["forecast"]["high"] for row in rows]
    known = [row for row in rows if row["ships"] is not None]
    brier = {
        "forecast": mean_brier(known, "p_ship"),
        "base_rate": mean_brier(known, "base_rate"),
        "always_ship": mean_brier([{**row, "always": 1.0} for row in known], "always"),
    }
    width = [row["forecast"]["high"] - row["forecast"]["low"] for row in rows]
    return {
        "error": errors,
        "closer": int(sum(closer(row) for row in rows)),
        "coverage": float(np.mean(inside)),
        "width": float(np.median(width)),
        "brier": brier,
        "decided": len(known),
    }


def closer(row: dict[str, Any]) -> bool:
    came = row["came"]["test"]
    return abs(row["forecast"]["value"] - came) < abs(row["last_point"] - came)


def mean_brier(rows: list[dict[str, Any]], key: str) -> float | None:
    """Of the trainings one by one: `ships` is the share of them that ended in SHIP."""
    each = [row["ships"] * (1 - row[key]) ** 2 + (1 - row["ships"]) * row[key] ** 2 for row in rows]
    return float(np.mean(each)) if each else None


def better(figures: dict[str, Any]) -> bool:
    error, brier = figures["error"], figures["brier"]
    ahead = error["forecast_test"] < error["last_point_test"]
    return ahead and (brier["forecast"] is None or brier["forecast"] < min(brier["base_rate"], brier["always_ship"]))


def text(figures: dict[str, Any]) -> str:
    """Tables in Markdown, as they stand in docs/forecast.md."""
    lines = [
        "| dataset | metric | rows: curve up to, all | last point | forecast (80 %) | on held-out rows | on the test | "
        "P(SHIP) | trainings that ended in SHIP |",
        "|" + "---|" * 9,
    ]
    for row in figures["rows"]:
        one, came, outcome = row["forecast"], row["came"], row["ships"]
        lines.append(
            f"| {row['recipe']} | {row['metric']} | {row['rows'][0]:,}, {row['rows'][1]:,} | {row['last_point']:.3f} | "
            f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f}) | {came['held_out']:.3f} | "
            f"{came['test']:.3f} | {row['p_ship']:.2f} | {'' if outcome is None else f'{outcome:.2f}'} |"
        )
    error, brier = figures["error"], figures["brier"]
    lines += [
        "",
        f"| over {len(figures['rows'])} datasets | forecast | last point |",
        "|---|---|---|",
        f"| mean absolute error on the test | {error['forecast_test']:.3f} | {error['last_point_test']:.3f} |",
        f"| mean absolute error on held-out rows | {error['forecast_held_out']:.3f} | "
        f"{error['last_point_held_out']:.3f} |",
        f"| closer to the test's figure | {figures['closer']} | {len(figures['rows']) - figures['closer']} |",
        f"| 80 % intervals that hold the test's figure | {figures['coverage']:.2f} | |",
    ]
    if brier["forecast"] is not None:
        lines += [
            "",
            f"| Brier score of P(SHIP), {figures['decided']} datasets | forecast | base rate | always SHIP |",
            "|---|---|---|---|",
            f"| | {brier['forecast']:.3f} | {brier['base_rate']:.3f} | {brier['always_ship']:.3f} |",
        ]
    return "\n".join([*lines, "", f"{figures['seconds']:.0f} s"])


def made_up(folder: Path, name: str, noise: float) -> Recipe:
    """Words of two kinds, some of them wrong."""
    generator = np.random.default_rng(1)
    for side, count in (("train", 240), ("test", 80)):
        rows = []
        for number in range(count):
            label = int(generator.random() < 0.5)
            word = generator.integers(60) * 2 + (label if generator.random() > noise else 1 - label)
            rows.append({"text": f"word{word} {side} {number}", "label": "ab"[label]})
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}-{side}.jsonl").write_text(lines, encoding="utf-8")
    dataset = {"path": str(folder / f"{name}-train.jsonl"), "text": "text", "label": "label", "license": "CC0-1.0"}
    asked = {"name": name, "path": str(folder / f"{name}-test.jsonl"), "prompt": "{text}\nKind:"}
    return Recipe(model="fake", datasets=[dataset], steps=["split"], methods=["sft"], benchmarks=[asked], retention={})


if __name__ == "__main__":
    main()
