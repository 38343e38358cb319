"""The registry of plug-ins: a package is a kind, a file in it is a name.

A file defines a class, which is made with the settings of the recipe. A dataset's file defines what is made already:
the dataset, and the benchmarks beside it, which have names of their own.

Other packages join through entry points: group `metier.methods`, name `orpo`, value `their_package.orpo`.
"""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from metier.errors import Problems, UserError, shortened, shown
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
    "datasets": "metier.datasets",
}
MADE = ("datasets", "benchmarks")
"""Kinds whose files define instances."""
# What the engine asks of a plug-in before anything is built, and where to look for it.
PARTS = {
    "industries": ("name", "ship", "insights", "costs", "machine_hour", "intended_use", "limits"),
    "datasets": ("name", "license", "labeled", "pairs", "task", "rows", "batches", "fingerprint", "problems"),
    "formats": ("suffixes", "read"),
    "converters": ("columns",),
    "steps": ("apply", "version", "rowwise", "uses_benchmarks", "fingerprint"),
    "methods": ("reads", "seconds", "train"),
    "benchmarks": ("name", "questions", "render", "label_set", "build_scorer", "build_metrics"),
    "scorers": ("version", "chooses", "gives", "baseline", "ask", "judge", "misfit", "free_text"),
    "metrics": ("unit", "higher_is_better", "share_of_right", "reads", "prices_mistakes", "statistics", "value"),
    "baselines": ("version", "answer"),
}
BASES = {
    "steps": "metier.data.step.StepLike",
    "industries": "metier.industries.BaseIndustry",
    "datasets": "metier.datasets.BaseDataset",
    "benchmarks": "metier.datasets.Benchmark",
    "scorers": "metier.evaluation.scoring.ScorerLike",
    "metrics": "metier.evaluation.predictions.MetricLike",
}
FILE_MODULE = "metier_plugin_"
"""How the names of modules begin that were given as a file."""

MOST_LETTERS = 1_500
"""Of what a plug-in says of its settings, which may hold a value of any length."""
MOST_DETAILS = 3
"""What is said of one setting: a list of a thousand labels may be wrong a thousand times."""


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
    found = {point.name: point for point in points}
    for point in points:
        if (other := found[point.name].value) != point.value:
            raise UserError(f"Two packages have {kind} named '{point.name}': {point.value}, {other}. Uninstall one.")
    return found


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
    found = getattr(module, KINDS["benchmarks"], [])
    if not isinstance(found, list):
        raise UserError(f"{shown(name)}: BENCHMARKS is {shown(found)}, and no list. Define a list of that name.")
    for benchmark in found:
        _fit("benchmarks", name, benchmark)
    return found


def find(kind: str, name: str) -> Any:
    """The class behind a name, or behind a path to a Python file (`./examples/insurance.py`); of a dataset and a
    benchmark what the file has made, which is not to be changed: `build` gives a copy."""
    module = _module(kind, name)
    if kind == "benchmarks":
        return _one_of(_benchmarks_of(name, module), name)
    found, what = getattr(module, KINDS[kind], None), "dataset" if kind in MADE else "class"
    if found is None:
        raise UserError(
            f"{shown(name)} is no plug-in of the kind {kind}: it defines no {what} {KINDS[kind]}. Define one there."
        )
    if isinstance(found, type) == (kind in MADE):
        raise UserError(f"{shown(name)}: {KINDS[kind]} is {shown(found)}, and no {what}. Define a {what} of that name.")
    _fit(kind, name, found)
    return found


def about(kind: str, name: str) -> str:
    """What a plug-in says of itself."""
    if kind == "datasets":
        return inspect.cleandoc(_module(kind, name).__doc__ or "")
    found = find(kind, name)
    return str(found.description) if kind == "benchmarks" else inspect.cleandoc(found.__doc__ or "")


