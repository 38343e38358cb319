"""Shapes of instruction and preference data that other tools write: one file each, their columns -> ours."""

from typing import Any, Protocol


class ConversionError(ValueError):
    """A row that does not have the shape; the text says what is missing."""


class Converter(Protocol):
    """A dataclass with this shape."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        """`text`, and `label`, `messages`, `chosen`, `rejected` where the shape has them. Raises `ConversionError`."""
        ...
