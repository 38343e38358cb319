"""Keep freed memory in the process, so that the next tensor of the same size does not have to be zeroed again."""

import ctypes
import platform

# From glibc's malloc.h. By default every tensor above 32 MB is a mapping of its own, which the kernel hands out page by
# page, zeroed, each time.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8


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
