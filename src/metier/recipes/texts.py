"""What is said of a model on its pages: by the recipe, else by its pack where the model is the pack's own.

A pack describes the model that its own data make. Of a model that learned or is judged by other data it says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metier.recipes import plugins
from metier.recipes.description import stated
from metier.recipes.schema import Recipe

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Texts:
    """What a run's pages say of its model; None: nobody said it."""

    pack: str
    """The pack's name: its key figures are shown of every model."""
    tuned_for: str
    """The pack's name, or the benchmarks of another model."""
    intended_use: str | None
    limits: str | None
    of_pack: bool
    """Whether the model is the pack's own."""
    owner: str | None
    reviewer: str | None
    monitoring: str | None
    intended_use_from: str
    """Where the intended use is stated, or would be."""
    glossary: Sequence[str] = field(default=(), repr=False)

    @property
    def tags(self) -> list[str]:
        """By which the hub finds the model."""
        return ["metier", *([self.tuned_for] if self.of_pack else [])]


def texts_of(recipe: Recipe) -> Texts:
    """What the recipe says, and its pack where the recipe learns from the pack's datasets and is judged by its
    benchmarks: all of them, and no others."""
    pack = plugins.find("industries", recipe.industry)()
    own = _names(recipe.datasets) == _names(pack.datasets) and _names(recipe.benchmarks) == _names(pack.benchmarks)
    own = own and _names(recipe.benchmarks) is not None
    said = stated(recipe.intended_use)
    of_pack = stated(pack.intended_use) if own else None
    return Texts(
        pack=pack.name,
        tuned_for=pack.name if own else ", ".join(_name(use) for use in recipe.benchmarks),
        intended_use=said or of_pack,
        limits=stated(pack.limits) if own else None,
        of_pack=own,
        owner=stated(recipe.owner),
        reviewer=stated(recipe.reviewer),
        monitoring=stated(recipe.monitoring),
        intended_use_from=f"the pack {pack.name}" if of_pack and not said else "recipe.yaml",
        glossary=tuple(pack.glossary) if own else (),
    )


def costs_of(recipe: Recipe, benchmark: str) -> Mapping[str, float]:
    """The pack's prices of mistakes, for its own benchmarks only: a label of the same name elsewhere is another one."""
    pack = plugins.find("industries", recipe.industry)()
    both = ([_name(use) for use in uses if not _is_file(use)] for uses in (recipe.benchmarks, pack.benchmarks))
    costs: Mapping[str, float] = pack.costs
    return costs if all(benchmark in names for names in both) else {}


def _names(uses: Sequence[plugins.Use]) -> set[str] | None:
    """Of plug-ins that a recipe names; None where one of them is a file of the user's own."""
    return None if any(map(_is_file, uses)) else {_name(use) for use in uses}


def _is_file(use: plugins.Use) -> bool:
    return isinstance(use, Mapping) and "path" in use


def _name(use: plugins.Use) -> str:
    return str(use.get("name", "")) if _is_file(use) else plugins.named(use)[0]
