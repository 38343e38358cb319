"""The recipe: what a run does. Unknown keys are refused with the nearest right one, all problems said at once."""

import copy
import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from metier.data.dataset import DatasetLike
from metier.data.reading import FileSource
from metier.errors import Problems, UserError, shown
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.opponents import Opponents
from metier.recipes import plugins, strict_yaml
from metier.recipes.description import Description
from metier.recipes.names import file_name
from metier.recipes.renamed import RENAMED, hint
from metier.recipes.settings import unusable, why

DEFAULT_INDUSTRY = "clinical_coding"
QUICK_ROWS, QUICK_QUESTIONS = 512, 150
LARGEST_MARGIN = 1_000
"""More would always be kept, in whatever unit."""
HIGHEST_SEED = 2**32 - 1
"""numpy and scikit-learn take no higher one."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True)]


class Ship(BaseModel):
    """When a gain is worth shipping."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    min_gain: Number = Field(default=0.02, ge=0, le=1)
    """The smallest gain in the first metric that is worth shipping, over the base model and over the baseline."""
    alpha: Number = Field(default=0.05, gt=0, lt=0.5)
    """Chance of a false SHIP that you accept, over all benchmarks together."""
    against: Text | None = None
    """The baseline that decides, by its name; left out: the first of `baselines`."""
    mode: Literal["better", "not_worse"] = "better"
    """What has to be shown against it: `better`, or `not_worse` by more than `margin`."""
    margin: Number = Field(default=0.02, ge=0, le=LARGEST_MARGIN)
    """With `not_worse`: how much worse than the baseline the model may be, in the unit of the first metric."""


class ExportTest(BaseModel):
    """When an exported artifact is as good as the run."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    margin: Number = Field(default=0.01, ge=0, le=LARGEST_MARGIN)
    """How much worse an exported artifact may be in the first metric of a benchmark, in its unit."""


PARTS: dict[str, type[BaseModel]] = {"ship": Ship, "export": ExportTest}
"""Keys of a recipe that have keys of their own."""


class Recipe(Description):
    """A recipe with every blank filled in."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    industry: Text = DEFAULT_INDUSTRY
    """The pack that fills in what is left out: a name, or a path to a Python file."""
    model: Text = "smollm2-135m"
    """Alias, hub id or folder."""
    datasets: list[plugins.Use] = []
    """What the model learns from: names, or {path: ..., text: ..., label: ..., license: ...}."""
    steps: list[plugins.Use] = []
    """What cleans it, in order."""
    methods: list[plugins.Use] = []
    """What trains on it, in order; each goes on with the adapter of the one before."""
    benchmarks: list[plugins.Use] = []
    """What judges the model: names, or {name: ..., path: ..., text: ..., label: ..., prompt: ...}."""
    baselines: list[plugins.Use] = []
    """What the model is held against, besides the base model; left out: what each benchmark's scorer names."""
    retention: dict[Text, Annotated[Number, Field(ge=0, le=LARGEST_MARGIN)] | Literal["monitor"]] = {}
    """What must not be forgotten: benchmark -> how much worse it may become, in its own unit; `monitor`: it is shown on
    page one and does not affect the decision."""
    ship: Ship = Ship()
    """When the verdict is SHIP."""
    export: ExportTest = ExportTest()
    """What `metier verify-export` allows."""
    candidate: Literal["auto", "model", "blend"] = "auto"
    """What is judged: the tuned model alone (`model`), mixed with the baseline (`blend`), or whichever of the two is
    better on held-out rows (`auto`)."""
    embedding: Text | None = None
    """Folder of static embeddings (model2vec) that find neighbors for the representativeness report; left out:
    TF-IDF and a truncated SVD."""
    seed: int = Field(default=0, strict=True, ge=0, le=HIGHEST_SEED)
    """Where all randomness comes from: a whole number from 0 to 4,294,967,295."""
    quick: bool = Field(default=False, strict=True)
    """Few rows and few questions, to test all stages; gives no verdict."""

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        if why := unusable(value):
            raise ValueError(why)
        return value

    def build_datasets(self) -> list[DatasetLike]:
        return [build_one("datasets", use) for use in self.datasets]

    def build_steps(self) -> list[tuple[str, Any]]:
        """Each with its name, which becomes a file's."""
        return [(name_of("steps", use), build_one("steps", use)) for use in self.steps]

    def build_methods(self) -> list[tuple[str, Any]]:
        """Each with its name, which becomes a folder's."""
        return [(name_of("methods", use), build_one("methods", use)) for use in self.methods]

    def build_benchmarks(self) -> list[Benchmark]:
        opponents = self.opponents()
        return [replace(build_one("benchmarks", use), opponents=opponents) for use in self.benchmarks]

    def opponents(self) -> Opponents:
        """The baselines, and how they decide. Raises `UserError` where `ship.against` names none of them."""
        return Opponents.of(self.baselines, self.ship.against, self.ship.mode, self.ship.margin)

    def build_retention(self) -> list[tuple[Benchmark, float | None]]:
        """Benchmark and margin; None where it is only monitored."""
        return [
            (build_one("benchmarks", name), None if margin == "monitor" else margin)
            for name, margin in self.retention.items()
        ]

    def as_yaml(self) -> str:
        return strict_yaml.dump(self.model_dump())


