"""How long a training or a benchmark takes here, from a few measured passes."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from metier.data.records import Question
from metier.engine.models.memory import for_training
from metier.engine.models.model import LanguageModel
from metier.engine.training.adapters import tuned
from metier.engine.training.answers import by_trees
from metier.engine.trees import batches
from metier.engine.trees.examples import Example
from metier.evaluation.benchmark import Benchmark

STEPS = 3


def training_seconds(
    model: LanguageModel, examples: Sequence[Example], lora: Any, settings: Any, times: float
) -> float:
    """Training on `times` as many examples as these few, from some of their batches, and the largest to warm up: what
    it takes in memory is then taken here.

    `settings`: batch_tokens, epochs, and tokens where the method has that.
    """
    network = tuned(model, lora, None, examples, whole=lora is None)
    plan = batches.plan(examples, settings.batch_tokens, seed=0, epochs=1, shared=network.read is by_trees)
    chosen = sorted(plan, key=lambda batch: sum(len(examples[p]) for p in batches.flat(batch)))
    largest = max(plan, key=lambda batch: batches.tokens_read(examples, batch))
    # Spread over them: where batches share much they are the same work and unlike numbers of tokens.
    middle = [chosen[len(chosen) * (2 * step + 1) // (2 * STEPS)] for step in range(STEPS)]
    parameters = [parameter for parameter in network.network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, fused=True)
    for_training()
    for step, batch in enumerate([largest, *middle]):
        if step == 1:
            started = time.monotonic()
        with torch.autocast(model.network.device.type, torch.bfloat16, enabled=network.low_precision):
            mine = [examples[position] for position in batches.flat(batch)]
            scores = network.read(network.network, mine, batches.places(batch))
        (-torch.cat(scores).mean()).backward()
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.monotonic() - started
    network.release()
    measured = sum(len(examples[position]) for batch in middle for position in batches.flat(batch))
    whole = sum(map(len, examples)) * times * settings.epochs
    return seconds / measured * (getattr(settings, "max_train_tokens", 0) or whole)


def asking_seconds(model: LanguageModel, benchmark: Benchmark, questions: Sequence[Question]) -> float:
    """All questions of a benchmark before one model, from one batch of middling length; the longest is asked first,
    for its memory."""
    asking = benchmark.build_scorer().ask(model, benchmark, questions, benchmark.label_set())
    middle = asking.batches[len(asking.batches) // 2]
    asking.answer(asking.batches[0])
    started = time.monotonic()
    asking.answer(middle)
    return (time.monotonic() - started) * len(asking.batches)
