"""Numba kernels over Arrow string buffers: no Python object a row, no Python step a word."""

import atexit
import os
import shutil
import tempfile

from numba import config
from numba.core.caching import FunctionCache

from metier.runs import distributed, terminal


def _keep_compiled() -> None:
    """Give numba a place for what it compiled. Without one it refuses a kernel that asks for it."""
    if _has_place():  # beside this file, or in the user's own cache
        return
    if own := os.environ.get("METIER_CACHE"):
        config.CACHE_DIR = os.path.join(own, "numba")  # type: ignore[attr-defined]
        if _has_place():
            return
    # Not in a shared folder that outlives the process: what numba reads from there it runs.
    config.CACHE_DIR = folder = tempfile.mkdtemp(prefix="metier-numba-")  # type: ignore[attr-defined]
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if distributed.first():
        terminal.complain(
            "Neither the package's folder nor the home can be written, so compiled code is not kept: each call "
            "compiles for a minute or so. Set METIER_CACHE to a folder that can be written."
        )


def _has_place() -> bool:
    try:
        FunctionCache(_has_place)
    except RuntimeError:
        return False
    return True


_keep_compiled()
