"""Help and lists that show whole sentences, wrapped to the width of the terminal."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

NARROWEST = 40
"""Columns below which a second column holds no sentence: each stands below its name then."""


class WholeSentences(TyperGroup):
    """The verbs with all of what they say of themselves; click cuts it where a line ends."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, " ".join((command.help or "").split())) for name, command in named if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def columns(rows: Sequence[tuple[str, str]]) -> str:
    """Names and sentences side by side. In a terminal they are wrapped; elsewhere each is one line, for grep."""
    widest = max((len(name) for name, _ in rows), default=0) + 2
    if not sys.stdout.isatty():
        return "\n".join(f"{name:<{widest}}{text}".rstrip() for name, text in rows)
    width = shutil.get_terminal_size().columns
    indent = widest if width - widest >= NARROWEST else 4
    lines = []
    for name, text in rows:
        begin = f"{name:<{widest}}"
        if indent < widest:
            lines.append(name)
            begin = " " * indent
        lines += textwrap.wrap(
            text, width, initial_indent=begin, subsequent_indent=" " * indent, break_on_hyphens=False
        ) or ([name] if indent == widest else [])
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """The first paragraph of a docstring up to the end of its first sentence, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    end = next((at for at in _ends(paragraph)), len(paragraph))
    return paragraph[:end]


def _ends(paragraph: str) -> list[int]:
    """Where sentences end: a full stop, behind which a capital letter begins the next one; no abbreviation."""
    short = ("e.g.", "i.e.", "et al.", "App.", "vs.")
    return [
        at + 1
        for at, letter in enumerate(paragraph)
        if letter == "."
        and paragraph[at + 1 : at + 2] == " "
        and paragraph[at + 2 : at + 3].isupper()
        and not paragraph[: at + 1].endswith(short)
    ]
