"""How many tokens the keys and values of texts may have, by the memory that is free."""

import os
from pathlib import Path
from typing import Any

import torch

SHARE = 0.25
"""Of the free memory: logits, masks and the questions of other requests need some too."""
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def fitting_tokens(network: Any) -> int:
    """So many tokens' keys and values fit into a share of what is free now; at least 1."""
    return max(1, int(SHARE * free_bytes(network.device) / bytes_a_token(network)))


def bytes_a_token(network: Any) -> int:
    """Of the keys and values of one token, over all layers."""
    config = network.config.get_text_config()
    heads: int = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * int(config.num_hidden_layers) * heads * head_dim * int(network.dtype.itemsize)


def free_bytes(device: torch.device) -> int:
    """Free memory of a GPU, else of this machine or of the container that this process is in."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    machine, container = _machine(), _container()
    return machine if container is None else min(machine, container)


def _machine() -> int:
    for line in MEMINFO.read_text().splitlines() if MEMINFO.exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS does not say what is free


def _container() -> int | None:
    """What a memory limit leaves; None where there is no limit."""
    most, used = CGROUP / "memory.max", CGROUP / "memory.current"
    try:
        limit = most.read_text().strip()
        return None if limit == "max" else max(0, int(limit) - int(used.read_text()))
    except (OSError, ValueError):
        return None
