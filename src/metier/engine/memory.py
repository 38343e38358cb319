"""What memory is kept for: freed tensors, yes, since a new one would be zeroed again; kernels for old shapes, no."""

import ctypes
import gc
import os
import platform

# From glibc's malloc.h. By default every tensor above 32 MB is a mapping of its own, which the kernel hands out page by
# page, zeroed, each time.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8


KERNELS = "512"
"""Products that oneDNN keeps compiled, .7 MB each. A step has some 40 kinds, and sizes are rounded (`forest.rounded`)
so that the next step has the same. With oneDNN's own 1,024, and where no two sizes were alike, a training of 2,048
tokens a step grew from 3 to 9.1 GB."""


def keep_few_kernels() -> None:
    """Bound oneDNN's cache of compiled products. Heard only before the process's first product; a user's own setting
    stands."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)


def keep_freed_memory() -> bool:
    """Tell the allocator not to give memory back between steps; False where it is not glibc's, and nothing changes.

    Measured on 2 cores, smollm2-135m, 25 training steps of about 2,000 tokens and varied widths, alternating: medians
    of three went from 1,005 to 1,081 tokens/s, the peak from 3.9 to 4.2 GB; at 1,000 tokens a step the difference is
    within the noise. Figures are the same to the last digit.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 64 << 20))
    return all(bool(mallopt(name, value)) for name, value in settings)


def give_freed_back() -> None:
    """Give the system back what an earlier model or other work in this process left, reference cycles included.

    Without it the default run's evaluation, in the process that had trained, took 2 GB on top of training's 2.7.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
