"""Traces: a line for each row that was answered, for `metier monitor`. Off by default."""

from typing import Any


class Traces:
    """A file that lines are appended to."""

    def write(self, line: dict[str, Any]) -> None:
        """Append a line."""
        raise NotImplementedError
