"""The line that says what to call next, ready to be pasted into a shell."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def next_line(*words: object, why: str = "") -> str:
    """`Next: metier run desk/recipe.yaml`. `why`: what is to be done before, or what it is good for."""
    return f"Next: {shlex.join(['metier', *map(str, words)])}{'   ' if why else ''}{why}"


def of_recipe(recipe: Path | None, industry: str | None, changes: Sequence[str] | None, quick: bool) -> list[str]:
    """The words by which a recipe was named, to name it again."""
    words = [str(recipe)] if recipe else []
    words += ["--industry", industry] if industry else []
    words += [word for change in changes or () for word in ("--set", change)]
    return words + (["--quick"] if quick else [])
