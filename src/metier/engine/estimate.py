"""How long and how much memory, from a few measured passes on this machine."""

import resource
import time
from collections.abc import Sequence
from typing import Any

import torch

from metier.engine.likelihood import OptionScorer
from metier.engine.model import LanguageModel

STEPS = 2


def estimate(
    model: LanguageModel,
    methods: Sequence[tuple[str, Any]],
    lengths: Sequence[tuple[int, int]],
    rows: int,
    asked: Sequence,
) -> dict[str, Any]:
    """Minutes for training and both evaluations, and peak memory in MB.

    `lengths`: (prompt tokens, answer tokens) of sampled rows; `asked`: (benchmark, questions) pairs.
    """
    tokens = rows * sum(prompt + target for prompt, target in lengths) / len(lengths)
    scoring = sum(_scoring_seconds(model, benchmark, found) for benchmark, found in asked)
    training = 0.0
    for _, method in methods:
        budget = method.batch_tokens
        step = _step_seconds(model, method, budget, sum(target for _, target in lengths) / sum(map(sum, lengths)))
        training += method.epochs * tokens / (0.9 * budget) * step  # a tenth of a batch is padding
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"minutes": round((training + 2 * scoring) / 60, 1), "memory_mb": round(memory)}


def _step_seconds(model: LanguageModel, method: Any, budget: int, answer_share: float) -> float:
    """One training step on a full batch: forward, backward and optimiser, after one to warm up."""
    from peft import LoraConfig, get_peft_model
    from peft.helpers import disable_input_dtype_casting

    targets = method.targets if method.targets == "all-linear" else [name.strip() for name in method.targets.split(",")]
    tuned = get_peft_model(model.network, LoraConfig(r=method.r, lora_alpha=method.alpha, target_modules=targets))
    parameters = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, fused=True)
    ids = torch.randint(3, 200, (8, budget // 8), device=model.network.device)
    keep = torch.zeros_like(ids, dtype=torch.bool)
    keep[:, -max(1, round(answer_share * ids.shape[1])) :] = True
    low_precision = model.network.dtype == torch.bfloat16
    for step in range(STEPS + 1):
        if step == 1:
            started = time.monotonic()
        with (
            torch.autocast(ids.device.type, torch.bfloat16, enabled=low_precision),
            disable_input_dtype_casting(tuned, low_precision),
        ):
            logits = tuned(input_ids=ids, logits_to_keep=keep, use_cache=False).logits
        torch.nn.functional.cross_entropy(logits.float(), ids[keep]).backward()
        optimiser.step()
        optimiser.zero_grad()
    seconds = (time.monotonic() - started) / STEPS
    tuned.unload()
    return seconds


def _scoring_seconds(model: LanguageModel, benchmark: Any, found: Sequence[Any]) -> float:
    prompts = [model.encode(question.render(benchmark.prompt)) for question in found]
    if benchmark.scorer == "label":
        options = [model.encode_answer(label) for label in benchmark.label_set()]
        scorer: Any = OptionScorer(model.network, prompts, options)
    else:
        scorer = model.losses(prompts)
    middle = scorer.batches[len(scorer.batches) // 2]
    scorer.score(middle[:1])
    started = time.monotonic()
    scorer.score(middle)
    return (time.monotonic() - started) * len(scorer.batches)
