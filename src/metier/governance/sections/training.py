"""How the model was made."""

from collections.abc import Iterator
from typing import Any

from metier.engine.models.weights import ALIASES
from metier.governance.material import Material
from metier.governance.references import DEVELOPMENT, SOUNDNESS
from metier.governance.values import Fact, Filled, Heading, Table

HEADING = Heading(key="training", title="Training", annex_iv=("2(a)", "2(b)", "2(c)"), sr_11_7=(DEVELOPMENT, SOUNDNESS))
MARK = "train.done.json"


def fill(material: Material) -> Filled:
    """The base model, the methods with all their settings, and what training took."""
    return Filled(
        facts=(*_base(material), *_outcome(material)),
        tables=(*_methods(material),),
        notes=(
            "What is learned: the right answers of the training rows. What is optimized is said in the docs, page "
            "methods.md.",
        ),
        to_add=("why this base model and this method were chosen, and what else was considered",),
    )


def _base(material: Material) -> Iterator[Fact]:
    name = str(material.lock["model"]["name"])
    yield Fact(name="Base model", value=material.plain(name), source="recipe.yaml")
    if known := ALIASES.get(name):
        origin = f"{known.hub_id}, license {known.license}; {known.note}"
        yield Fact(name="Origin of the base model", value=origin, source="the model's alias in Metier")
    yield Fact(name="SHA-256 of the base model", value=str(material.lock["model"]["sha256"]), source="lock.json")


def _outcome(material: Material) -> Iterator[Fact]:
    trained, lock = material.run.result("train"), material.lock
    yield Fact(name="SHA-256 of the trained weights", value=str(trained["adapter_sha256"]), source=MARK)
    yield Fact(name="SHA-256 of the training rows", value=str(trained["rows_sha256"]), source=MARK)
    yield Fact(name="Seeds", value=", ".join(map(str, lock["seeds"])), source="lock.json")
    if averaged := lock.get("averaged"):
        mean = f"{lock['scale']} times the mean change of {', '.join(averaged)}"
        yield Fact(name="The weights are an average", value=mean, source="lock.json")
    if "dtype" in lock:
        yield Fact(name="Number format", value=str(lock["dtype"]), source="lock.json")
    for name, key in {"Steps": "steps", "Tokens learned from": "tokens"}.items():
        if key in trained:
            yield Fact(name=name, value=f"{trained[key]:,}", source=MARK)
    yield Fact(name="Seconds", value=f"{trained['seconds']:,}", source=MARK)
    yield Fact(name="Peak memory of the process", value=f"{trained['peak_memory_mb']:,} MB", source=MARK)
    machine = lock["machine"]
    yield Fact(name="Machine", value=f"{machine['processor']}, {machine['cores']} cores", source="lock.json")


def _methods(material: Material) -> Iterator[Table]:
    for number, (name, method) in enumerate(material.run.recipe.build_methods(), start=1):
        settings: dict[str, Any] = vars(method)
        rows = tuple((key, material.shown(value)) for key, value in settings.items())
        title = f"Method {number}: {name}, all settings"
        yield Table(title=title, columns=("setting", "value"), rows=rows, source="recipe.yaml")
