"""Log-probabilities of answers, with gradients: by token trees where the model can, else a padded row an answer."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from metier.engine.scoring.likelihood import TOLERANCE, in_float32
from metier.engine.scoring.vocabulary import log_probabilities
from metier.engine.trees import attention
from metier.engine.trees.examples import Example
from metier.engine.trees.packing import PackedBatch, pack

Scores = list[torch.Tensor]
"""For each example (answers,) summed log-probabilities, in nats."""
Places = Sequence[Sequence[int]]
"""Which examples of a batch stand in one tree."""
Reader = Callable[..., Scores]
"""(network, examples, places or None) -> scores, in the examples' order; one that reads rows needs no places."""
DROPOUT = ("attention_dropout", "attn_pdrop", "attention_probs_dropout_prob")
"""What configs call the dropout of attention weights, which `tree_attention` has not."""


def by_trees(network: Any, examples: Sequence[Example], places: Places | None = None) -> Scores:
    """What all examples share is read once, and what those of one tree share. The network's attention must be
    `tree_attention.NAME`."""
    forest = pack(examples, places).to(_device(network))
    steps = log_probabilities(_tree_logits(network, forest), forest.predictor, forest.learned)
    total = torch.zeros(sum(forest.answers), device=steps.device).index_add(0, forest.answer, steps)
    return list(total.split(forest.answers))


def by_rows(network: Any, examples: Sequence[Example], places: Places | None = None) -> Scores:
    """Each answer in a padded row of its own behind its prompt: right for every causal model."""
    rows = [(example.prompt, answer) for example in examples for answer in example.answers]
    device = _device(network)
    learned = torch.tensor([token for _, answer in rows for token in answer], device=device)
    steps = log_probabilities(row_logits(network, examples), torch.arange(len(learned), device=device), learned)
    totals = torch.stack([part.sum() for part in steps.split([len(answer) for _, answer in rows])])
    return list(totals.split([len(example.answers) for example in examples]))


def tree_logits(network: Any, examples: Sequence[Example]) -> torch.Tensor:
    """(learned tokens, vocabulary): what predicts each token of the answers. As `by_trees` reads them."""
    forest = pack(examples, None).to(_device(network))
    return _tree_logits(network, forest)[forest.predictor]


def row_logits(network: Any, examples: Sequence[Example]) -> torch.Tensor:
    """(learned tokens, vocabulary): what predicts each token of the answers. As `by_rows` reads them."""
    rows = [(example.prompt, answer) for example in examples for answer in example.answers]
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids, mask = torch.zeros(2, len(rows), width, dtype=torch.long)
    keep = torch.zeros(len(rows), width, dtype=torch.bool)
    for number, (prompt, answer) in enumerate(rows):
        length = len(prompt) + len(answer)
        ids[number, :length], mask[number, :length] = torch.tensor(prompt + answer), 1
        keep[number, len(prompt) - 1 : length - 1] = True
    device = _device(network)
    logits: torch.Tensor = network(
        input_ids=ids.to(device), attention_mask=mask.to(device), logits_to_keep=keep.to(device), use_cache=False
    ).logits.flatten(0, -2)
    return logits


def _tree_logits(network: Any, forest: PackedBatch) -> torch.Tensor:
    logits: torch.Tensor = network(
        input_ids=forest.ids,
        position_ids=forest.positions,
        logits_to_keep=forest.keep,
        forest=forest,
        use_cache=False,
    ).logits.flatten(0, -2)
    return logits


def _device(network: Any) -> torch.device:
    """Also of a network that a distributed wrapper hides."""
    return next(network.parameters()).device


def takes_trees(network: Any) -> bool:
    """Whether tree attention can stand in: full attention only, without dropout, through transformers' attention
    interface."""
    kinds = set(getattr(network.config, "layer_types", None) or ["full_attention"])
    drops = any(getattr(network.config, name, 0) for name in DROPOUT)
    return kinds == {"full_attention"} and not drops and bool(getattr(network, "_supports_attention_backend", False))


def fitting(network: Any, examples: Sequence[Example], say: Callable[[str], None]) -> Reader:
    """Trees where they give what rows give on a few examples, else rows, with a warning.

    A wrong mask gives wrong gradients without any error, so this is looked at before each training.
    """
    if not takes_trees(network):
        say(
            "Token trees do not fit this model: its attention has windows, dropout or code of its own, or layers are "
            "recurrent. Training by padded rows, more slowly."
        )
        return by_rows
    before, few = network.config._attn_implementation, _few(examples)
    with torch.no_grad(), in_float32(network):  # in bfloat16 a token may move by as much as a fault would
        slow = torch.cat(by_rows(network, few))
        network.set_attn_implementation(attention.NAME)
        quick = torch.cat(by_trees(network, few, [[0], [1, 2]]))
        tolerance = TOLERANCE.get(network.dtype, 5e-2)
    network.set_attn_implementation(before)
    longest = max(len(answer) for example in few for answer in example.answers)
    gap = float((quick - slow).abs().max()) / longest
    # Not `>`: a NaN must not pass.
    if gap <= tolerance:
        return by_trees
    say(f"Token trees do not fit this model: {gap:.2g} nats a token apart. Training by padded rows, more slowly.")
    return by_rows


def _few(examples: Sequence[Example]) -> list[Example]:
    """A short example and one of middling length, with a few answers each, and a third that begins like the second, to
    share its tree: seconds, however large the data are."""
    order = sorted(range(len(examples)), key=lambda position: len(examples[position].prompt))
    short, longer = (
        Example(examples[position].prompt[-64:], examples[position].answers[:3])
        for position in (order[0], order[len(order) // 2])
    )
    return [short, longer, Example([*longer.prompt[:-1], *short.prompt[:1]], longer.answers)]
