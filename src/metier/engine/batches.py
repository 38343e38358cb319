"""Batches by token budget: rows of like length together, so that little is computed for padding."""

import random
from collections import defaultdict
from collections.abc import Sequence

from metier.engine import trees
from metier.engine.examples import Example

SHARED_AT_LEAST = 16
"""Tokens that prompts must begin with together to be read together: an instruction, solved examples."""


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


def by_sum(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Positions grouped so that the rows' own tokens stay within the budget; longest first.

    For rows that stand one behind the other without padding. Attention still pads them to the longest, so that is held
    to a quarter more than the budget.
    """
    groups: list[list[int]] = []
    room = 0
    for position in sorted(range(len(lengths)), key=lambda position: (-lengths[position], position)):
        longest = lengths[groups[-1][0]] if groups else 0
        if groups and lengths[position] <= room and 4 * longest * (len(groups[-1]) + 1) <= 5 * budget:
            groups[-1].append(position)
        else:
            groups.append([position])
            room = budget
        room -= lengths[position]
    return groups


def shuffled(lengths: Sequence[int], budget: int, seed: int | str, epoch: int, pool: int = 512) -> list[list[int]]:
    """The batches of one epoch, the same for the same seed and epoch.

    Rows are shuffled, cut into pools, sorted inside each pool, and the batches shuffled: rows of like length together,
    and still every batch is a mixture.
    """
    generator = random.Random(f"batches:{seed}:{epoch}")
    order = list(range(len(lengths)))
    generator.shuffle(order)
    batches = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        for group in by_sum([lengths[position] for position in part], budget):
            batches.append([part[position] for position in group])
    generator.shuffle(batches)
    return batches


def plan(examples: Sequence[Example], budget: int, seed: int, epochs: int, tokens: int = 0) -> list[list[int]]:
    """The batches of all epochs; with `tokens`, of as many epochs as that takes, to the batch that reaches it.

    Examples whose prompts begin alike stand in batches of their own: what they share counts once against the budget.
    """
    if not examples:
        return []
    lengths = [trees.fed(example.prompt, example.answers) for example in examples]
    found: list[list[int]] = []
    seen, epoch = 0, 0
    while epoch < epochs if not tokens else seen < tokens:
        for batch in _epoch(examples, lengths, budget, seed, epoch):
            if tokens and seen >= tokens:
                break
            found.append(batch)
            seen += sum(len(examples[position]) for position in batch)
        epoch += 1
    return found


def _epoch(examples: Sequence[Example], lengths: Sequence[int], budget: int, seed: int, epoch: int) -> list[list[int]]:
    found = []
    for number, (prefix, members) in enumerate(families(examples, lengths, budget)):
        own = [lengths[position] - prefix for position in members]
        seeded = seed if number == 0 else f"{seed}:{number}"
        for batch in shuffled(own, max(budget - prefix, 1), seeded, epoch):
            found.append([members[position] for position in batch])
    random.Random(f"families:{seed}:{epoch}").shuffle(found)
    return found


def families(examples: Sequence[Example], lengths: Sequence[int], budget: int) -> list[tuple[int, list[int]]]:
    """(tokens that the prompts begin with together, positions) of examples to be batched together.

    A family fills a batch at least, since small batches learn otherwise and cost more a token; all others make one
    family that shares nothing.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        alike[tuple(example.prompt[:SHARED_AT_LEAST])].append(position)
    found, alone = [], []
    for members in alike.values():
        shared = trees.common_prefix([examples[position].prompt for position in members])
        fills = shared + sum(lengths[position] - shared for position in members) >= budget
        if shared >= SHARED_AT_LEAST and fills:
            found.append((shared, members))
        else:
            alone += members
    return ([(0, sorted(alone))] if alone else []) + found
