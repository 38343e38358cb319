"""Batches by token budget: rows of like length together, so that little is computed for padding."""

import random
from collections.abc import Sequence


def by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Positions grouped so that rows times the longest row stays within the budget of tokens; longest first.

    A row longer than the budget stands alone. Longest first: what does not fit into memory fails at once.
    """
    groups: list[list[int]] = []
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    for position in order:
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def shuffled(lengths: Sequence[int], budget: int, seed: int, epoch: int, pool: int = 512) -> list[list[int]]:
    """The batches of one epoch, the same for the same seed and epoch.

    Rows are shuffled, cut into pools, sorted inside each pool, and the batches shuffled: nearly no padding, and still
    every batch is a mixture.
    """
    generator = random.Random(f"batches:{seed}:{epoch}")
    order = list(range(len(lengths)))
    generator.shuffle(order)
    batches = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        for group in by_length([lengths[position] for position in part], budget):
            batches.append([part[position] for position in group])
    generator.shuffle(batches)
    return batches


def plan(lengths: Sequence[int], budget: int, seed: int, epochs: int, tokens: int = 0) -> list[list[int]]:
    """The batches of all epochs; with `tokens`, of as many epochs as that takes, to the batch that reaches it."""
    if not tokens:
        return [batch for epoch in range(epochs) for batch in shuffled(lengths, budget, seed, epoch)]
    found: list[list[int]] = []
    seen, epoch = 0, 0
    while seen < tokens and any(lengths):
        for batch in shuffled(lengths, budget, seed, epoch):
            if seen >= tokens:
                break
            found.append(batch)
            seen += sum(lengths[position] for position in batch)
        epoch += 1
    return found
