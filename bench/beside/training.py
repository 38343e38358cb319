"""One side of bench/train_vs_trl.py in a process of its own: `python training.py CASE SIDE ROWS MODEL` prints JSON.

Sides: `trl` as it comes, `trl_tuned` by its settings (bfloat16 weights, no checkpointing, rows of like length
together), `ours`, and `plain`: ours without token trees, one answer after another, where TRL has no such method.
"""

import json
import math
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import LoraConfig

from metier.data.records import documents, questions
from metier.engine.models.model import LanguageModel, default_dtype, load
from metier.engine.training import answers, trainer
from metier.engine.trees import token_trees
from metier.engine.trees.examples import Example
from metier.recipes import plugins
from metier.runs.progress import Progress

ROWS_A_STEP = 8
LR = 5e-4
BETA = 0.1
INSTRUCTION = """You read terms of service for a consumer organization and mark sentences that may be unfair under
European
law. A sentence is potentially unfair when, contrary to good faith, it causes a significant imbalance in the
parties' rights and obligations to the detriment of the consumer. Mark as unfair a sentence that limits or
excludes the liability of the provider for damages, losses or security breaches; that lets the provider
terminate or suspend the service at its own discretion or without notice; that lets the provider change the
terms, the price or the service one-sidedly, without telling the consumer; that allows the provider to
remove content without giving a reason; that binds the consumer by the mere use of the service, without
having read or accepted anything; that sends disputes to courts far from where the consumer lives, chooses a
foreign law, or forces the consumer into arbitration before a suit may be brought. Mark as fair everything
else: descriptions of the service, definitions, instructions, contact details, sentences that give the
consumer rights, or that repeat what the law says anyway. Judge the sentence as it stands and do not guess
what other sentences of the contract may add. When a sentence contains several statements, one of which is
unfair, mark the whole sentence as unfair. Answer with one word, fair or unfair, and with nothing else.

"""


def examples(case: str, model: LanguageModel, rows: int) -> list[Example]:
    """`rows` training rows of a case, spread over its dataset."""
    if case == "medquad":
        texts = documents(_train(case, rows))
        tokens = [model.encode(text.text)[:512] for text in texts]
        return [Example(row[:1], (row[1:],)) for row in tokens if len(row) > 1]
    if case == "epqa":
        return [
            Example(
                model.encode(f"Question: {row['text']}\nAnswer:"),
                tuple([*model.answer(row[side]), model.end_token] for side in ("chosen", "rejected")),
            )
            for row in _train("epqa_pairs", rows).to_pylist()
        ]
    name = {"terms": "icd10cm_chapter", "risk": "banking77"}.get(case, case)
    benchmark = plugins.build("benchmarks", name, {})
    before = INSTRUCTION if case == "unfair_tos" else ""
    labels = benchmark.label_set() if case == "risk" else []
    found = []
    for row in questions(_train(benchmark.dataset_name, rows)):
        offered = labels or [row.answer]
        ends = tuple([*model.answer(answer), model.end_token] for answer in offered)
        found.append(Example(model.encode(before + row.render(benchmark.prompt)), ends))
    return found