def load(path: Path | None = None, industry: str | None = None, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a file (or the default one), with the industry's blanks filled in and `--set` changes applied.

    Raises `Problems` with all that is wrong with its keys and their types; `check` looks into the plug-ins.
    """
    folder = path.parent.resolve() if path else Path.cwd()
    return from_keys(_read(path) if path else {}, folder, industry, changes)


def from_keys(
    keys: Mapping[str, Any], folder: Path, industry: str | None = None, changes: Sequence[str] = ()
) -> Recipe:
    """The recipe of these keys, whose paths are relative to `folder`; raises as `load`."""
    given = dict(keys)
    for change in [*changes, *([f"industry={industry}"] if industry else [])]:
        if change.startswith("industry="):
            given["industry"] = change.removeprefix("industry=")
    problems = [
        _renamed(key) or f"A recipe has no key {shown(key)}.{hint('recipe', str(key), Recipe.model_fields)}"
        for key in given
        if key not in Recipe.model_fields
    ]
    try:
        filled = _with_defaults({key: value for key, value in given.items() if key in Recipe.model_fields})
        # `retention` last: what of the pack's is left of it goes by the benchmarks, and changes go on from there.
        of_retention = [change for change in changes if change.startswith(("retention.", "retention="))]
        for change in changes:
            if change not in of_retention and not change.startswith("industry="):  # which is said above
                _apply(filled, change)
        if "retention" not in given:
            filled["retention"] = _retention_of(filled["benchmarks"], str(filled["industry"]))
        for change in of_retention:
            _apply(filled, change)
    except UserError as error:
        raise Problems([*problems, str(error)]) from error
    recipe = _validated(filled, problems)
    absolute: dict[str, Any] = {key: _absolute(getattr(recipe, key), folder) for key in ("datasets", "benchmarks")}
    absolute["baselines"] = [_with_absolute_settings(use, folder) for use in recipe.baselines]
    if recipe.industry.endswith(".py"):  # relative to where the command was called, as it was found
        absolute["industry"] = str(Path(recipe.industry).resolve())
    return recipe.model_copy(update=absolute)


def task_of(dataset: DatasetLike, benchmarks: list[Benchmark]) -> Benchmark | None:
    """The benchmark whose prompt asks the rows of a dataset: the one it names (`task`), the first that reads it, or the
    only one there is, unless the dataset has a published benchmark of its own: then its rows are other questions (asked
    under one prompt, "Yes" to a category would be learned as a type of clause)."""
    if dataset.task:
        return next((benchmark for benchmark in benchmarks if benchmark.name == dataset.task), None)
    reading = [benchmark for benchmark in benchmarks if benchmark.dataset_name == dataset.name]
    if reading:
        return reading[0]
    alone = benchmarks[0] if len(benchmarks) == 1 else None
    return alone if alone is not None and (alone.name == dataset.name or not has_benchmark(dataset)) else None


def has_benchmark(dataset: DatasetLike) -> bool:
    return dataset.name in plugins.our_benchmarks()


def _renamed(key: object) -> str | None:
    new = RENAMED["recipe"].get(str(key))
    return f"A recipe's `{key}` is now called `{new}`." if new else None


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(strict_yaml.MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise UserError(f"There is no recipe {path}. Give the path of a YAML file, or leave it out.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    given = strict_yaml.load(text, str(path))
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UserError(f"{path} is no recipe: it must be a mapping such as `industry: finance`.")
    return given


def _apply(given: dict[str, Any], change: str) -> None:
    """`--set a.b=c`: keys go down into mappings, and names into lists: of plug-ins (methods.sft.epochs=2), and of one's
    own benchmarks by their `name` and datasets by their file's (datasets.tickets.text=note)."""
    key, equals, value = change.partition("=")
    if not equals or not key:
        raise UserError(f"{_set(change)} is no change. Write it as key=value, for example --set ship.min_gain=0.05.")
    *path, last = key.split(".")
    if len(path) >= strict_yaml.DEEPEST:
        raise UserError(f"{_set(change)} names {len(path) + 1:,} keys within each other; a recipe has about five.")
    if why := _renamed(key.split(".")[0]):
        raise UserError(f"{_set(change)}: {why}")
    at: Any = given
    for part in path:
        at = (
            _item(at, part, change)
            if isinstance(at, list)
            else at.setdefault(part, {})
            if isinstance(at, dict)
            else None
        )
    if not isinstance(at, dict):
        raise UserError(f"{_set(change)} does not fit the recipe: there is nothing to set at {shown(last)}.")
    at[last] = strict_yaml.load(value, f"{_set(change)}: the value")


def _set(change: str) -> str:
    return shown(f"--set {change}")


def _item(uses: list[Any], name: str, change: str) -> dict[str, Any]:
    """The settings of the first plug-in or entry of this name; one that is written as a plain name gets an empty
    mapping."""
    for position, use in enumerate(uses):
        if isinstance(use, dict) and "path" in use and name == str(use.get("name") or Path(str(use["path"])).stem):
            return use
        if isinstance(use, str) and use == name:
            uses[position] = {name: {}}
        if isinstance(uses[position], dict) and name in uses[position]:
            settings: dict[str, Any] = uses[position][name] or {}
            uses[position][name] = settings
            return settings
    raise UserError(f"{_set(change)}: the recipe's list has no {shown(name)}.")


def _with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """What the industry says, where the user says nothing; `ship` is merged key by key."""
    pack = plugins.find("industries", str(given.get("industry", DEFAULT_INDUSTRY)))()
    filled = {
        key: copy.deepcopy(getattr(pack, key)) for key in ("datasets", "steps", "methods", "benchmarks", "retention")
    }
    ship = given.get("ship", {})
    return {
        "industry": DEFAULT_INDUSTRY,
        **filled,
        **given,
        "ship": {**pack.ship, **ship} if isinstance(ship, dict) else ship,
    }


def _retention_of(benchmarks: list[plugins.Use], industry: str) -> dict[str, Any]:
    """The pack's `retention`. What it only monitors comes with its own benchmarks: others must not need its data."""
    pack = plugins.find("industries", industry)()
    own = benchmarks == pack.benchmarks
    return {name: margin for name, margin in pack.retention.items() if own or margin != "monitor"}


def _validated(filled: dict[str, Any], problems: list[str]) -> Recipe:
    try:
        recipe = Recipe(**filled)
    except ValidationError as error:
        for e in error.errors():
            where, known = (
                ".".join(map(str, e["loc"])),
                PARTS.get(str(e["loc"][0]), Recipe).model_fields,
            )
            if e["type"] == "extra_forbidden":
                place = "recipe" if len(e["loc"]) == 1 else str(e["loc"][0])
                problems.append(f"A recipe has no key {shown(where)}.{hint(place, str(e['loc'][-1]), known)}")
            else:
                problems.append(f"The recipe's `{where}` cannot be {shown(e['input'])}. {why(e)}.")
    if problems:
        raise Problems(problems)
    return recipe


def _absolute(uses: list[Any], folder: Path) -> list[Any]:
    """Paths in a recipe are relative to its folder; from here on they are absolute."""
    return [
        {**use, "path": _placed(use["path"], folder)}
        if isinstance(use, dict) and isinstance(use.get("path"), str)
        else use
        for use in uses
    ]


def _with_absolute_settings(use: Any, folder: Path) -> Any:
    """The same for a baseline, whose settings name its files: {answers: {path: ...}}, {knn: {embeddings: ...}}."""
    if not (isinstance(use, dict) and len(use) == 1):
        return use
    ((name, settings),) = use.items()
    if not isinstance(settings, dict):
        return use
    files = {key: str(folder / settings[key]) for key in ("path", "embeddings") if isinstance(settings.get(key), str)}
    return {name: {**settings, **files}}


def _placed(path: str, folder: Path) -> str:
    """In a pattern only what the recipe says is one: `[x]` in the folder's own name is its name."""
    pattern = glob.has_magic(path) and not (folder / path).exists()
    return str(Path(glob.escape(str(folder))) / path) if pattern else str(folder / path)


def name_of(kind: str, use: Any) -> str:
    """What a plug-in is called in files: its name, or the stem of the file that it is given by. Raises `UserError`
    where that is no name for a file."""
    name, _ = plugins.named(use)
    return file_name(Path(name).stem if name.endswith(".py") else name, f"{plugins.singular(kind)} name")


def build_one(kind: str, use: Any) -> Any:
    if isinstance(use, Mapping) and "path" in use and kind in ("datasets", "benchmarks"):
        return _build_own(kind, dict(use))
    name, settings = plugins.named(use)
    return plugins.build(kind, name, settings)


def _build_own(kind: str, settings: dict[str, Any]) -> Any:
    """A dataset or benchmark written in the recipe itself."""
    plug_in: type = FileSource if kind == "datasets" else Benchmark
    return plugins.construct(plug_in, f"{plugins.singular(kind)} {settings['path']}", settings)
