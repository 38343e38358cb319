"""Keep freed memory in the process, so that the next tensor of the same size does not have to be zeroed again."""

import ctypes
import platform

# From glibc's malloc.h. By default every tensor above 32 MB is a mapping of its own, which the kernel hands out page by
# page, zeroed, each time: a fifth of a training step. Figures are the same bit for bit.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> bool:
    """Tell the allocator not to give memory back between steps; False where it is not glibc's, and nothing changes.

    Measured on 2 cores, smollm2-135m, rows of 25 tokens: a training step of 1,000 tokens went from 840 to 920 tokens/s,
    one of 2,000 from 988 to 1,169, with the same loss to the last digit.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 64 << 20))
    return all(bool(mallopt(name, value)) for name, value in settings)
