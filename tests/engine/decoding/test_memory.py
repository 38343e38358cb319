"""How many tokens fit: by the sizes of the model and by what a machine or a container has free."""

from types import SimpleNamespace

import torch

from metier.engine.decoding import memory


def network(**sizes):
    config = SimpleNamespace(num_hidden_layers=30, num_attention_heads=9, hidden_size=576, **sizes)
    config.get_text_config = lambda: config
    return SimpleNamespace(config=config, dtype=torch.float32, device=torch.device("cpu"))


def test_a_token_has_a_key_and_a_value_in_each_head_of_each_layer():
    assert memory.bytes_a_token(network(num_key_value_heads=3)) == 2 * 30 * 3 * 64 * 4
    assert memory.bytes_a_token(network(num_key_value_heads=3, head_dim=128)) == 2 * 30 * 3 * 128 * 4
    assert memory.bytes_a_token(network()) == 2 * 30 * 9 * 64 * 4


def test_a_container_with_less_memory_than_its_machine_is_the_bound(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9999999 kB\nMemAvailable:    1000000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes(torch.device("cpu")) == 1_024_000_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("46080000\n")
    assert memory.free_bytes(torch.device("cpu")) == 1_024_000_000
    (tmp_path / "memory.max").write_text("506880000\n")
    assert memory.free_bytes(torch.device("cpu")) == 460_800_000
    assert memory.fitting_tokens(network(num_key_value_heads=3)) == 460_800_000 // 4 // 46_080
    (tmp_path / "memory.max").write_text("46080000\n")
    assert memory.fitting_tokens(network(num_key_value_heads=3)) == 1
