"""Label sets and options scored by lm-evaluation-harness itself and by us: same model, same items, alternating.

METIER_DATA names the mirror with the data. Each side runs in a process of its own, on the CPU; lm-eval with all its
defaults, its logits cache too, in an environment of its own, in batches of the size that is fastest for it. Timed is
the way from texts to log-likelihoods: tokenizing, forwarding and our gate; not imports, loading, and a first item.

The bound is the ratio of both sides' work: tokens through the body x 2 parameters + positions through the head x 2
hidden x vocabulary, padding included, attention's own products left out; "reached" is the wall ratio divided by it.

Thresholds of --check: wall ratios as below, the same tokens; in float32 also the same answer on 99.5 % of the items and
log-likelihoods within 1e-3. The gate costs the same for few items as for many: --quick may miss what 200 items reach.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

HARNESS = "0.4.13"
THRESHOLDS = {"cuad_clause_type": 15.0, "banking77": 8.0, "medqa_usmle": 3.5, "legalbench_rules": 5.0, "pubmedqa": 1.25}
SETTINGS: dict[str, dict[str, Any]] = {"legalbench_rules": {"num_fewshot": 5}}
SAME_ANSWER, DIFFERENCE = 0.995, 1e-3
BATCH_SIZES, FEW_BATCH_SIZES, TUNING_REQUESTS = (1, 4, 8, 16, 32), (8, 32), 64
TASK_AT_LEAST = 20  # items of a task, where solved examples of the task stand before each of them


def main() -> None:
    arguments = parsed()
    if arguments.work:
        side, file = arguments.work
        run = {"lm_eval": run_harness, "ours": run_ours, "tune": tune}[side]
        print(json.dumps(run(json.loads(Path(file).read_text()))))
        return
    if not os.environ.get("METIER_DATA"):
        sys.exit("METIER_DATA is not set. Name the folder of the data's mirror: METIER_DATA=DIR python bench/...")
    full = arguments.items, arguments.rounds, BATCH_SIZES
    items, rounds, sizes = (8, 1, FEW_BATCH_SIZES) if arguments.quick else full
    python = harness_python()
    figures: dict[str, Any] = {"dtype": arguments.dtype, "rounds": rounds, "benchmarks": {}, "missed": []}
    for name in arguments.only or THRESHOLDS:
        row = compared({"dtype": arguments.dtype, "sizes": sizes, **drawn(name, items)}, python, rounds)
        figures["benchmarks"][name] = row
        figures["missed"] += misses(name, row, arguments.dtype)
        print(text(name, row), file=sys.stderr if arguments.json else sys.stdout, flush=True)  # all may take hours
    figures["versions"] = {"lm_eval": HARNESS} | {name: version(name) for name in ("torch", "transformers")}
    figures["machine"] = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    closing = f"medians of {rounds} rounds, {arguments.dtype}; {figures['versions']}; {figures['machine']}"
    print(json.dumps(figures) if arguments.json else "\n".join([closing, *figures["missed"]]))
    if arguments.check and figures["missed"]:
        sys.exit(1)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="8 items and one round: the same shape in minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 where a threshold is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=200, help="of each benchmark, a seeded draw")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--only", action="append", choices=list(THRESHOLDS), metavar="NAME", help="may be repeated")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)  # a side and its file
    return parser.parse_args()


def harness_python() -> Path:
    """The interpreter of lm-eval's own environment, made on first use with the project's versions."""
    from metier.runs.cache import cache_folder

    place = cache_folder() / "bench" / f"lm-eval-{HARNESS}"
    python, done = place / "bin" / "python", place / "installed"
    if not done.is_file():
        print(f"Installing lm-eval {HARNESS} into {place}, once.", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        install = [
            python,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
            f"lm-eval[hf,api]=={HARNESS}",
        ]
        subprocess.run([*install, "-c", Path(__file__).parent.parent / "constraints.txt"], check=True)
        done.touch()
    return python


def drawn(name: str, items: int) -> dict[str, Any]:
    """The model's folder and the drawn items, as plain text for both sides: what is read, and what may follow."""
    from transformers import AutoTokenizer

    from metier.engine.models.weights import folder
    from metier.recipes import plugins

    benchmark = plugins.build("benchmarks", name, SETTINGS.get(name, {}))
    questions = whole_tasks(benchmark, items) if benchmark.fewshot_by else benchmark.questions(items)
    labels = benchmark.label_set() if benchmark.build_scorer().chooses else []
    model = folder("smollm2-135m")
    tokenizer, rows = AutoTokenizer.from_pretrained(model), []
    for question in questions:
        options = labels or list(question.options)
        tokens = sorted(tokenizer(" " + option, add_special_tokens=False)["input_ids"] for option in options)
        # As our scorers do: where one option begins with another, the end token belongs to the answer.
        begins = any(longer[: len(shorter)] == shorter for shorter, longer in pairwise(tokens))
        end = tokenizer.eos_token if begins else ""
        rows.append({"text": benchmark.render(question), "options": options, "end": end})
    return {"model": str(model), "items": rows}


