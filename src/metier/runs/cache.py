"""Where things are kept that outlive a run: models, compiled kernels, how often a test set was opened."""

import os
from pathlib import Path

from metier.errors import UserError


def cache_folder() -> Path:
    """The folder. Raises `UserError` where the user has none."""
    if named := os.environ.get("METIER_CACHE"):
        return Path(named)
    try:
        return Path.home() / ".cache" / "metier"
    except RuntimeError as error:
        raise UserError("There is no home folder to keep models in. Set METIER_CACHE to a folder.") from error
