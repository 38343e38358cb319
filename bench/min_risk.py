"""Does minimum-risk training make mistakes cheaper than a threshold does? unfair_tos, a missed unfair term costs 10.

For each seed: sft; then min_risk behind it. Thresholds of the probability of `unfair` are chosen on dev rows, for the
sft model, for the min_risk model and for TF-IDF with logistic regression. Printed is the mean cost of a test answer;
the test is the paired bootstrap over sentences (nine services are too few to draw). Reads METIER_DATA. --check:
min_risk costs less than sft with its best threshold, p < 0.05.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from metier.data.records import questions
from metier.engine.models.model import load
from metier.evaluation import costs
from metier.evaluation.answers import read_answers
from metier.evaluation.baselines import tfidf
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.comparison import mean_gain
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.experiments.seeds import evaluated, opened
from metier.recipes import plugins
from metier.recipes.schema import Recipe
from metier.runs.progress import Progress
from metier.runs.run import Run

MISS, ALARM = 10.0, 1.0
PRICES = {"miss_unfair": MISS, "false_unfair": ALARM}
LABELS = ["fair", "unfair"]
SFT = {
    "lr": 1.0e-3,
    "epochs": 1,
    "batch_tokens": 2048,
    "target_modules": "q_proj,v_proj,o_proj,down_proj",
    "class_balance": 0.5,
}
RISK = {"lr": 3.0e-4, "epochs": 1, "batch_tokens": 2048, "target_modules": SFT["target_modules"], "costs": PRICES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few made-up rows on the fake model")
    parser.add_argument("--check", action="store_true", help="exit 1 where min_risk is not shown to be cheaper")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a folder for the runs, with which a killed call goes on")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        shape = (
            quick_recipe(out) if arguments.quick else {"model": "smollm2-135m", "datasets": ["unfair_tos", "general"]}
        )
        figures = compare(shape, out, 1 if arguments.quick else arguments.seeds)
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and not (figures["gain"]["value"] > 0 and figures["p"] < 0.05):
        sys.exit(1)


def compare(shape: dict[str, Any], out: Path, seeds: int) -> dict[str, Any]:
    """Mean costs of all ways of deciding, and min_risk against sft, each with its best threshold on dev."""
    metric = plugins.build("metrics", "expected_cost", {"costs": PRICES})
    given: dict[str, list[list[Prediction]]] = {}
    for seed in range(seeds):
        for way, answers in one_seed(shape, out, seed).items():
            given.setdefault(way, []).append(answers)
    tables = {way: [as_predictions(answers, LABELS) for answers in several] for way, several in given.items()}
    cost = {way: [float(metric.value(metric.statistics(t).sum(0))) for t in several] for way, several in tables.items()}
    judged = mean_gain(metric, tables["sft, dev threshold"], tables["min_risk, dev threshold"], 0)
    plain = mean_gain(metric, tables["sft, dev threshold"], tables["min_risk"], 0)
    versions = {name: version(name) for name in ("metier", "torch", "transformers", "peft")}
    return {
        "costs": cost,
        **asdict(judged),
        "without_threshold": asdict(plain),
        "seeds": seeds,
        "versions": versions,
        "machine": cpu(),
    }


def one_seed(shape: dict[str, Any], out: Path, seed: int) -> dict[str, list[Prediction]]:
    """Way of deciding -> test answers."""
    benchmark = shape.pop("benchmark", None) or "unfair_tos"
    shape["benchmark"] = benchmark
    recipe = Recipe(
        industry="legal",
        model=shape["model"],
        datasets=shape["datasets"],
        steps=["normalize", "dedup", "decontaminate", {"split": {"by": "group"}}],
        methods=[{"sft": SFT}],
        benchmarks=[benchmark],
        seed=seed,
    )
    progress = Progress()
    sft = evaluated(out / f"sft-{seed}", recipe, progress, None)
    second = out / f"min_risk-{seed}"
    chained = recipe.model_copy(update={"methods": [{"sft": SFT}, {"min_risk": RISK}]})
    if not second.exists():  # the first method is the same: it is taken over, and believed by its seal
        opened(second, chained, progress)
        for part in ("curate", "train/01-sft"):
            shutil.copytree(sft.folder / part, second / part)
            shutil.copy(sft.folder / f"{part}.done.json", second / f"{part}.done.json")
    risk = evaluated(second, chained, progress, sft)
    (named,) = recipe.build_benchmarks()
    found = {"always fair": [decided(a, "fair") for a in read_answers(sft, "base", named.name)]}
    for way, run in (("sft", sft), ("min_risk", risk)):
        test, dev = read_answers(run, "tuned", named.name), dev_answers(run, named)
        found |= {way: test, f"{way}, dev threshold": by_threshold(test, dev)}
    train, held = (sft.table("curate", f"{side}.parquet") for side in ("train", "valid"))
    known = questions(train)
    asked = [*questions(held), *named.questions()]
    baseline = tfidf.learn(known, named.prompt, LABELS, seed).answer(asked)
    cut = len(asked) - len(found["sft"])
    return found | {"TF-IDF, dev threshold": by_threshold(baseline[cut:], baseline[:cut])}


def dev_answers(run: Run, benchmark: Benchmark) -> list[Prediction]:
    """The run's tuned model on its held-out rows."""
    model = load(run.recipe.model, run.folder / run.result("train")["adapter"], run.progress.say)
    held = questions(run.table("curate", "valid.parquet"))
    asking = benchmark.build_scorer().ask(model, benchmark, held, LABELS)
    return [answer for batch in asking.batches for answer in asking.answer(batch)]