def whole_tasks(benchmark: Any, items: int) -> list[Any]:
    """Tasks in a seeded order, each with all its questions as in a real run, until there are enough."""
    tasks: dict[str, list[Any]] = {}
    for question in benchmark.all_questions():
        tasks.setdefault(question.fields[benchmark.fewshot_by], []).append(question)
    large = sorted(task for task, questions in tasks.items() if len(questions) >= TASK_AT_LEAST)
    random.Random(f"metier:{benchmark.name}").shuffle(large)
    found: list[Any] = []
    while large and len(found) < items:
        found += tasks[large.pop()]
    return found


def compared(work: dict[str, Any], python: Path, rounds: int) -> dict[str, Any]:
    """All figures of one benchmark: both sides alternate, and take turns in being first."""
    tuned = one_process("tune", work, python)["wall_s"]
    work |= {"batch_size": int(min(tuned, key=tuned.get))}
    runs: dict[str, list[dict]] = {"lm_eval": [], "ours": []}
    for number in range(rounds):
        for side in list(runs)[:: -1 if number % 2 else 1]:
            runs[side].append(one_process(side, work, python))
    theirs, ours = (of_side[0] for of_side in runs.values())
    if theirs["setup"] != ours["setup"]:
        raise RuntimeError(f"lm-eval runs with {theirs['setup']}, ours with {ours['setup']}: no fair comparison")
    numbers = [key for key, value in theirs.items() if isinstance(value, float)]
    sides = {side: {key: statistics.median(run[key] for run in runs[side]) for key in numbers} for side in runs}
    wall, cpu, bound = (sides["lm_eval"][key] / sides["ours"][key] for key in ("wall_s", "cpu_s", "flop"))
    pairs = list(zip(theirs["scores"], ours["scores"], strict=True))
    return {
        "items": len(work["items"]),
        "batch_size": work["batch_size"],
        "tuning_wall_s": tuned,
        "setup": ours["setup"],
        "sides": sides,
        "ratio": {"wall": wall, "cpu": cpu, "bound": bound, "reached": wall / bound},
        "same_tokens": theirs["tokens"] == ours["tokens"],
        "same_answer": statistics.mean(a.index(max(a)) == b.index(max(b)) for a, b in pairs),
        "largest_difference": max(abs(x - y) for a, b in pairs for x, y in zip(a, b, strict=True)),
        "warnings": ours["warnings"],
        "ready_s": statistics.median(run["ready_s"] for run in runs["ours"]),
    }


