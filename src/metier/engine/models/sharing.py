"""Several networks of one base model in one process: what no adapter changed is in memory once."""

from collections.abc import Sequence
from typing import Any

import torch


def share_equal(networks: Sequence[Any]) -> int:
    """Let equal parameters and buffers be one tensor, which all but the first network point to; returns the bytes
    that are freed.

    Two are equal where name, type, shape and every bit are. Nothing that a network computes changes. A parameter must
    not be written to afterwards: it may be that of another network.
    """
    known: dict[str, list[torch.Tensor]] = {}
    freed = 0
    for network in networks:
        moved: dict[int, torch.Tensor] = {}  # tied ones stay tied
        for name, own in (*network.named_parameters(), *network.named_buffers()):
            at = own.data_ptr()
            others = known.setdefault(name, [])
            same = moved[at] if at in moved else next((one for one in others if _equal(one, own.data)), None)
            if same is None:
                others.append(own.data)
            elif same.data_ptr() != at:
                freed += 0 if at in moved else own.untyped_storage().nbytes()
                own.data = moved[at] = same
    return freed


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are the same to the last bit; NaN is not looked into."""
    if one.data_ptr() == other.data_ptr():
        return True
    alike = one.dtype == other.dtype and one.shape == other.shape and one.device == other.device
    return alike and one.stride() == other.stride() and torch.equal(one, other)