def _train(dataset: str, rows: int) -> Any:
    table = plugins.build("datasets", dataset, {}).rows()
    at = [number for number, split in enumerate(table["split"].to_pylist()) if split in (None, "train")]
    if dataset == "ddi2013":  # what stands together shares its sentence; single rows of all places would not
        return table.take(at[len(at) // 2 :][:rows])
    return table.take(at[:: max(1, len(at) // rows)][:rows])


def measure(case: str, side: str, rows: int, model_name: str) -> dict[str, Any]:
    """One epoch; loading is not counted, every step and the trainer's own overhead is."""
    # TRL as it comes loads float32 weights; tuned by its settings it gets the dtype that ours takes by default.
    model = load(model_name, dtype=torch.float32 if side == "trl" else None)
    found = examples(case, model, rows)
    tokens = sum(map(len, found))
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    rate, work = matrix_rate(model.network.dtype), operations(model.network, found)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = _ours if side in ("ours", "plain") else _trl_pairs if case == "epqa" else _trl
        losses = run(case, side, model, found, lora, folder)
        seconds = time.perf_counter() - started
    return {
        "tokens_a_second": tokens / seconds,
        "loss": statistics.mean(losses[-max(1, len(losses) // 5) :]),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "share_of_matrix_rate": work / seconds / rate,
        "gflops": rate / 1e9,
    }


def _ours(case: str, side: str, model: Any, found: list[Example], lora: Any, folder: str) -> list[float]:
    if side == "plain":
        answers.takes_trees = lambda network: False
        answers.by_rows = partial(_one_by_one, answers.by_rows)
    settings = {
        "epochs": 1,
        "lr": LR,
        "batch_tokens": batch_tokens(case, found),
        "warmup_ratio": 0.0,
        "lr_scheduler": "linear",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "save_steps": 10**6,
        "seed": 0,
    }
    objective: Any = _risk if case == "risk" else None
    if case == "epqa":
        reference = trainer.log_probabilities(model, found, None, settings["batch_tokens"], Progress())
        objective = partial(_preference, reference)
    trainer.train(model, found, lora, settings, Path(folder), Progress(), objective=objective)
    return [json.loads(line)["loss"] for line in (Path(folder) / "log.jsonl").read_text().splitlines()]


def _one_by_one(read: Any, network: Any, batch: list[Example], places: Any = None) -> list[torch.Tensor]:
    """One answer after another, each behind its prompt: how a loss over a label set is written without a tree."""
    found = [[read(network, [Example(e.prompt, (answer,))])[0] for answer in e.answers] for e in batch]
    return [torch.cat(scores) for scores in found]


def batch_tokens(case: str, found: list[Example]) -> int:
    """As many as eight rows have, what their instruction says counted once; where sentences are shared, more rows."""
    if case == "ddi2013":  # a sentence and a dozen of its pairs
        return 256
    shared = token_trees.common_prefix([example.prompt for example in found])
    own = statistics.mean(token_trees.input_tokens(example.prompt, example.answers) - shared for example in found)
    return shared + math.ceil((2 if case == "risk" else ROWS_A_STEP) * own)


def _preference(reference: list[Any], positions: list[int], scores: list[torch.Tensor]) -> torch.Tensor:
    """DPO (Rafailov et al. 2023), as TRL has it by default."""
    gained = torch.stack([s - torch.tensor(reference[p]).float() for p, s in zip(positions, scores, strict=True)])
    return -torch.nn.functional.logsigmoid(BETA * (gained[:, 0] - gained[:, 1])).mean()


def _risk(positions: list[int], scores: list[torch.Tensor]) -> torch.Tensor:
    """Expected share of wrong answers, with the answers' own probabilities; which one is right costs no time."""
    return torch.stack([1 - torch.softmax(score, 0)[0] for score in scores]).mean()


def _settings(side: str, folder: str) -> dict[str, Any]:
    # TRL runs under bfloat16 autocast by default, also where the processor has to imitate it (8 times slower).
    bf16 = default_dtype() == torch.bfloat16
    tuned = {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length", "bf16": bf16}
    return {
        "output_dir": folder,
        "num_train_epochs": 1,
        "learning_rate": LR,
        "per_device_train_batch_size": ROWS_A_STEP,
        "logging_steps": 1,
        "use_cpu": not torch.cuda.is_available(),
        "report_to": "none",
        "save_strategy": "no",
        **(tuned if side == "trl_tuned" else {}),
    }


def _trl(case: str, side: str, model: Any, found: list[Example], lora: Any, folder: str) -> list[float]:
    """TRL's own trainer on the same tokens; labels are ignored where the prompt stands."""
    from trl import SFTConfig, SFTTrainer

    model.network.set_attn_implementation("sdpa")
    rows = {
        "input_ids": [example.prompt + example.answers[0] for example in found],
        "labels": [[-100] * len(example.prompt) + example.answers[0] for example in found],
    }
    theirs = SFTTrainer(
        model=model.network,
        args=SFTConfig(**_settings(side, folder), dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=datasets.Dataset.from_dict(rows),
        processing_class=model.tokenizer,
        peft_config=lora,
    )
    theirs.train()
    return [row["loss"] for row in theirs.state.log_history if "loss" in row]


def _trl_pairs(case: str, side: str, model: Any, found: list[Example], lora: Any, folder: str) -> list[float]:
    from trl import DPOConfig, DPOTrainer

    model.network.set_attn_implementation("sdpa")
    # DPOTrainer cannot group pairs by length; what its settings offer is to work the reference out once.
    tuned = {"precompute_ref_log_probs": True, "train_sampling_strategy": "random"} if side == "trl_tuned" else {}
    texts = [[model.tokenizer.decode(tokens) for tokens in (e.prompt, *(a[:-1] for a in e.answers))] for e in found]
    rows = {name: [text[at] for text in texts] for at, name in enumerate(("prompt", "chosen", "rejected"))}
    theirs = DPOTrainer(
        model=model.network,
        args=DPOConfig(**{**_settings(side, folder), **tuned}, beta=BETA),
        train_dataset=datasets.Dataset.from_dict(rows),
        processing_class=model.tokenizer,
        peft_config=lora,
    )
    theirs.train()
    return [row["loss"] for row in theirs.state.log_history if "loss" in row]


def matrix_rate(dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product here: the best of a few."""
    a, b = torch.randn(2, 2048, 2048).to(dtype)
    best = math.inf
    for _ in range(10):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def operations(network: Any, found: list[Example]) -> float:
    """Multiplications and additions that one pass of training needs where nothing is shared and nothing wasted.

    Each weight twice forward and twice backward (frozen: no gradient of its own), a LoRA weight four times backward;
    attention over the tokens before; the head on learned tokens only.
    """
    config = network.config
    linear = sum(m.weight.numel() for m in network.model.modules() if isinstance(m, torch.nn.Linear))
    low = sum(16 * sum(m.weight.shape) for m in network.model.modules() if isinstance(m, torch.nn.Linear))
    width = config.num_attention_heads * getattr(config, "head_dim", config.hidden_size // config.num_attention_heads)
    total = 0.0
    for example in found:
        for answer in example.answers:
            tokens = len(example.prompt) + len(answer)
            total += tokens * (4 * linear + 6 * low)
            total += 12 * width * config.num_hidden_layers * tokens * (tokens + 1) / 2
            total += 4 * len(answer) * config.vocab_size * config.hidden_size
    return total


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))
