"""The registry of plug-ins: a folder of this package is a kind, a file in it is a name.

Other packages join through entry points: group `metier.methods`, name `orpo`, value `their_package.orpo`.
"""

import ast
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from metier.errors import Problems, UserError, nearest

# Kind -> the class that a file of this kind defines.
KINDS = {
    "industries": "Industry",
    "sources": "Source",
    "formats": "Format",
    "shapes": "Shape",
    "steps": "Step",
    "methods": "Method",
    "benchmarks": "Benchmark",
    "scorers": "Scorer",
    "metrics": "Metric",
}
# What the engine asks of two kinds before anything is built, and the class of ours that has it.
BASES = {"industries": "metier.industries.Pack", "sources": "metier.sources.NamedSource"}
PARTS = {
    "industries": ("name", "ship", "asks", "costs", "machine_hour", "intended_use", "limits"),
    "sources": ("name", "licence", "labelled", "pairs", "rows", "fingerprint", "problems"),
}


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    package = importlib.import_module(f"metier.{kind}")
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return sorted(own | _joined(kind, tuple(sys.path)).names)


@functools.cache
def _joined(kind: str, path: tuple[str, ...]) -> EntryPoints:
    """What the packages on `path` add to a kind. Kept: asking reads the metadata of every package that is installed,
    which took three quarters of the time of `metier report` on a small run."""
    return entry_points(group=f"metier.{kind}")


def find(kind: str, name: str) -> type:
    """The class behind a name, or behind a path to a Python file (`./examples/insurance.py`)."""
    module = _from_file(Path(name)) if name.endswith(".py") else _from_registry(kind, name)
    try:
        found: type = getattr(module, KINDS[kind])
    except AttributeError as error:
        raise UserError(f"'{name}' is no plug-in of the kind {kind}: it defines no class {KINDS[kind]}.") from error
    has = {*dir(found), *(field.name for field in (fields(found) if is_dataclass(found) else ()))}
    if name.endswith(".py") and (lacks := [part for part in PARTS.get(kind, ()) if part not in has]):
        raise UserError(
            f"{name}: the class {KINDS[kind]} has no {', '.join(map(repr, lacks))}. Derive it from {BASES[kind]}."
        )
    return found


def singular(kind: str) -> str:
    return KINDS[kind].lower()


def _from_registry(kind: str, name: str) -> ModuleType:
    for point in _joined(kind, tuple(sys.path)).select(name=name):
        loaded: ModuleType = point.load()
        return loaded
    if name not in names(kind):
        raise UserError(f"There is no {singular(kind)} '{name}'.{nearest(name, names(kind))}")
    return importlib.import_module(f"metier.{kind}.{name}")


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"There is no plug-in file {path}. Give the path of a Python file, or the name of a plug-in.")
    spec = importlib.util.spec_from_file_location(f"metier_plugin_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:  # whatever its author got wrong
        del sys.modules[spec.name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"{where}: the plug-in cannot be loaded ({type(error).__name__}: {error}). Mend it.") from error
    return module


def named(use: Any) -> tuple[str, dict[str, Any]]:
    """`sft` or `{sft: {epochs: 2}}` -> name and settings."""
    if isinstance(use, str):
        return use, {}
    if isinstance(use, Mapping) and len(use) == 1:
        ((name, settings),) = use.items()
        if isinstance(settings, Mapping) or settings is None:
            return str(name), dict(settings or {})
    raise UserError(f"Cannot use {use!r}. Write a name, or one name with its settings: {{name: {{key: value}}}}.")


def build(kind: str, name: str, settings: dict[str, Any]) -> Any:
    """An instance of the plug-in with these settings; raises as `construct` does."""
    return construct(find(kind, name), f"{singular(kind)} '{name}'", settings)


def construct(found: type, where: str, settings: dict[str, Any]) -> Any:
    """An instance of a dataclass with checked settings.

    Raises `Problems` with every unknown key (and the nearest right one) and every value of a wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    known = {field.name for field in fields(found) if field.init} if is_dataclass(found) else set()
    problems = [f"The {where} has no setting '{key}'.{nearest(key, known)}" for key in settings if key not in known]
    values, hints = {}, get_type_hints(found)
    for key in sorted(known & settings.keys()):
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(settings[key])
        except ValidationError as error:
            why = "; ".join(detail["msg"] for detail in error.errors())
            problems.append(f"The {where} cannot take {key}: {settings[key]!r}. {why}.")
    missing = [f.name for f in fields(found) if f.default is MISSING and f.default_factory is MISSING] if known else []
    problems += [f"The {where} lacks the setting '{name}'." for name in missing if name not in settings]
    if problems:
        raise Problems(problems)
    instance = found(**values)
    wrong = [f"The {where}: {problem}" for problem in instance.problems()] if hasattr(found, "problems") else []
    if wrong:
        raise Problems(wrong)
    return instance


def settings_help(found: type) -> list[tuple[str, str, Any, str]]:
    """(name, type, default, explanation) of each setting; the explanation is the line under the field."""
    if not is_dataclass(found):
        return []
    explained = _explanations(found)
    return [(f.name, _type_name(f), _default(f), explained.get(f.name, "")) for f in fields(found) if f.init]


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
