"""Batches by token budget: rows of like length together, so that little is computed for padding."""

import random
from collections import defaultdict
from collections.abc import Sequence

from metier.engine import trees
from metier.engine.examples import Example
from metier.engine.trees import SHARED_AT_LEAST, Bundle

BATCHES_OF_A_FAMILY = 4
SHARE = 0.25
"""Part of a prompt that must stand in a tree already for the rest to be added. A quarter and a third of a prompt save
as much on the datasets of the packs (docs/methods.md); a half saves less."""


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

    Examples whose prompts begin alike stand together: what they share counts once against the budget.
    """
    if not examples:
        return []
    together = [(prefix, gathered(examples, members, prefix, budget)) for prefix, members in families(examples, budget)]
    found: list[list[int]] = []
    seen, epoch = 0, 0
    while epoch < epochs if not tokens else seen < tokens:
        for batch in _epoch(together, budget, seed, epoch):
            if tokens and seen >= tokens:
                break
            found.append(batch)
            seen += sum(len(examples[position]) for position in batch)
        epoch += 1
    return found


def _epoch(together: list[tuple[int, list[Bundle]]], budget: int, seed: int, epoch: int) -> list[list[int]]:
    found = []
    for number, (prefix, bundles) in enumerate(together):
        seeded = seed if number == 0 else f"{seed}:{number}"
        for batch in shuffled([bundle.tokens for bundle in bundles], max(budget - prefix, 1), seeded, epoch):
            found.append([position for at in batch for position in bundles[at].members])
    random.Random(f"families:{seed}:{epoch}").shuffle(found)
    return found


def families(examples: Sequence[Example], budget: int) -> list[tuple[int, list[int]]]:
    """(tokens that the prompts begin with together, positions) of examples to be batched together.

    A family is a task with its instruction: it fills `BATCHES_OF_A_FAMILY`, or its batches would all be of one text.
    All other examples make one family that shares nothing.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        alike[tuple(example.prompt[:SHARED_AT_LEAST])].append(position)
    found, alone = [], []
    for members in alike.values():
        shared = trees.common_prefix([examples[position].prompt for position in members])
        own = sum(_fed(examples[position]) - shared for position in members)
        if shared >= SHARED_AT_LEAST and shared + own >= BATCHES_OF_A_FAMILY * budget:
            found.append((shared, members))
        else:
            alone += members
    return ([(0, sorted(alone))] if alone else []) + found


def gathered(examples: Sequence[Example], members: list[int], prefix: int, budget: int) -> list[Bundle]:
    """Members of a family that share more than its `prefix`, in one tree each; by their first position."""
    prompts = {position: examples[position].prompt[prefix:] for position in members}
    answers = {position: _fed(examples[position]) - len(examples[position].prompt) for position in members}
    order = sorted(members, key=lambda position: (prompts[position], position))
    found = trees.bundles(prompts, answers, order, SHARE, most=max(budget - prefix, 1))
    return sorted(found, key=lambda bundle: min(bundle.members))


def standing(examples: Sequence[Example]) -> tuple[int, list[Bundle]]:
    """(tokens of the common prefix, the trees behind it, by places in the batch) of a batch in its order."""
    prefix = trees.common_prefix([example.prompt for example in examples])
    prompts = [example.prompt[prefix:] for example in examples]
    answers = [_fed(example) - len(example.prompt) for example in examples]
    return prefix, trees.bundles(prompts, answers, range(len(examples)), SHARE)


def tokens_read(examples: Sequence[Example], batch: Sequence[int]) -> int:
    """Tokens that a batch feeds to the model where it takes token trees, padding not counted."""
    prefix, bundles = standing([examples[position] for position in batch])
    return prefix + sum(bundle.tokens for bundle in bundles)


def _fed(example: Example) -> int:
    return trees.fed(example.prompt, example.answers)
