"""Trees and copied caches against the plain way, on architectures whose masks and caches differ."""

import random

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    Gemma3TextConfig,
    GPTNeoXConfig,
    Lfm2Config,
    LlamaConfig,
    Qwen2Config,
    Qwen3_5TextConfig,
    Qwen3Config,
)

from metier.engine.scoring.likelihood import CopyScorer, PlainScorer, TreeScorer, gate, takes_trees
from metier.engine.scoring.losses import LossScorer
from metier.engine.trees import token_trees
from metier.engine.trees.token_trees import Options

SIZES = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
FEW = {**SIZES, "num_key_value_heads": 2}
PROMPTS = [[5, 6, 7, 8, 9], [5, 6, 7, 10], [5, 6, 11, 12, 13, 14, 15, 16], [5, 6, 20]]
OPTIONS = Options.of([[30], [31, 32], [31, 33, 34], [31, 33, 35, 36], [37, 38]])
# Long common beginnings, own options for each: what a contract with many questions looks like.
DRAWN = random.Random(0)
CONTRACT = DRAWN.choices(range(20), k=45)
LONG = [[1, 2, *CONTRACT, *DRAWN.choices(range(20), k=n)] for n in (4, 9, 1)] + [[1, 2, 3], [1, 2, *CONTRACT]]
OWN = [
    Options.of([DRAWN.choices(range(20, 60), k=n) for n in sizes]) for sizes in ([1, 3], [2, 2, 4], [1, 1], [5], [3, 1])
]


