"""The trie against the plain way, on architectures whose masks and caches differ."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, LlamaConfig, Qwen2Config, Qwen3Config

from metier.engine.likelihood import LossScorer, OptionScorer, PlainScorer, Trie, common_prefix, gate

SIZES = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
PROMPTS = [[5, 6, 7, 8, 9], [5, 6, 7, 10], [5, 6, 11, 12, 13, 14, 15, 16], [5, 6, 20]]
OPTIONS = [[30], [31, 32], [31, 33, 34], [31, 33, 35, 36], [37, 38]]


def network(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


CONFIGS = [
    LlamaConfig(**SIZES, num_key_value_heads=2),
    Qwen2Config(**SIZES, num_key_value_heads=2),
    Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=8),
    GPTNeoXConfig(**SIZES),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_trie_equals_one_option_after_another(config):
    model = network(config)
    fast, plain = OptionScorer(model, PROMPTS, OPTIONS), PlainScorer(model, PROMPTS, OPTIONS)
    batch = list(range(len(PROMPTS)))
    assert np.abs(fast.score(batch) - plain.score(batch)).max() < 1e-5


def test_plain_scores_are_log_probabilities_of_the_option_behind_the_prompt():
    model = network(CONFIGS[0])
    scores = PlainScorer(model, PROMPTS, OPTIONS).score([1])
    with torch.no_grad():
        table = model(torch.tensor([[*PROMPTS[1], *OPTIONS[2]]])).logits.log_softmax(-1)[0]
    by_hand = sum(float(table[len(PROMPTS[1]) - 1 + i, token]) for i, token in enumerate(OPTIONS[2]))
    assert scores[0, 2] == pytest.approx(by_hand, abs=1e-5)


def test_one_question_gets_the_same_scores_alone_and_in_company():
    fast = OptionScorer(network(CONFIGS[0]), PROMPTS, OPTIONS)
    together = fast.score([0, 1, 2, 3])
    assert np.abs(together[2] - fast.score([2])[0]).max() < 1e-5


def test_prompts_without_a_common_beginning_are_scored_too():
    model = network(CONFIGS[0])
    prompts = [[1, 2, 3], [4, 5], [6, 7, 8, 9]]
    fast, plain = OptionScorer(model, prompts, OPTIONS), PlainScorer(model, prompts, OPTIONS)
    assert np.abs(fast.score([0, 1, 2]) - plain.score([0, 1, 2])).max() < 1e-5


def test_leaves_are_scored_and_not_fed():
    tree = Trie.of(OPTIONS)
    assert sorted(tree.inner) == [31, 33, 35, 37]
    assert sum(map(len, tree.steps)) == sum(map(len, OPTIONS))


def test_gate_sees_a_wrong_mask(monkeypatch):
    fast = OptionScorer(network(CONFIGS[0]), PROMPTS, OPTIONS)
    assert gate(fast) is None
    fast.trie.ancestors[-1].clear()
    fast.trie.ancestors[-1].append(0)  # a node that sees a stranger instead of its own ancestors
    assert "differ" in gate(fast)


def test_common_prefix_leaves_each_prompt_a_token():
    assert common_prefix([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert common_prefix([[1, 2], [3, 4]]) == 0
    assert common_prefix([[1, 2, 3]]) == 2


def test_losses_equal_the_models_own():
    model = network(CONFIGS[0])
    texts = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14], [15, 16]]
    scorer = LossScorer(model, texts)
    for text, (nats, tokens) in zip(texts, scorer.score([0, 1, 2]), strict=True):
        ids = torch.tensor([text])
        with torch.no_grad():
            own = float(model(ids, labels=ids).loss)
        assert nats / tokens == pytest.approx(own, abs=1e-5)


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        OptionScorer(network(CONFIGS[0]), [[]], OPTIONS)