def _module(kind: str, name: str) -> ModuleType:
    if name.endswith(".py"):
        return _from_file(Path(name))
    if kind != "benchmarks":
        return _from_registry(kind, name)
    dataset = our_benchmarks().get(name) or _joined_benchmarks().get(name)
    if not dataset:
        raise UserError(f"There is no benchmark {shown(name)}.{hint(singular(kind), name, names(kind))}")
    return _from_registry("datasets", dataset)


def _one_of(benchmarks: list[Any], name: str) -> Any:
    """The benchmark of this name; of a file that is named by its path, the only one."""
    found = [benchmark for benchmark in benchmarks if name.endswith(".py") or benchmark.name == name]
    if len(found) != 1:
        raise UserError(
            f"{shown(name)} defines {len(found)} BENCHMARKS. A file that is named by its path as a benchmark has one."
        )
    return found[0]


def _fit(kind: str, name: str, found: Any) -> None:
    """Raises `UserError` where what comes from outside this package lacks what its kind must have."""
    of = found if isinstance(found, type) else type(found)
    if of.__module__.startswith("metier."):
        return
    what = f"{'the class ' if kind not in MADE else ''}{KINDS[kind]}"
    has = {*dir(found), *(field.name for field in (fields(of) if is_dataclass(of) else ()))}
    if lacks := [part for part in PARTS[kind] if part not in has]:
        example = f"Derive it from {BASES[kind]}." if kind in BASES else f"`metier.{kind}` says what it must have."
        raise UserError(f"{name}: {what} has no {', '.join(map(repr, lacks))}. {example}")
    if not is_dataclass(of) and (kind in MADE or of.__init__ is not object.__init__):  # type: ignore[misc]
        raise UserError(f"{name}: {what} is no dataclass. Write `@dataclass` above its class: its fields are settings.")


def singular(kind: str) -> str:
    return KINDS[kind].lower().removesuffix("s")


def _from_registry(kind: str, name: str) -> ModuleType:
    if point := _joined(kind, tuple(sys.path)).get(name):
        loaded: ModuleType = _loaded(f"The plug-in '{name}' ({point.value})", None, point.load)
        return loaded
    if name not in names(kind):
        raise UserError(f"There is no {singular(kind)} {shown(name)}.{hint(singular(kind), name, names(kind))}")
    return importlib.import_module(f"{PACKAGES[kind]}.{name}")


def _from_file(path: Path) -> ModuleType:
    """The module of a file, which is run."""
    if not path.is_file():
        raise UserError(
            f"There is no plug-in file {shown(str(path))}. Give the path of a Python file, or the name of a plug-in."
        )
    whole = path.absolute()
    # Two files of one name are two modules: dataclasses look up their types by the module's name.
    name = f"{FILE_MODULE}{path.stem}_{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, whole)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _loaded(str(path), str(whole), partial(spec.loader.exec_module, module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _loaded(name: str, file: str | None, load: Callable[[], Any]) -> Any:
    """What `load` returns. Raises `UserError` where its author got something wrong, with the line in the file."""
    try:
        return load()
    except UserError:
        raise
    # `sys.exit()` in a plug-in would end a run with exit code 0, as if it had said SHIP.
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{name}, line {line}" if line else name
        why = f"{type(error).__name__}: {shortened(str(error), 300)}"
        raise UserError(f"{where}: the plug-in cannot be loaded ({why}). Fix it.") from error


def files_run() -> list[str]:
    """The Python files outside this package that were run as plug-ins, in the order in which they first were."""
    return [str(module.__file__) for name, module in list(sys.modules.items()) if name.startswith(FILE_MODULE)]


def own_code(plugin: Any) -> str:
    """A hash of the file that a plug-in was given by; empty for those that have a name, which have a version."""
    kind = type(plugin)
    if not kind.__module__.startswith(FILE_MODULE):
        return ""
    # Not by the module's name, which two files of one name in two folders share.
    files = {of.__code__.co_filename for of in vars(kind).values() if inspect.isfunction(of)}
    own = sorted(file for file in files if Path(file).is_file())
    return " ".join(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in own)


