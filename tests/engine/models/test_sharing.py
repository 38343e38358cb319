"""What two networks have alike is in memory once, and neither computes anything else than before."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from metier.engine.models.sharing import share_equal


def network(seed: int, tied: bool = True) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    settings = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, tie_word_embeddings=tied,
    )  # fmt: skip
    return LlamaForCausalLM(settings).eval()


def adapted(of: LlamaForCausalLM) -> LlamaForCausalLM:
    """A copy in which a merged adapter changed the queries of the last layer."""
    copy = network(1, of.config.tie_word_embeddings)
    copy.load_state_dict(of.state_dict())
    copy.model.layers[1].self_attn.q_proj.weight.data += 0.01
    return copy


def pointers(of: LlamaForCausalLM) -> dict[str, int]:
    return {name: weight.data_ptr() for name, weight in of.named_parameters()}


@torch.no_grad()
def test_what_no_adapter_changed_is_in_memory_once_and_the_figures_stay():
    for tied in (True, False):
        first = network(0, tied)
        second = adapted(first)
        tokens = torch.arange(10)[None]
        before = [one(tokens).logits for one in (first, second)]
        size = sum(weight.numel() * 4 for weight in second.parameters())
        freed = share_equal([first, second])
        ours, theirs = pointers(first), pointers(second)
        assert [name for name in ours if ours[name] != theirs[name]] == ["model.layers.1.self_attn.q_proj.weight"]
        assert freed >= size - 16 * 16 * 4
        for one, logits in zip((first, second), before, strict=True):
            assert torch.equal(one(tokens).logits, logits)
        assert (second.lm_head.weight.data_ptr() == second.model.embed_tokens.weight.data_ptr()) == tied


def test_networks_without_a_common_weight_share_nothing():
    first, second = network(0), network(1)
    second.model.norm.weight.data += 1
    for layer in second.model.layers:
        layer.input_layernorm.weight.data += 1
        layer.post_attention_layernorm.weight.data += 1
    assert not set(pointers(first).values()) & set(pointers(second).values())
    share_equal([first, second])
    assert not set(pointers(first).values()) & set(pointers(second).values())


def test_the_third_network_shares_what_only_the_second_has():
    first, second = network(0), network(1)
    third = adapted(second)
    share_equal([first, second])
    share_equal([first, second, third])
    name = "model.layers.0.mlp.up_proj.weight"
    assert pointers(third)[name] == pointers(second)[name] != pointers(first)[name]


def test_what_differs_in_type_or_order_is_left_alone():
    first, second = network(0), network(0)
    second.to(torch.bfloat16)
    assert share_equal([first, second]) == 0
