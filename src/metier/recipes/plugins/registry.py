"""The registry of plug-ins: a package is a kind, a file in it is a name.

A file defines a class, which is made with the settings of the recipe. A dataset's file defines what is made already:
the dataset, and the benchmarks beside it, which have names of their own.

Other packages join through entry points: group `metier.methods`, name `orpo`, value `their_package.orpo`.
"""

import importlib
import inspect
import pkgutil
import sys
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from metier.errors import UserError, shown
from metier.recipes.plugins.files import from_file, loaded
from metier.recipes.renamed import hint

# Kind -> what a file of this kind defines.
KINDS = {
    "industries": "Industry",
    "datasets": "DATASET",
    "formats": "Format",
    "converters": "Converter",
    "steps": "Step",
    "methods": "Method",
    "benchmarks": "BENCHMARKS",
    "scorers": "Scorer",
    "metrics": "Metric",
    "baselines": "Baseline",
    "exports": "Export",
}
# Kind -> the package whose files are its plug-ins.
PACKAGES = {
    "industries": "metier.industries",
    "formats": "metier.data.formats",
    "converters": "metier.data.converters",
    "steps": "metier.data.steps",
    "methods": "metier.methods",
    "scorers": "metier.evaluation.scorers",
    "metrics": "metier.evaluation.metrics",
    "baselines": "metier.evaluation.baselines",
    "insights": "metier.evaluation.insights",
    "exports": "metier.export.forms",
    "datasets": "metier.datasets",
}
MADE = ("datasets", "benchmarks")
"""Kinds whose files define instances."""
# What the engine asks of a plug-in before anything is built, and where to look for it.
PARTS = {
    "industries": ("name", "ship", "insights", "costs", "cost_per_hour", "intended_use", "limits"),
    "datasets": ("name", "license", "labeled", "pairs", "task", "rows", "batches", "fingerprint", "problems"),
    "formats": ("suffixes", "read"),
    "converters": ("columns",),
    "steps": ("apply", "version", "rowwise", "because", "noted", "uses_benchmarks", "fingerprint"),
    "methods": ("reads", "seconds", "train"),
    "benchmarks": ("name", "questions", "render", "label_set", "build_scorer", "build_metrics"),
    "scorers": ("version", "chooses", "gives", "baseline", "ask", "judge", "misfit", "free_text"),
    "metrics": ("unit", "higher_is_better", "share_of_right", "reads", "prices_mistakes", "statistics", "value"),
    "baselines": (
        "version",
        "learns",
        "fast",
        "on_this_machine",
        "reusable",
        "misfit",
        "ready",
        "fingerprint",
        "fit",
        "load",
    ),
    "exports": ("holds_model", "quantizations", "write"),
}
BASES = {
    "steps": "metier.data.step.StepLike",
    "scorers": "metier.evaluation.scoring.ScorerLike",
    "metrics": "metier.evaluation.predictions.MetricLike",
    "baselines": "metier.evaluation.baseline.BaselineLike",
    "industries": "metier.industries.BaseIndustry",
    "datasets": "metier.datasets.BaseDataset",
    "benchmarks": "metier.datasets.Benchmark",
    "exports": "metier.export.forms.ExportLike",
}


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    if kind == "benchmarks":
        return sorted(our_benchmarks() | _joined_benchmarks())
    package = importlib.import_module(PACKAGES[kind])
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return sorted(own | _joined(kind, tuple(sys.path)).keys())


