"""An instance of a plug-in with the settings of a recipe, which pydantic checks against the types of its fields."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from metier.errors import Problems, UserError, shortened, shown
from metier.recipes.plugins.registry import find, singular
from metier.recipes.renamed import hint
from metier.recipes.settings import is_of_the_type, usable, whole, why

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MOST_LETTERS = 1_500
"""Of what a plug-in says of its settings, which may hold a value of any length."""
MOST_DETAILS = 3
"""What is said of one setting: a list of a thousand labels may be wrong a thousand times."""


Use = Any
"""What a recipe writes to use a plug-in: `sft`, or `{sft: {epochs: 2}}`. `named` refuses anything else."""


def named(use: Use) -> tuple[str, dict[str, Any]]:
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


def construct(plug_in: Any, where: str, settings: dict[str, Any]) -> Any:
    """An instance of a dataclass with checked settings, or a copy of an instance in which they are changed.

    Raises `Problems` with all that is wrong: unknown keys (and the nearest right one), values that their types do not
    allow, and what the plug-in's own `problems()` says, which is asked where every value is of a right type.
    """
    of = plug_in if isinstance(plug_in, type) else type(plug_in)
    known = {field.name: field for field in settable(of)}
    problems = [
        f"The {where} has no setting {shown(key)}.{hint(where.split(' ')[0], str(key), known)}"
        for key in settings
        if key not in known
    ]
    missing = [name for name, field in known.items() if plug_in is of and _needed(field) and name not in settings]
    problems += [f"The {where} lacks the setting '{name}'." for name in missing]
    given = {key: settings[key] for key in sorted(known.keys() & settings.keys())}
    # What a file declares of its own dataset or benchmark has to be right as well.
    declared = {} if plug_in is of else {name: getattr(plug_in, name) for name in known}
    values, wrong = _checked(of, where, declared | given)
    if problems or values is None:
        raise Problems(problems + wrong)
    changed = {key: values[key] for key in given}
    instance = plug_in(**changed) if plug_in is of else replace(plug_in, **changed)
    own_problems = instance.problems() if hasattr(of, "problems") else []
    if wrong or own_problems:
        raise Problems(wrong + [f"The {where}: {shortened(problem, MOST_LETTERS)}" for problem in own_problems])
    return instance


def settable(of: type) -> list[Field[Any]]:
    """The fields that a recipe may set."""
    return [f for f in (fields(of) if is_dataclass(of) else ()) if f.init and f.metadata.get("setting", True)]


def hints(of: type, where: str) -> dict[str, Any]:
    """The types of all fields, with the ranges that they declare."""
    try:
        return get_type_hints(of, include_extras=True)
    except Exception as error:  # an annotation of somebody's plug-in may be any expression
        raise UserError(f"The {where} has a type that cannot be read: {error}. Fix the plug-in.") from error


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _checked(of: type, where: str, given: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """(the values as their types take them, what is wrong with some); None where one is of a wrong type, and not only
    beyond a range or no choice."""
    from pydantic import ValidationError

    if not given:
        return {}, []
    try:
        adapter = _adapter(of, where, tuple(given))
    except UserError:
        raise
    except Exception as error:  # as in `hints`
        raise UserError(f"The {where} has a setting that no recipe can give: {error}. Fix the plug-in.") from error
    try:
        return adapter.validate_python(given), []
    except ValidationError as error:
        details = error.errors()
    types, messages = hints(of, where), dict[str, list[str]]()
    for detail in details:
        key, *inside = map(str, detail["loc"])
        what = f"{shown('.'.join([key, *inside]))}: {why(detail)}" if inside else why(detail, types[key])
        messages.setdefault(key, []).append(what)
    problems = [
        f"The {where} cannot take {key}: {shown(given[key])}. {'; '.join(texts[:MOST_DETAILS])}."
        for key, texts in messages.items()
    ]
    return given if all(map(is_of_the_type, details)) else None, problems


@lru_cache(maxsize=256)
def _adapter(of: type, where: str, names: tuple[str, ...]) -> "TypeAdapter[dict[str, Any]]":
    """Checks a mapping with these settings. Strict: a text is no number, and true is not 1."""
    from pydantic import BeforeValidator, ConfigDict, Strict, TypeAdapter, with_config
    from typing_extensions import TypedDict  # pydantic takes the one of `typing` only from Python 3.12 on

    types = hints(of, where)
    checked = {}
    for name in names:
        kind = get_args(types[name])[0] if get_origin(types[name]) is Annotated else types[name]
        # YAML knows lists only, and reads 1e6 as a float.
        taken = Annotated[types[name], Strict(False)] if get_origin(kind) in (tuple, set, frozenset) else types[name]
        checked[name] = Annotated[taken, BeforeValidator(whole if kind is int else usable)]
    config = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    settings: Any = with_config(config)(TypedDict("settings", checked))  # type: ignore[operator]
    return TypeAdapter(settings)
