"""What `metier show` says of a plug-in's settings."""

from dataclasses import MISSING, Field, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from metier.errors import UserError
from metier.recipes.plugins.construct import hints, settable
from metier.recipes.settings import range_of


def settings_help(plug_in: Any) -> list[tuple[str, str, Any, str]]:
    """(name, type, default, explanation) of each setting; the explanation is the line under the field."""
    of = plug_in if isinstance(plug_in, type) else type(plug_in)
    if not is_dataclass(of):
        return []
    types, plain, explained = hints(of, of.__module__), get_type_hints(of), _explanations(of)
    return [
        (
            field.name,
            _type_name(plain[field.name], types[field.name]),
            _default(field) if plug_in is of else getattr(plug_in, field.name),
            explained.get(field.name, ""),
        )
        for field in settable(of)
    ]


def _explanations(of: type) -> dict[str, str]:
    """Field -> the text under it, as pydantic reads it: from each class on its own, the bases first."""
    from pydantic import ConfigDict, TypeAdapter, with_config
    from pydantic.errors import PydanticUserError
    from pydantic.json_schema import GenerateJsonSchema

    class Schema(GenerateJsonSchema):
        ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {}  # a function, which no recipe gives

    read = with_config(ConfigDict(use_attribute_docstrings=True, arbitrary_types_allowed=True))
    texts: dict[str, str] = {}
    for owner in reversed(of.__mro__):
        if "__dataclass_fields__" not in vars(owner):
            continue
        try:
            described = TypeAdapter(read(owner)).json_schema(schema_generator=Schema).get("properties", {})
        except PydanticUserError as error:
            raise UserError(f"{owner.__module__} has a setting that no recipe can give: {error}.") from error
        texts |= {name: about["description"] for name, about in described.items() if "description" in about}
    return texts


def _type_name(plain: Any, declared: Any) -> str:
    """A type and the range that it declares; of a choice, what there is to choose from."""
    if get_origin(plain) is Literal:
        return " | ".join(map(repr, get_args(plain)))
    name = plain.__name__ if isinstance(plain, type) else str(plain)
    allowed = range_of(declared)
    return f"{name} ({allowed})" if allowed else name


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None
