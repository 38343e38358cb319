"""Several processes that train together, as torchrun starts them; without it there is one."""

import os
from typing import Any

from metier.errors import UserError, shown

# What torch reads to find the others.
TOGETHER = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def count() -> int:
    """How many there are. Raises `UserError` where the environment is not one that torchrun makes."""
    processes = _number("WORLD_SIZE", 1)
    if processes < 1:
        raise UserError(f"The environment variable WORLD_SIZE is {processes}. {_advice()}")
    if processes > 1 and (lacks := [name for name in TOGETHER if not os.environ.get(name)]):
        raise UserError(f"WORLD_SIZE is {processes}, but {', '.join(lacks)} is not set. {_advice()}")
    return processes


def first() -> bool:
    """Whether this is the one that writes files and speaks."""
    rank = _number("RANK", 0)
    if not 0 <= rank < count():  # one that is not the first writes nothing and says nothing
        raise UserError(f"RANK is {rank}, of {count()} processes (WORLD_SIZE). {_advice()}")
    return rank == 0


def wait() -> None:
    """Go on when all have come here."""
    if count() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()


def added(values: list[float]) -> list[float]:
    """Each value summed over all processes, which all have to come here."""
    if count() == 1:
        return values
    import torch
    from accelerate import PartialState
    from accelerate.utils import reduce

    device = PartialState(cpu=not torch.cuda.is_available()).device
    sums: list[float] = reduce(torch.tensor(values, device=device), "sum").tolist()
    return sums


def unwrapped(network: Any) -> Any:
    """The network itself: torch wraps it where several processes train it."""
    return getattr(network, "module", network)


def _number(name: str, default: int) -> int:
    value = os.environ.get(name) or str(default)
    try:
        return int(value)
    except ValueError as error:
        wrong = f"The environment variable {name} is {shown(value)}, which is no number."
        raise UserError(f"{wrong} {_advice()}") from error


def _advice() -> str:
    return "torchrun sets it; without torchrun, remove it: `unset WORLD_SIZE RANK LOCAL_RANK`."
