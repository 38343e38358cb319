"""Fine-tune an open language model for an industry, and test whether it got better.

import metier

run = metier.run("recipe.yaml")
print(run.verdict.decision, run.report)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "Problems",
    "Recipe",
    "Run",
    "SeedsVerdict",
    "UserError",
    "Verdict",
    "check",
    "curate",
    "evaluate",
    "load_recipe",
    "load_run",
    "report",
    "run",
    "train",
]

if TYPE_CHECKING:
    from metier.api import Run, check, curate, evaluate, load_recipe, load_run, report, run, train
    from metier.errors import Problems, UserError
    from metier.evaluation.results import SeedsVerdict, Verdict
    from metier.recipes.schema import Recipe

HOMES = {
    "Problems": "metier.errors",
    "UserError": "metier.errors",
    "SeedsVerdict": "metier.evaluation.results",
    "Verdict": "metier.evaluation.results",
    "Recipe": "metier.recipes.schema",
}
"""Where a public name is defined, if not in `metier.api`."""


def __getattr__(name: str) -> Any:
    # At the first use: `metier --help` answers before numpy and pydantic are loaded.
    if name not in __all__:
        raise AttributeError(f"module 'metier' has no attribute {name!r}")
    return getattr(import_module(HOMES.get(name, "metier.api")), name)
