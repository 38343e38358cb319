"""Numba kernels over Arrow string buffers: no Python object a row, no Python step a word."""

import atexit
import os
import shutil
import tempfile

from numba import config
from numba.core.caching import FunctionCache

from metier import processes, terminal


def _keep_compiled() -> None:
    """Give numba a place for what it compiled. Without one it refuses a kernel that asks for it."""
    own = os.environ.get("METIER_CACHE")
    for folder in ("", *([os.path.join(own, "numba")] if own else ())):
        config.CACHE_DIR = folder or config.CACHE_DIR  # the first: beside this file, or in the user's cache
        try:
            FunctionCache(_keep_compiled)
            return
        except RuntimeError:  # none of them can be written
            continue
    # Not in a shared folder that outlives the process: what numba reads from there it runs.
    config.CACHE_DIR = tempfile.mkdtemp(prefix="metier-numba-")
    atexit.register(shutil.rmtree, config.CACHE_DIR, ignore_errors=True)
    if processes.first():
        terminal.complain(
            "Neither the package's folder nor the home can be written, so compiled code is not kept: each call "
            "compiles for a minute or so. Set METIER_CACHE to a folder that can be written."
        )


_keep_compiled()
