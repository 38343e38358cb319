"""What freed memory is kept for: the next training step, yes; another model or batch of questions, no; kernels for old
shapes, few."""

import ctypes
import gc
import os
import platform

# From glibc's malloc.h. By default every tensor above 32 MB is a mapping of its own, which the kernel hands out page by
# page, zeroed, each time.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -2, -3, -4, -8


CACHE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
KERNELS, KERNEL_MB = 512, 0.7
"""Products that oneDNN keeps compiled, and what each takes. A step has some 40 kinds, and sizes are rounded
(`forest.rounded`) so that the next step has the same. With oneDNN's own 1,024, and where no two sizes were alike, a
training of 2,048 tokens a step grew from 3 to 9.1 GB."""


def keep_few_kernels() -> None:
    """Bound oneDNN's cache of compiled products. Heard only before the process's first product; a user's own setting
    stands."""
    os.environ.setdefault(CACHE, str(KERNELS))


def kernels_mb() -> float:
    """What compiled products take in the end, of which a few steps show little."""
    return KERNEL_MB * int(os.environ.get(CACHE, KERNELS))


def for_training() -> None:
    """Keep what a step frees for the next, since new memory would be zeroed again.

    Measured on 2 cores, smollm2-135m, 25 training steps of about 2,000 tokens and varied widths, alternating: medians
    of three went from 1,005 to 1,081 tokens/s, the peak from 3.9 to 4.2 GB; at 1,000 tokens a step the difference is
    within the noise. Figures are the same to the last digit.
    """
    _set((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 64 << 20))


def for_answering() -> None:
    """Give each large tensor back as soon as it is freed.

    Batches of questions differ more than steps do, and kept memory falls into pieces that the next batch does not fit
    into: on the default run's questions a process grew from 1.4 to 2.6 to 3.0 GB in 26 batches, and stays at 1.4 this
    way, for 2 to 4 % of the processor's time.
    """
    _set((ARENA_MAX, 1), (MMAP_MAX, 65536), (MMAP_THRESHOLD, 32 << 20))


def _set(*settings: tuple[int, int]) -> None:
    """Give back what is free now, reference cycles included, and go on with these settings; on another allocator than
    glibc's neither."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.malloc_trim(0)
        for name, value in settings:
            library.mallopt(name, value)
