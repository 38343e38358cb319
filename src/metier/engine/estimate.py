"""How long a training step or a batch of questions takes here, from a few measured passes."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from metier.engine.model import LanguageModel

STEPS = 2


def step_seconds(model: LanguageModel, lora: Any, batch_tokens: int, answer_share: float) -> float:
    """One training step on a full batch: forward, backward and optimiser, after one to warm up.

    `lora`: peft's LoraConfig; `answer_share`: the share of tokens that are learned, for which the head runs.
    """
    from peft import get_peft_model
    from peft.helpers import disable_input_dtype_casting

    from metier.engine.adapters import for_training

    tuned = get_peft_model(for_training(model.network), lora)
    parameters = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, fused=True)
    ids = torch.randint(3, 200, (8, batch_tokens // 8), device=model.network.device)
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
        torch.nn.functional.cross_entropy(logits.flatten(0, -2).float(), ids[keep]).backward()
        optimiser.step()
        optimiser.zero_grad()
    seconds = (time.monotonic() - started) / STEPS
    tuned.unload()
    return seconds


def asking_seconds(model: LanguageModel, benchmark: Any, found: Sequence[Any]) -> float:
    """All questions of a benchmark before one model, from one batch of middling length."""
    asking = benchmark.build_scorer().ask(model, benchmark, found, benchmark.label_set())
    middle = asking.batches[len(asking.batches) // 2]
    asking.answer(middle[:1])
    started = time.monotonic()
    asking.answer(middle)
    return (time.monotonic() - started) * len(asking.batches)