def named(use: Any) -> tuple[str, dict[str, Any]]:
    """`sft` or `{sft: {epochs: 2}}` -> name and settings."""
    if isinstance(use, str):
        return use, {}
    if isinstance(use, Mapping) and len(use) == 1:
        ((name, settings),) = use.items()
        if isinstance(settings, Mapping) or settings is None:
            return str(name), dict(settings or {})
    raise UserError(f"Cannot use {shown(use)}. Write a name, or one name with its settings: {{name: {{key: value}}}}.")


def build(kind: str, name: str, settings: dict[str, Any]) -> Any:
    """An instance of the plug-in with these settings; raises as `construct` does."""
    return construct(find(kind, name), f"{singular(kind)} '{name}'", settings)


def construct(found: Any, where: str, settings: dict[str, Any]) -> Any:
    """An instance of a dataclass with checked settings, or a copy of an instance in which they are changed.

    Raises `Problems` with every unknown key (and the nearest right one) and every value of a wrong type.
    """
    of = found if isinstance(found, type) else type(found)
    known = {field.name for field in _settings(of)}
    problems = [
        f"The {where} has no setting {shown(key)}.{hint(where.split(' ')[0], str(key), known)}"
        for key in settings
        if key not in known
    ]
    values, hints = {}, _hints(of, where)
    for key in sorted(known & settings.keys()):
        values[key], why = _taken(hints[key], settings[key])
        if why:
            problems.append(f"The {where} cannot take {key}: {shown(settings[key])}. {why}.")
    needed = [f.name for f in _settings(of) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in settings] if found is of else []
    problems += [f"The {where} lacks the setting '{name}'." for name in missing]
    if problems:
        raise Problems(problems)
    instance = found(**values) if found is of else replace(found, **values)
    problems = instance.problems() if hasattr(of, "problems") else []
    wrong = [f"The {where}: {shortened(problem, MOST_LETTERS)}" for problem in problems]
    if wrong:
        raise Problems(wrong)
    return instance


def _settings(found: type) -> list[Field]:
    """The fields that a recipe may set."""
    return [f for f in (fields(found) if is_dataclass(found) else ()) if f.init and f.metadata.get("setting", True)]


def _hints(found: type, where: str) -> dict[str, Any]:
    try:
        return get_type_hints(found)
    except Exception as error:  # an annotation of somebody's plug-in may be any expression
        raise UserError(f"The {where} has a type that cannot be read: {error}. Fix the plug-in.") from error


def _taken(hint: Any, given: Any) -> tuple[Any, str | None]:
    """(the value of a setting of this type, why it cannot be)."""
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    from metier.recipes.settings import misread, too_large, unusable

    if why := unusable(given) or too_large(given):
        return None, why
    try:
        taken = TypeAdapter(hint).validate_python(given)
    except ValidationError as error:
        # YAML takes no, on and 12 for a truth and a number, where a label may be meant.
        details = error.errors()[:MOST_DETAILS]
        words = [it["input"] for it in details if it["type"] == "string_type"]
        quote = f". Write {shown(words[0])} in quotation marks" if words and isinstance(words[0], int | float) else ""
        return None, "; ".join(detail["msg"] for detail in details) + quote
    except PydanticUserError:
        return None, f"No recipe can give a {hint}. Fix the plug-in"
    return taken, misread(given, taken)


def settings_help(found: Any) -> list[tuple[str, str, Any, str]]:
    """(name, type, default, explanation) of each setting; the explanation is the line under the field."""
    of = found if isinstance(found, type) else type(found)
    explained = _explanations(of) if is_dataclass(of) else {}
    return [
        (f.name, _type_name(f), _default(f) if found is of else getattr(found, f.name), explained.get(f.name, ""))
        for f in _settings(of)
    ]


def _explanations(found: type) -> dict[str, str]:
    texts: dict[str, str] = {}
    for owner in reversed(found.__mro__[:-1]):
        body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
                texts[field.target.id] = inspect.cleandoc(str(text.value.value))  # type: ignore[attr-defined]
    return texts


def _type_name(field: Field) -> str:
    return field.type.__name__ if isinstance(field.type, type) else str(field.type)


def _default(field: Field) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None
