"""Tokens a second, end to end with the optimiser step: TRL as it comes, TRL tuned by its settings, and ours.

Each side runs in a process of its own, alternating. Rows: ICD-10-CM terms, the embedded default. Thresholds of --check:
ours at least as fast as tuned TRL, with a final loss within 25 % of it after equal examples.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

SIDES = ("trl", "trl_tuned", "ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows on the fake model: the same shape in a minute")
    parser.add_argument("--check", action="store_true", help="exit 1 where a threshold is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=256)
    arguments = parser.parse_args()
    model, rows, rounds = ("fake", 48, 1) if arguments.quick else ("smollm2-135m", arguments.rows, arguments.rounds)
    if arguments.side:
        print(json.dumps(measure(arguments.side, model, rows)))
        return
    results: dict[str, list[dict]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            results[side].append(one_process(side, arguments.quick, rows))
    figures = summary(results)
    print(json.dumps(figures) if arguments.json else text(figures))
    ours, tuned = figures["sides"]["ours"], figures["sides"]["trl_tuned"]
    bad = ours["tokens_a_second"] < tuned["tokens_a_second"] or ours["loss"] > 1.25 * tuned["loss"]
    if arguments.check and bad:
        sys.exit(1)


def one_process(side: str, quick: bool, rows: int) -> dict:
    command = [sys.executable, __file__, "--side", side, "--rows", str(rows), *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{side} failed:\n{done.stderr[-2000:]}")
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(side: str, model_name: str, n_rows: int) -> dict:
    """One training run of one epoch; loading is not counted, every step and the trainer's own overhead is."""
    from peft import LoraConfig

    from metier import plugins
    from metier.engine import trainer
    from metier.engine.model import load
    from metier.progress import Progress
    from metier.records import questions

    benchmark = plugins.build("benchmarks", "icd10cm_chapter", {})
    rows = questions(plugins.build("sources", "icd10cm", {}).rows())[:: max(1, 16_000 // n_rows)][:n_rows]
    # TRL as it comes loads float32 weights; tuned by its settings it gets the dtype that ours takes by default.
    import torch

    model = load(model_name, dtype=torch.float32 if side == "trl" else None)
    if side == "trl" or side == "trl_tuned":
        model.network.set_attn_implementation("sdpa")
    examples = [
        trainer.Example(model.encode(q.render(benchmark.prompt)), [*model.answer(q.answer), model.end_token])
        for q in rows
    ]
    tokens = sum(map(len, examples))
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        if side == "ours":
            settings = {
                "epochs": 1,
                "lr": 1e-3,
                "batch_tokens": 512,
                "warmup": 0.0,
                "schedule": "linear",
                "weight_decay": 0.0,
                "max_grad_norm": 1.0,
                "checkpoint_every": 10**6,
                "seed": 0,
            }
            trainer.train(model, examples, lora, settings, Path(folder), Progress())
            log = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
        else:
            log = train_with_trl(side, model, examples, lora, folder)
        seconds = time.perf_counter() - started
    last = [row["loss"] for row in log if "loss" in row][-max(1, len(log) // 5) :]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"tokens_a_second": tokens / seconds, "loss": statistics.mean(last), "memory_mb": memory}


def train_with_trl(side: str, model: Any, examples: list, lora: Any, folder: str) -> list[dict]:
    """TRL's own trainer on the same rows; returns its log."""
    import datasets
    from trl import SFTConfig, SFTTrainer

    from metier.engine.trainer import columns

    tuned = (
        {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"} if side == "trl_tuned" else {}
    )
    config = SFTConfig(
        output_dir=folder,
        num_train_epochs=1,
        learning_rate=1e-3,
        per_device_train_batch_size=16,
        logging_steps=1,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        dataset_kwargs={"skip_prepare_dataset": True},
        **tuned,
    )
    theirs = SFTTrainer(
        model=model.network,
        args=config,
        train_dataset=datasets.Dataset.from_dict(columns(examples)),
        processing_class=model.tokenizer,
        peft_config=lora,
    )
    theirs.train()
    return theirs.state.log_history


def summary(results: dict[str, list[dict]]) -> dict:
    sides = {
        side: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for side, runs in results.items()
    }
    ours = sides["ours"]["tokens_a_second"]
    return {
        "sides": sides,
        "ratio_to_trl": ours / sides["trl"]["tokens_a_second"],
        "ratio_to_trl_tuned": ours / sides["trl_tuned"]["tokens_a_second"],
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
        "machine": platform.processor() or platform.machine(),
        "rounds": len(results["ours"]),
    }


def text(figures: dict) -> str:
    lines = [f"{'':<10}{'tokens/s':>10}{'loss':>8}{'MB':>8}"]
    for side, row in figures["sides"].items():
        lines.append(f"{side:<10}{row['tokens_a_second']:>10.0f}{row['loss']:>8.3f}{row['memory_mb']:>8.0f}")
    lines.append(
        f"ours / TRL as it comes {figures['ratio_to_trl']:.2f}, ours / TRL tuned {figures['ratio_to_trl_tuned']:.2f}"
    )
    lines.append(f"medians of {figures['rounds']} rounds; {figures['versions']}; {figures['machine']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