@cache
def _joined(kind: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Name -> the plug-in of another package on `path`. Looked up once: it reads a file of every package that is
    installed, which took three quarters of the time of `metier report` on a small run."""
    points = entry_points(group=f"metier.{kind}")
    by_name = {point.name: point for point in points}
    for point in points:
        if (other := by_name[point.name].value) != point.value:
            raise UserError(f"Two packages have {kind} named '{point.name}': {point.value}, {other}. Uninstall one.")
    return by_name


def our_benchmarks() -> dict[str, str]:
    """Benchmark -> the dataset of this package in whose file it stands. Reading all files takes 20 ms."""
    package = importlib.import_module("metier.datasets")
    return dict(_declared(tuple(module.name for module in pkgutil.iter_modules(package.__path__))))


@cache
def _declared(datasets: tuple[str, ...]) -> dict[str, str]:
    return {
        benchmark.name: dataset
        for dataset in datasets
        for benchmark in _benchmarks_of(dataset, _from_registry("datasets", dataset))
    }


def _joined_benchmarks() -> dict[str, str]:
    """Benchmark -> the dataset of another package in whose file it stands."""
    return {
        benchmark.name: dataset
        for dataset in _joined("datasets", tuple(sys.path))
        for benchmark in _benchmarks_of(dataset, _from_registry("datasets", dataset))
    }


def _benchmarks_of(name: str, module: ModuleType) -> list[Any]:
    """What stands in a file as BENCHMARKS, if anything does."""
    declared = getattr(module, KINDS["benchmarks"], [])
    if not isinstance(declared, list):
        raise UserError(f"{shown(name)}: BENCHMARKS is {shown(declared)}, and no list. Define a list of that name.")
    for benchmark in declared:
        _fit("benchmarks", name, benchmark)
    return declared


def find(kind: str, name: str) -> Any:
    """The class behind a name, or behind a path to a Python file (`./examples/insurance.py`); of a dataset and a
    benchmark what the file has made, which is not to be changed: `build` gives a copy."""
    module = _module(kind, name)
    if kind == "benchmarks":
        return _one_of(_benchmarks_of(name, module), name)
    plug_in, what = getattr(module, KINDS[kind], None), "dataset" if kind in MADE else "class"
    if plug_in is None:
        raise UserError(
            f"{shown(name)} is no plug-in of the kind {kind}: it defines no {what} {KINDS[kind]}. Define one there."
        )
    if isinstance(plug_in, type) == (kind in MADE):
        wrong = f"{shown(name)}: {KINDS[kind]} is {shown(plug_in)}, and no {what}."
        raise UserError(f"{wrong} Define a {what} of that name.")
    _fit(kind, name, plug_in)
    return plug_in


def defined(kind: str, name: str, what: str, otherwise: Any) -> Any:
    """What the file of a plug-in defines under a name of its own, such as `NEEDS_LATENCY`; else `otherwise`."""
    return getattr(_module(kind, name), what, otherwise)


def about(kind: str, name: str) -> str:
    """What a plug-in says of itself."""
    if kind == "datasets":
        return inspect.cleandoc(_module(kind, name).__doc__ or "")
    plug_in = find(kind, name)
    return str(plug_in.description) if kind == "benchmarks" else inspect.cleandoc(plug_in.__doc__ or "")


def _module(kind: str, name: str) -> ModuleType:
    if name.endswith(".py"):
        return from_file(Path(name))
    if kind != "benchmarks":
        return _from_registry(kind, name)
    dataset = our_benchmarks().get(name) or _joined_benchmarks().get(name)
    if not dataset:
        raise UserError(f"There is no benchmark {shown(name)}.{hint(singular(kind), name, names(kind))}")
    return _from_registry("datasets", dataset)


def _one_of(benchmarks: list[Any], name: str) -> Any:
    """The benchmark of this name; of a file that is named by its path, the only one."""
    matching = [benchmark for benchmark in benchmarks if name.endswith(".py") or benchmark.name == name]
    if len(matching) != 1:
        raise UserError(
            f"{shown(name)} defines {len(matching)} BENCHMARKS. A file that is named by its path as a benchmark "
            "has one."
        )
    return matching[0]


def _fit(kind: str, name: str, plug_in: Any) -> None:
    """Raises `UserError` where what comes from outside this package lacks what its kind must have."""
    of = plug_in if isinstance(plug_in, type) else type(plug_in)
    if of.__module__.startswith("metier."):
        return
    what = f"{'the class ' if kind not in MADE else ''}{KINDS[kind]}"
    has = {*dir(plug_in), *(field.name for field in (fields(of) if is_dataclass(of) else ()))}
    if lacks := [part for part in PARTS[kind] if part not in has]:
        example = f"Derive it from {BASES[kind]}." if kind in BASES else f"`metier.{kind}` says what it must have."
        raise UserError(f"{name}: {what} has no {', '.join(map(repr, lacks))}. {example}")
    if not is_dataclass(of) and (kind in MADE or of.__init__ is not object.__init__):  # type: ignore[misc]
        raise UserError(f"{name}: {what} is no dataclass. Write `@dataclass` above its class: its fields are settings.")


def singular(kind: str) -> str:
    return KINDS[kind].lower().removesuffix("s")


def _from_registry(kind: str, name: str) -> ModuleType:
    if point := _joined(kind, tuple(sys.path)).get(name):
        module: ModuleType = loaded(f"The plug-in '{name}' ({point.value})", None, point.load)
        return module
    if name not in names(kind):
        raise UserError(f"There is no {singular(kind)} {shown(name)}.{hint(singular(kind), name, names(kind))}")
    return importlib.import_module(f"{PACKAGES[kind]}.{name}")
