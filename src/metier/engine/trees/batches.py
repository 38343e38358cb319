"""Batches by token budget: rows that begin alike in one tree, and those of like length together, so that little is
computed twice or for padding."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate, pairwise

from metier.engine.trees import token_trees
from metier.engine.trees.examples import Example
from metier.engine.trees.token_trees import SHARED_AT_LEAST, Bundle

Batch = list[list[int]]
"""Positions of examples, by the tree in which they stand."""
BATCHES_OF_A_FAMILY = 4
"""Batches that examples of one beginning must fill to have batches of their own: fewer would be a few steps in which
the model sees one sentence or table and nothing else."""
SHARE = 0.25
"""Part of a prompt that must stand in a tree already for the rest to be added: a prompt of 80 tokens saves 20 then."""


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


def plan(
    examples: Sequence[Example], budget: int, seed: int, epochs: int, tokens: int = 0, shared: bool = True
) -> list[Batch]:
    """The batches of all epochs; with `tokens`, of as many epochs as that takes, to the batch that reaches it.

    Examples whose prompts begin alike stand together: what they share counts once against the budget. Not `shared`,
    where the model reads padded rows, everything counts.
    """
    if not examples:
        return []
    together = _together(examples, budget) if shared else [(0, [Bundle([n], len(e)) for n, e in enumerate(examples)])]
    batches: list[Batch] = []
    seen, epoch = 0, 0
    while epoch < epochs if not tokens else seen < tokens:
        for batch in _epoch(together, budget, seed, epoch):
            if tokens and seen >= tokens:
                break
            batches.append(batch)
            seen += sum(len(examples[position]) for position in flat(batch))
        epoch += 1
    return batches


def _together(examples: Sequence[Example], budget: int) -> list[tuple[int, list[Bundle]]]:
    """(tokens that a family's prompts begin with, its trees)"""
    lengths = [token_trees.input_tokens(example.prompt, example.answers) for example in examples]
    return [
        (prefix, gathered(examples, lengths, members, prefix, budget))
        for prefix, members in families(examples, lengths, budget)
    ]


def flat(batch: Batch) -> list[int]:
    """The batch's positions, tree by tree."""
    return [position for tree in batch for position in tree]


def places(batch: Batch) -> list[list[int]]:
    """The batch's trees by places in its `flat` positions."""
    ends = [0, *accumulate(map(len, batch))]
    return [list(range(first, last)) for first, last in pairwise(ends)]


def _epoch(together: list[tuple[int, list[Bundle]]], budget: int, seed: int, epoch: int) -> list[Batch]:
    batches = []
    for number, (prefix, bundles) in enumerate(together):
        seeded = seed if number == 0 else f"{seed}:{number}"
        for batch in shuffled([bundle.tokens for bundle in bundles], max(budget - prefix, 1), seeded, epoch):
            batches.append([bundles[at].members for at in batch])
    random.Random(f"families:{seed}:{epoch}").shuffle(batches)
    return batches


def families(examples: Sequence[Example], lengths: Sequence[int], budget: int) -> list[tuple[int, list[int]]]:
    """(tokens that the prompts begin with together, positions) of examples to be batched together.

    A family is a task with its instruction: it fills `BATCHES_OF_A_FAMILY`. All other examples make one family that
    shares nothing as a whole.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        alike[tuple(example.prompt[:SHARED_AT_LEAST])].append(position)
    shared_prefixes, alone = [], []
    for members in alike.values():
        shared = token_trees.common_prefix([examples[position].prompt for position in members])
        own = sum(lengths[position] - shared for position in members)
        if shared >= SHARED_AT_LEAST and shared + own >= BATCHES_OF_A_FAMILY * budget:
            shared_prefixes.append((shared, members))
        else:
            alone += members
    return ([(0, sorted(alone))] if alone else []) + shared_prefixes


def gathered(
    examples: Sequence[Example], lengths: Sequence[int], members: list[int], prefix: int, budget: int
) -> list[Bundle]:
    """Members of a family by tree: those that begin alike behind its `prefix` in one, in the order of their first.

    Copies of an example never stand in one tree: they are there to be seen at several times of an epoch.
    """
    prompts = {position: examples[position].prompt[prefix:] for position in members}
    copies: list[list[int]] = []
    seen: Counter[tuple] = Counter()
    for position in sorted(members, key=lambda position: (prompts[position], position)):
        example = tuple(prompts[position]), tuple(map(tuple, examples[position].answers))
        if seen[example] == len(copies):
            copies.append([])
        copies[seen[example]].append(position)
        seen[example] += 1
    gathered_bundles = []
    for order in copies:
        answers = [lengths[position] - len(examples[position].prompt) for position in order]
        bundles = token_trees.bundles(
            [prompts[position] for position in order], answers, SHARE, max(budget - prefix, 1)
        )
        gathered_bundles += [Bundle([order[place] for place in bundle.members], bundle.tokens) for bundle in bundles]
    return sorted(gathered_bundles, key=lambda bundle: min(bundle.members))


def tokens_read(examples: Sequence[Example], batch: Batch) -> int:
    """Tokens that a batch feeds to a model that takes token trees, padding not counted; at most its budget, but for a
    row that is longer alone."""
    prefix = token_trees.common_prefix([examples[position].prompt for position in flat(batch)])
    read = prefix
    for tree in batch:
        before = examples[tree[0]].prompt[:prefix]
        for example in (examples[position] for position in tree):
            read += token_trees.input_tokens(example.prompt, example.answers) - token_trees.common_length(
                before, example.prompt
            )
            before = example.prompt
    return read