def by_threshold(test: list[Prediction], dev: list[Prediction]) -> list[Prediction]:
    """The test answers again, `unfair` from the probability on that is cheapest on dev."""
    at = LABELS.index("unfair")
    probability = np.array([answer.probabilities[at] for answer in dev if answer.probabilities])
    threshold = costs.best_threshold(probability, np.array([a.gold == "unfair" for a in dev]), MISS, ALARM)
    return [decided(a, "unfair" if (a.probabilities or (1.0, 0.0))[at] >= threshold else "fair") for a in test]


def decided(answer: Prediction, label: str) -> Prediction:
    return replace(answer, answer=label, value=float(answer.gold == label))


def quick_recipe(out: Path) -> dict[str, Any]:
    """Made-up terms of service, so that the path can be walked without data."""
    kinds = {
        "unfair": ("we may end it any day", "we owe you nothing"),
        "fair": ("you can write to us", "this is a page"),
    }
    for name, count in (("train", 60), ("test", 30)):
        rows = [
            {"text": f"{kinds[label][n % 2]} {name[0]}{n}", "label": label, "service": f"{name}{n % 10}"}
            for n in range(count)
            for label in LABELS
        ]
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = {
        "path": str(out / "train.jsonl"),
        "text": "text",
        "label": "label",
        "license": "Apache-2.0",
        "group": "service",
    }
    asked = {"name": "terms", "path": str(out / "test.jsonl"), "prompt": "{text}\nIs it:", "cluster": "service"}
    return {"model": "fake", "datasets": [own], "benchmark": {**asked, "labels": LABELS}}


def text(figures: dict[str, Any]) -> str:
    lines = [f"{'mean cost of an answer':<28}mean    by seed"]
    for way, values in sorted(figures["costs"].items(), key=lambda item: -float(np.mean(item[1]))):
        lines.append(f"{way:<28}{np.mean(values):.4f}  {' '.join(f'{value:.4f}' for value in values)}")
    for name, found in (("with its own dev threshold", figures), ("as it answers", figures["without_threshold"])):
        gain = found["gain"]
        lines.append(
            f"min_risk {name} against sft with its best threshold: cheaper by {gain['value']:.4f} "
            f"(95 % interval {gain['low']:.4f} to {gain['high']:.4f}), p = {found['p']:.3f}"
        )
    return "\n".join([*lines, f"{figures['seeds']} seeds; {figures['versions']}; {figures['machine']}"])


def cpu() -> str:
    return os.environ.get("PROCESSOR", "") or platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