def network(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


TREES = [
    LlamaConfig(**FEW),
    Qwen2Config(**FEW),
    Qwen2Config(**FEW, use_sliding_window=True, sliding_window=4, max_window_layers=1),
    Qwen3Config(**FEW, head_dim=8),
    Gemma3TextConfig(**FEW, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention"]),
    GPTNeoXConfig(**SIZES),
]
HYBRIDS = [
    Lfm2Config(**FEW, layer_types=["conv", "full_attention"]),
    Qwen3_5TextConfig(
        **FEW,
        head_dim=8,
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
    ),
]


def name(config):
    return config.model_type + ("-sliding" if getattr(config, "use_sliding_window", False) else "")


def furthest(first, second):
    return max(np.abs(a - b).max() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("config", TREES, ids=name)
def test_a_tree_equals_one_option_after_another(config):
    model = network(config)
    assert takes_trees(model.config)
    for prompts, options in ((PROMPTS, [OPTIONS] * 4), (LONG, OWN)):
        fast, plain = TreeScorer(model, prompts, options), PlainScorer(model, prompts, options)
        for batch in fast.batches:
            assert furthest(fast.score(batch), plain.score(batch)) < 1e-5


@pytest.mark.parametrize("config", [*HYBRIDS, TREES[0], TREES[4]], ids=name)
def test_copied_caches_equal_one_option_after_another(config):
    model = network(config)
    copying, plain = CopyScorer(model, LONG, OWN), PlainScorer(model, LONG, OWN)
    for batch in copying.batches:
        assert furthest(copying.score(batch), plain.score(batch)) < 1e-5


@pytest.mark.parametrize("config", HYBRIDS, ids=name)
def test_a_hybrid_takes_no_trees(config):
    assert not takes_trees(config)


def test_questions_that_share_a_long_beginning_stand_in_one_row():
    fast = TreeScorer(network(TREES[0]), LONG, OWN)
    assert fast.row_of[0] == fast.row_of[1] == fast.row_of[2] == fast.row_of[4] != fast.row_of[3]
    assert sorted(position for batch in fast.batches for position in batch) == [0, 1, 2, 3, 4]


def test_the_plain_score_is_the_log_probability_of_the_option_behind_the_prompt():
    model = network(TREES[0])
    scores = PlainScorer(model, PROMPTS, [OPTIONS] * 4).score([1])[0]
    option = OPTIONS.options[2]
    with torch.no_grad():
        table = model(torch.tensor([[*PROMPTS[1], *option]])).logits.log_softmax(-1)[0]
    by_hand = sum(float(table[len(PROMPTS[1]) - 1 + i, token]) for i, token in enumerate(option))
    assert scores[2] == pytest.approx(by_hand, abs=1e-5)


def test_one_question_gets_the_same_scores_alone_and_in_company():
    fast = TreeScorer(network(TREES[0]), PROMPTS, [OPTIONS] * 4)
    assert furthest([fast.score([0, 1, 2, 3])[2]], fast.score([2])) < 1e-5


def test_prompts_without_a_common_beginning_are_scored_too():
    model = network(TREES[0])
    prompts = [[1, 2, 3], [4, 5], [6, 7, 8, 9]]
    fast, plain = TreeScorer(model, prompts, [OPTIONS] * 3), PlainScorer(model, prompts, [OPTIONS] * 3)
    assert furthest(fast.score([0, 1, 2]), plain.score([0, 1, 2])) < 1e-5


def test_last_tokens_are_scored_and_not_fed():
    assert sorted(OPTIONS.tree.tokens) == [31, 33, 35, 37]
    assert len(OPTIONS.steps) == sum(map(len, OPTIONS.options))


def test_a_token_sees_its_ancestors_and_nobody_else():
    tree, _ = token_trees.row_of([(prompt, OPTIONS) for prompt in sorted(PROMPTS)])
    mask = token_trees.sees([tree], len(tree) + 2)[0]
    for position in range(len(tree)):
        ancestors, at = {position}, position
        while (at := tree.parent[at]) >= 0:
            ancestors.add(at)
        assert set(np.flatnonzero(mask[position])) == ancestors
    assert mask[len(tree) :].sum() == 2  # padding sees itself


@pytest.mark.parametrize("scorer", [TreeScorer, CopyScorer])
def test_the_gate_sees_a_wrong_mask_and_a_wrong_copy(scorer, monkeypatch):
    fast = scorer(network(TREES[0]), LONG, OWN)
    assert gate(fast) is None
    if scorer is TreeScorer:
        everything = lambda grown, width: np.tril(np.ones((len(grown), width, width), bool))  # noqa: E731
        monkeypatch.setattr(token_trees, "sees", everything)  # siblings see each other
    else:
        copied = DynamicCache.reorder_cache

        def emptied(cache, rows):  # every option goes on from a prompt that says nothing
            copied(cache, rows)
            for layer in cache.layers:
                layer.values = torch.zeros_like(layer.values)

        monkeypatch.setattr(DynamicCache, "reorder_cache", emptied)
    assert "differ" in gate(fast) or "another answer" in gate(fast)


def test_common_prefix_leaves_each_prompt_a_token():
    assert token_trees.common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert token_trees.common_prefix([[1, 2], [3, 4]]) == 0
    assert token_trees.common_prefix([[1, 2, 3]]) == 2


def test_losses_equal_the_models_own():
    model = network(TREES[0])
    texts = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14], [15, 16]]
    scorer = LossScorer(model, texts)
    for text, (nats, tokens) in zip(texts, scorer.score([0, 1, 2]), strict=True):
        ids = torch.tensor([text])
        with torch.no_grad():
            own = float(model(ids, labels=ids).loss)
        assert nats / tokens == pytest.approx(own, abs=1e-5)


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        TreeScorer(network(TREES[0]), [[]], [OPTIONS])


def test_a_text_longer_than_the_window_loses_no_token(monkeypatch):
    monkeypatch.setattr("metier.engine.scoring.losses.WINDOW", 4)
    (_, tokens), (short, _) = LossScorer(network(TREES[0]), [list(range(10)), [0, 1, 2, 3]]).score([0, 1])
    monkeypatch.setattr("metier.engine.scoring.losses.WINDOW", 100)
    assert tokens == 9
    assert short == pytest.approx(LossScorer(network(TREES[0]), [[0, 1, 2, 3]]).score([0])[0][0], abs=1e-5)


def test_the_gate_leaves_the_very_tensors_that_were_there():
    model = network(TREES[0]).to(torch.bfloat16)
    before = [parameter.data_ptr() for parameter in model.parameters()]
    gate(TreeScorer(model, PROMPTS, [OPTIONS] * 4))
    assert [parameter.data_ptr() for parameter in model.parameters()] == before
