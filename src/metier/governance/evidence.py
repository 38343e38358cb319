"""The small files of a run that lie beside its dossier, each with its hash. None holds rows, and none names a place of
the machine that it was made on."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.governance.material import SEEDS, Material
from metier.governance.values import Evidence
from metier.recipes import strict_json, strict_yaml
from metier.recipes.schema import Recipe
from metier.runs.files import file_sha256, write_text

FOLDER = "evidence"
FILES = ("plan.json", "history.jsonl", "verdict.json", "recipe.yaml", "lock.json", "model_card.md", "curate/card.md")
CARD = "curate/card.md"
SHORTENED = "Places of the machine are left out of the copy, so its hash differs."
ANSWERS = "Not copied: the answers of this task are written, and the card lists them."


def copy_evidence(material: Material, folder: Path) -> tuple[Evidence, ...]:
    """Copy the files into `folder`/evidence and say what each is. A file that is missing is left out."""
    found = [(name, material.run.folder / name) for name in FILES]
    if (material.given / SEEDS).is_file():
        found.append((SEEDS, material.given / SEEDS))
    return tuple(_copy(material, name, path, folder) for name, path in found if path.is_file())


def _copy(material: Material, name: str, path: Path, folder: Path) -> Evidence:
    sha256, size = file_sha256(path), path.stat().st_size
    if name == CARD and any(not one.build_scorer().chooses for one in material.run.recipe.build_benchmarks()):
        return Evidence(file=name, sha256=sha256, bytes=size, copy_of_it=None, copy_sha256=None, note=ANSWERS)
    text = path.read_text(encoding="utf-8", errors="replace")
    copied = without_places(material, name, text)
    place = f"{FOLDER}/{name.replace('/', '-')}"
    write_text(folder / place, copied)
    own = hashlib.sha256(copied.encode()).hexdigest()
    note = "" if own == sha256 else SHORTENED
    return Evidence(file=name, sha256=sha256, bytes=size, copy_of_it=place, copy_sha256=own, note=note)


def without_places(material: Material, name: str, text: str) -> str:
    """A file's text without the places of this machine; as it is where it names none."""
    if not any(place in text for place in material.places):
        return text
    try:
        if name == "recipe.yaml":
            return _recipe(material, text)
        if name == "lock.json":
            return _lock(material, json.loads(text))
    except (ValueError, UserError):  # a file that somebody edited is shown as it is, place by place
        pass
    return material.plain(text)


def _recipe(material: Material, text: str) -> str:
    """Value by value: YAML may break a long text over several lines."""
    recipe = strict_yaml.load(text, "recipe.yaml")
    return Recipe.model_validate(_plain(material, recipe)).as_yaml()


def _lock(material: Material, lock: dict[str, Any]) -> str:
    if "recipe" in lock:
        lock["recipe"] = _recipe(material, lock["recipe"])
    for edit in lock.get("edits", []):
        edit["recipe"] = _recipe(material, edit["recipe"])
    return strict_json.dumps(_plain(material, lock), indent=1, ensure_ascii=False) + "\n"


def _plain(material: Material, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(material, key): _plain(material, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(material, inner) for inner in value]
    return material.plain(value) if isinstance(value, str) else value
