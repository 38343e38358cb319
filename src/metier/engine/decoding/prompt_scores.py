"""How likely each token of given texts is, and what the model would have put there. What texts begin with alike is
computed once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from metier.engine.decoding.pieces import TokenScore
from metier.engine.models.model import LanguageModel
from metier.engine.scoring.likelihood import TOLERANCE, attention_bias, in_float32, takes_trees, windows
from metier.engine.trees.token_trees import Options, common_length
from metier.errors import UserError

TOKENS_A_TREE = 2048
"""Of texts that are read together; a longer text stands alone."""
TOKENS_A_PASS = 512
"""So many rows of logits are there at once: 100 MB with 50,000 tokens."""

CHECKED: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()
"""Whether networks read token trees."""

Found = tuple[float, bool, tuple[tuple[int, float], ...]]
"""Log-probability of a token, whether it was the likeliest, and the likeliest ones."""


@dataclass(frozen=True)
class PromptScores:
    """The tokens of a text as the model sees them."""

    tokens: tuple[TokenScore, ...]
    """The first has log-probability NaN: nothing predicts it."""
    greedy: tuple[bool, ...]
    """Whether each token was the likeliest; false for the first."""


@torch.no_grad()
def prompt_scores(model: LanguageModel, prompts: Sequence[Sequence[int]], top: int) -> list[PromptScores]:
    """Each prompt's tokens, with the `top` likeliest ones at each place; in the order of the prompts.

    Raises `UserError` where a prompt is empty, or longer than the model's context.
    """
    rows = int(model.network.get_input_embeddings().weight.shape[0])
    for prompt in prompts:
        _check(prompt, model.context, rows)
    if not prompts:
        return []
    trees = _takes_trees(model)
    scores: dict[tuple[int, ...], PromptScores] = {}
    for group in groups(prompts) if trees else ([one] for one in set(map(tuple, prompts))):
        scores |= dict(zip(group, _scored(model, group, top, trees), strict=True))
    return [scores[tuple(prompt)] for prompt in prompts]


def _takes_trees(model: LanguageModel) -> bool:
    """Whether texts can be read as a tree; found out once a network."""
    network = model.network
    if network not in CHECKED:
        CHECKED[network] = takes_trees(network.config) and reads_trees(network)
        if not CHECKED[network]:
            model.warn("This model does not read token trees: prompts are scored one by one, more slowly.")
    return CHECKED[network]


@torch.no_grad()
def reads_trees(network: Any) -> bool:
    """Whether each text of a tree gets the logits that it gets alone: a mask that a model passes over gives wrong
    figures without any error."""
    texts = [[3, 4, 5, 6, 7, 8], [3, 4, 9, 8, 7, 6, 5], [8, 7]]
    tree = Options.of(texts)
    with in_float32(network):
        found = torch.cat([logits for _, logits in _logits(network, tree, True)])
        gaps = []
        for text, node, _ in tree.steps:
            if node >= 0:
                ids = torch.tensor([texts[text][: tree.tree.depth[node] + 1]], device=found.device)
                alone = network(input_ids=ids, use_cache=False).logits[0, -1]
                gaps.append(float((found[node].log_softmax(-1) - alone.log_softmax(-1)).abs().mean()))
        # Not `>`: a NaN must not pass.
        return all(gap <= 10 * TOLERANCE.get(network.dtype, 5e-2) for gap in gaps)


def _check(prompt: Sequence[int], context: int, rows: int) -> None:
    if not prompt:
        raise UserError("A prompt is empty. Give at least one token.")
    if len(prompt) > context:
        raise UserError(f"A prompt has {len(prompt):,} tokens, and the model reads {context:,}. Shorten it.")
    if not all(0 <= token < rows for token in prompt):
        raise UserError(f"A prompt has a token that the model does not know. Tokens are 0 to {rows - 1}.")


def groups(prompts: Sequence[Sequence[int]]) -> Iterator[list[tuple[int, ...]]]:
    """The different prompts, sorted so that those that begin alike are neighbors, in trees of so many tokens."""
    group: list[tuple[int, ...]] = []
    size = 0
    for prompt in sorted(set(map(tuple, prompts))):
        more = len(prompt) - common_length(group[-1], prompt) if group else len(prompt)
        if group and size + more > TOKENS_A_TREE:
            yield group
            group, size, more = [], 0, len(prompt)
        group.append(prompt)
        size += more
    if group:
        yield group


def _scored(model: LanguageModel, group: Sequence[tuple[int, ...]], top: int, trees: bool) -> list[PromptScores]:
    tree = Options.of(group)
    found: list[list[Found]] = [[(math.nan, False, ())] for _ in group]
    steps = sorted((node, prompt, token) for prompt, node, token in tree.steps if node >= 0)
    for first, logits in _logits(model.network, tree, trees):
        own = [step for step in steps if first <= step[0] < first + len(logits)]
        for (_, prompt, _), values in zip(own, _read_off(logits, first, own, top), strict=True):
            found[prompt].append(values)
    words: dict[int, str] = {}

    def text(token: int) -> str:
        if token not in words:
            words[token] = model.tokenizer.decode([token])
        return words[token]

    return [
        PromptScores(
            tuple(
                TokenScore(token, text(token), value, tuple((text(other), log) for other, log in likeliest))
                for token, (value, _, likeliest) in zip(prompt, values, strict=True)
            ),
            tuple(greedy for _, greedy, _ in values),
        )
        for prompt, values in zip(group, found, strict=True)
    ]


def _logits(network: Any, tree: Options, trees: bool) -> Iterator[tuple[int, torch.Tensor]]:
    """(first node, (nodes, vocabulary) logits of it and the next ones). A node only sees those before it, so a long
    tree is read in several passes."""
    from transformers import DynamicCache

    nodes, device = tree.tree, network.device
    if not trees:  # one text, read whole
        if len(nodes):
            yield 0, network(input_ids=torch.tensor([nodes.tokens], device=device), use_cache=False).logits[0]
        return
    cache = DynamicCache()
    ends, depth, place = torch.from_numpy(nodes.ends()), torch.tensor(nodes.depth), torch.arange(len(nodes))
    for first in range(0, len(nodes), TOKENS_A_PASS):
        last = min(first + TOKENS_A_PASS, len(nodes))
        own, before = place[first:last, None], place[None, :last]
        seen = (before <= own) & (own < ends[None, :last])
        masks = windows(network.config, seen[None], depth[None, first:last], depth[None, :last])
        yield first, network(
            input_ids=torch.tensor([nodes.tokens[first:last]], device=device),
            position_ids=depth[None, first:last].to(device),
            attention_mask=attention_bias(network, masks),
            past_key_values=cache,
            use_cache=True,
        ).logits[0]  # fmt: skip


def _read_off(logits: torch.Tensor, first: int, steps: Sequence[tuple[int, int, int]], top: int) -> Iterator[Found]:
    """For each (node, prompt, token), in their order."""
    logs = torch.log_softmax(logits.float(), -1)
    nodes = torch.tensor([node - first for node, _, _ in steps], device=logs.device, dtype=torch.long)
    tokens = torch.tensor([token for _, _, token in steps], device=logs.device, dtype=torch.long)
    values, best = logs[nodes, tokens].tolist(), logs.argmax(-1)[nodes].tolist()
    highest, places = logs.topk(min(top, logs.shape[1]), -1)
    tops, others = highest[nodes].tolist(), places[nodes].tolist()
    for number, (_, _, token) in enumerate(steps):
        likeliest = tuple(zip(others[number], tops[number], strict=True))
        yield values[number], best[number] == token, likeliest
