"""Where a base model comes from: what it is called on the hub, and under which license."""

import re
from dataclasses import dataclass
from pathlib import Path

from metier.engine.models.weights import ALIASES, FAKE
from metier.errors import UserError
from metier.recipes import strict_yaml

FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", flags=re.S)


@dataclass(frozen=True)
class Origin:
    """A base model as others know it; never a path of this machine."""

    name: str
    hub_id: str | None = None
    """None where the model has no address on the hub that is known."""
    license: str | None = None
    """None where nothing says it."""
    note: str | None = None
    """How the weights that were trained on differ from those on the hub."""


def origin_of(model: str, folder: Path) -> Origin:
    """The origin of the model of this name, whose files are in `folder`."""
    if model in ALIASES:
        return Origin(model, ALIASES[model].hub_id, ALIASES[model].license, ALIASES[model].note)
    if model == FAKE:
        return Origin(FAKE)
    license_ = _license_of(folder)
    return Origin(Path(model).name, license=license_) if Path(model).exists() else Origin(model, model, license_)


def _license_of(folder: Path) -> str | None:
    """What the front matter of a model's card says; cards of the hub are not fetched with the weights."""
    card = folder / "README.md"
    if not card.is_file() or not (found := FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace"))):
        return None
    try:
        given = strict_yaml.load(found[1], str(card))
    except UserError:  # the card of somebody else, which nothing rests on
        return None
    said = given.get("license") if isinstance(given, dict) else None
    return said if isinstance(said, str) else None
