"""Are exported files as good as the run, and does llama.cpp write what we write?

    python bench/export.py RUN [--questions 100]

Exports a finished run as GGUF in f16, q8_0 and q4_0, asks each file the run's test questions, and holds the answers
against the saved ones as `metier verify-export` does. One more export is damaged (the first layer's weights are zero)
and must be lost. llama.cpp writes greedy answers to 100 prompts. Without RUN (`--quick`) a run of the model `fake` is
made. --check exits with 1 where q8_0 is not kept, the damaged one is not lost, or llama.cpp writes something else
behind more than 5 of 100 prompts.
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.api import run as make_run
from metier.engine.models.gguf import llamacpp
from metier.evaluation.answers import TUNED, read_answers
from metier.evaluation.samples import open_samples
from metier.export.artifact import find_artifact, open_artifact
from metier.export.export import export
from metier.export.greedy_check import greedy_check
from metier.export.verify_export import Verified, compare_answers
from metier.runs import run as runs
from metier.runs.lock import read_lock
from metier.runs.progress import Progress
from metier.runs.run import Run, saved_run
from metier.serving.predictor import Predictor

QUANTIZATIONS = ("f16", "q8_0", "q4_0")
SAME_TEXTS = 0.95
WORDS = {"skin": ("itch", "rash"), "lung": ("cough", "fever")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--questions", type=int, default=0, help="ask only the first so many (0: all)")
    parser.add_argument("--quick", action="store_true", help="a run of the model fake, made on the spot")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.run and not arguments.quick:
        parser.error("name a finished run, or --quick")
    with tempfile.TemporaryDirectory() as home:
        folder = arguments.run or fake_run(Path(home))
        with read_lock(folder) if arguments.run else nullcontext():
            figures = measure(saved_run(folder, Progress()), Path(home), arguments.questions)
    made_with = {name: version(name) for name in ("metier", "gguf", "torch", "transformers")}
    figures |= {"versions": made_with, "machine": runs.processor()}
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and (missed := misses(figures)):
        sys.exit(f"Missed: {', '.join(missed)}")


def measure(run: Run, home: Path, questions: int) -> dict[str, Any]:
    """A row for each artifact, and what llama.cpp wrote for the file in float16."""
    rows, greedy = [], None
    for quantization in QUANTIZATIONS:
        began = time.monotonic()
        export(run, "gguf", home / quantization, anyway=True, quantization=quantization)
        wrote = time.monotonic() - began
        (file,) = (home / quantization).glob("*.gguf")
        rows.append(row(run, quantization, file, questions) | {"mb": file.stat().st_size / 1e6, "export_s": wrote})
        if quantization == "f16" and llamacpp.is_installed():
            greedy = asked_llama_cpp(run, file)
    export(run, "merged", home / "damaged", anyway=True)
    damage(home / "damaged")
    rows.append(row(run, "damaged", home / "damaged", questions))
    return {"rows": rows, "greedy": greedy}


def row(run: Run, name: str, path: Path, questions: int) -> dict[str, Any]:
    """An artifact on the first of the run's questions."""
    began = time.monotonic()
    found = verified(run, path, questions)
    return {
        "artifact": name,
        "state": found.state,
        "n": found.n,
        "same_answers": found.same_answers,
        "run": found.run,
        "value": found.artifact,
        "worse": found.change,
        "margin": found.margin,
        "verify_s": time.monotonic() - began,
    }


def verified(run: Run, path: Path, questions: int) -> Verified:
    """As `verify_export` does it, on as many questions as are asked for."""
    benchmark = open_samples(run).benchmarks[0]
    saved = read_answers(run, TUNED, benchmark.name)
    if questions and benchmark.samples:
        benchmark = replace(benchmark, samples=replace(benchmark.samples, questions=benchmark.questions()[:questions]))
        saved = saved[:questions]
    with open_artifact(run, find_artifact(path)) as artifact:
        given = Predictor(benchmark, artifact.load(), benchmark.label_set()).answer(benchmark.questions())
    return compare_answers(benchmark, saved, given, run.recipe.export.margin, run.recipe.seed)


def asked_llama_cpp(run: Run, file: Path) -> dict[str, Any]:
    """llama.cpp and our loader behind the same prompts."""
    with open_artifact(run, find_artifact(file)) as artifact:
        found = greedy_check(open_samples(run).benchmarks[0], artifact.load(exact=True), file)
    if found is None:
        sys.exit("Every prompt fills the model's context: there is nothing to ask llama.cpp.")
    return {"n": found.n, "same_texts": found.same_texts, "same_tokens": found.same_tokens}


def damage(folder: Path) -> None:
    """Set the first layer's weights to zero."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if ".layers.0." in name:
            weight.zero_()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def misses(figures: dict[str, Any]) -> list[str]:
    """What does not hold."""
    states = {row["artifact"]: row["state"] for row in figures["rows"]}
    missed = [f"q8_0 is {states['q8_0']}"] if states["q8_0"] != "kept" else []
    missed += [f"the damaged one is {states['damaged']}"] if states["damaged"] != "lost" else []
    greedy = figures["greedy"]
    missed += [f"llama.cpp: {greedy}"] if greedy is None or greedy["same_texts"] < SAME_TEXTS else []
    return missed


def text(figures: dict[str, Any]) -> str:
    lines = ["artifact  state         n      same     run    here   worse by (95 % CI)            MB"]
    for one in figures["rows"]:
        value, low, high = one["worse"]
        lines.append(
            f"{one['artifact']:<9} {one['state']:<13} {one['n']:<6,} {100 * one['same_answers']:5.1f} %  "
            f"{one['run']:.3f}  {one['value']:.3f}  {value:+.4f} ({low:+.4f} to {high:+.4f})  {one.get('mb', 0):6.0f}"
        )
    if greedy := figures["greedy"]:
        lines.append(
            f"llama.cpp, f16: the same text behind {100 * greedy['same_texts']:.0f} % of {greedy['n']} prompts, "
            f"the same tokens of {100 * greedy['same_tokens']:.0f} %"
        )
    return "\n".join([*lines, f"margin {figures['rows'][0]['margin']:g}; {figures['versions']}; {figures['machine']}"])


def fake_run(home: Path) -> Path:
    """A run of the model `fake` on two wards, told apart by a word."""
    for name, numbers in (("train", range(40)), ("test", range(100, 120))):
        rows = [f"{' '.join(words)} {number},{label}\n" for number in numbers for label, words in WORDS.items()]
        (home / f"{name}.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    recipe = {
        "model": "fake",
        "datasets": [{"path": str(home / "train.csv"), "text": "text", "label": "label", "license": "proprietary"}],
        "steps": ["normalize", "split"],
        "methods": [{"sft": {"lr": 0.01, "epochs": 3}}],
        "benchmarks": [{"name": "desk", "path": str(home / "test.csv"), "prompt": "{text}\nDesk:"}],
        "retention": {},
    }
    return make_run(recipe, home / "run").folder


if __name__ == "__main__":
    main()