def one_process(side: str, work: dict[str, Any], python: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "work.json"
        file.write_text(json.dumps(work))
        command = [sys.executable if side == "ours" else python, __file__, "--work", side, file]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{side} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run_ours(work: dict[str, Any]) -> dict[str, Any]:
    import torch

    from metier.data.records import Question
    from metier.engine.models.model import load
    from metier.evaluation.benchmark import Benchmark
    from metier.evaluation.scorers.choice import Scorer

    warnings: list[str] = []
    model = load(work["model"], warn=warnings.append, dtype=getattr(torch, work["dtype"]))
    questions = [Question(str(n), item["text"], "", tuple(item["options"])) for n, item in enumerate(work["items"])]

    def score(questions: list[Question]) -> tuple[list[list[float]], Any, float]:
        started = time.perf_counter()
        asking: Any = Scorer().ask(model, Benchmark("bench", prompt="{text}"), questions, []).scores
        ready = time.perf_counter() - started  # texts are tokens, trees are grown, the gate is passed
        found = {p: row.tolist() for batch in asking.batches for p, row in zip(batch, asking.score(batch), strict=True)}
        return [found[position] for position in range(len(questions))], asking, ready

    score(questions[:1])
    (scores, asking, ready), figures = timed(lambda: score(questions), model.network)
    contexts = [asking.prefix + suffix for suffix in asking.suffixes]
    pairs = [(c, o) for c, offered in zip(contexts, asking.options, strict=True) for o in offered.options]
    return figures | {"scores": scores, "tokens": digest(pairs), "warnings": warnings, "ready_s": ready}


def run_harness(work: dict[str, Any]) -> dict[str, Any]:
    model, score = harness(work)
    score(work["items"][:1])
    scores, figures = timed(lambda: score(work["items"]), model.model)
    pairs = [model._encode_pair(item["text"], answer) for item in work["items"] for answer in answers(item)]
    if max(len(context) + len(option) for context, option in pairs) > model.max_length:
        raise ValueError(f"lm-eval cut prompts to {model.max_length} tokens")
    return figures | {"scores": scores, "tokens": digest(pairs)}


def tune(work: dict[str, Any]) -> dict[str, Any]:
    """Seconds by batch size on a part of the items, for the sizes whose logits fit into the free memory."""
    import psutil
    import torch

    model, score = harness(work)
    items, wanted = work["items"], max(16, TUNING_REQUESTS // len(work["items"][0]["options"]))
    few = items[:: max(1, len(items) // wanted)]
    longest = max(len(model.tok_encode(item["text"] + max(answers(item), key=len))) for item in items)
    # Logits and their log_softmax stand side by side; a third for what else there is.
    row = 3 * longest * model.vocab_size * getattr(torch, work["dtype"]).itemsize
    sizes = [size for size in work["sizes"] if size * row < psutil.virtual_memory().available]
    score(few[:1])
    seconds = {}
    for size in sizes or work["sizes"][:1]:
        model.batch_size_per_gpu = size
        started = time.perf_counter()
        score(few)
        seconds[size] = time.perf_counter() - started
    return {"wall_s": seconds}


def harness(work: dict[str, Any]) -> tuple[Any, Callable[[list[dict]], list[list[float]]]]:
    """lm-eval's model with everything as it comes, and a function that has it score items."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(work["model"], device="cpu", dtype=work["dtype"], batch_size=work.get("batch_size", 1))

    def score(items: list[dict]) -> list[list[float]]:
        pairs = [(item["text"], answer) for item in items for answer in answers(item)]
        requests = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
        found = iter(model.loglikelihood(requests, disable_tqdm=True))
        return [[next(found)[0] for _ in item["options"]] for item in items]

    return model, score


def answers(item: dict[str, Any]) -> list[str]:
    return [f" {option}{item['end']}" for option in item["options"]]


def timed(score: Callable[[], Any], network: Any) -> tuple[Any, dict[str, Any]]:
    """What scoring gave; and how long it took and how much went through the body and the head."""
    import torch
    import transformers

    embedding, body, head = network.get_input_embeddings(), network.base_model, network.get_output_embeddings()
    tokens, positions = [], []
    embedding.register_forward_pre_hook(lambda _, args: tokens.append(args[0].numel()))
    head.register_forward_pre_hook(lambda _, args: positions.append(args[0].shape[:-1].numel()))
    wall, cpu = time.perf_counter(), time.process_time()
    found = score()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    parameters = sum(p.numel() for p in body.parameters()) - embedding.weight.numel()
    flop = 2.0 * parameters * sum(tokens) + 2.0 * head.weight.numel() * sum(positions)
    figures = {"wall_s": wall, "cpu_s": cpu, "flop": flop, "gflop_a_second": flop / wall / 1e9}
    figures |= {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    figures |= {"body_tokens": float(sum(tokens)), "head_positions": float(sum(positions))}
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    return found, figures | {"setup": f"{torch.get_num_threads()} threads, {versions}"}


def digest(pairs: Any) -> str:
    return hashlib.sha256(json.dumps([[list(context), list(option)] for context, option in pairs]).encode()).hexdigest()


def misses(name: str, row: dict[str, Any], dtype: str) -> list[str]:
    exact = dtype == "float32"  # lm-eval's log_softmax is rounded to bfloat16
    wanted = {
        f"{row['ratio']['wall']:.2f}x, wanted {THRESHOLDS[name]:g}x": row["ratio"]["wall"] >= THRESHOLDS[name],
        "the sides scored different tokens": row["same_tokens"],
        f"same answer on {row['same_answer']:.1%} only": not exact or row["same_answer"] >= SAME_ANSWER,
        f"log-likelihoods {row['largest_difference']:.1e} apart": not exact or row["largest_difference"] <= DIFFERENCE,
    }
    return [f"MISSED {name}: {said}" for said, fine in wanted.items() if not fine]


def text(name: str, row: dict[str, Any]) -> str:
    columns = {"s wall": "wall_s", "s CPU": "cpu_s", "tokens": "body_tokens", "at head": "head_positions"}
    columns |= {"GFLOP/s": "gflop_a_second", "MB": "memory_mb"}
    lines = [f"{name}: {row['items']} items, lm-eval in batches of {row['batch_size']}, {row['setup']}"]
    lines.append(" " * 10 + "".join(f"{title:>13}" for title in columns))
    for side, figures in row["sides"].items():
        lines.append(f"  {side:<8}" + "".join(f"{figures[key]:>13,.1f}" for key in columns.values()))
    lines.append("  wall {wall:.2f}x, CPU {cpu:.2f}x, bound {bound:.2f}x, {reached:.0%} reached".format(**row["ratio"]))
    lines.append(f"  ours is ready to score after {row['ready_s']:.2f} s: tokens, trees, gate")
    same = "  same tokens: {same_tokens}, same answer: {same_answer:.1%}, largest difference: {largest_difference:.1e}"
    return "\n".join([*lines, same.format(**row), *(f"  {warning}" for warning in row["warnings"])])


if __name__ == "__main__":
    main()
