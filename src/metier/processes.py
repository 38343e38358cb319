"""Several processes that train together, as torchrun starts them; without it there is one."""

import os


def count() -> int:
    """How many there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this is the one that writes files and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def wait() -> None:
    """Go on when all have come here."""
    if count() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()
