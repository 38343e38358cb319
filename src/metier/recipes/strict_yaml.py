"""YAML as recipes use it. Refused is what one reader takes for a number and another for a word, what stands twice, and
what would fill the memory."""

import math
import re
from typing import Any

import yaml

from metier.errors import UserError, shortened, shown

MOST_BYTES = 1 << 18
"""A recipe has some thousand characters; the library reads about a hundred thousand a second."""
DEEPEST = 50
"""Lists and mappings within each other. A recipe has five; Python's own limit is met at a few hundred."""
MOST_VALUES = 100_000
"""Values once every alias stands for what it repeats: nine lines of nine aliases are four hundred million."""
MOST_DIGITS = 400
"""Digits of a number. A float has at most 309 before its point, and Python writes no integer of more than 4,300."""
TAGS = ("str", "int", "float", "bool", "null", "seq", "map", "merge")
"""Kinds of values that are read. The others (sets, bytes, dates) are none of a recipe."""
QUOTE = "Write it in quotation marks if it is a name"
LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")


class _Refused(yaml.YAMLError):
    """What is wrong, as the end of a sentence."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """First letter -> what a plain word that begins so is taken for: as in YAML 1.1, but for its traps. 1:30 is no
    number of base 60, 2024-05-31 and = are texts, and 1e-3 is a number as in YAML 1.2."""
    known = {
        letter: [(tag, pattern) for tag, pattern in pairs if tag.rsplit(":", 1)[1] in ("bool", "null", "merge")]
        for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    whole = r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)"
    exponent = r"[eE][-+]?[0-9]+"
    real = rf"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:{exponent})?|[0-9][0-9_]*{exponent})"
    odd = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    for tag, pattern in (("float", f"(?:{real}|{odd})"), ("int", whole)):
        for letter in "-+.0123456789":
            known.setdefault(letter, []).append((f"tag:yaml.org,2002:{tag}", re.compile(f"{pattern}$")))
    return known


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers()
    yaml_constructors = {
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rsplit(":", 1)[1] in TAGS
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inside = 0
        self.measured: dict[yaml.Node, tuple[int, int]] = {}
        """Finished node -> (values, depth), what stands behind its aliases counted each time."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.inside += 1
        if self.inside > DEEPEST:
            raise _too_deep(self.peek_event())  # type: ignore[no-untyped-call]
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self.inside -= 1
        if is_alias and node not in self.measured:
            raise _Refused(f"{_line(node)}: the list or mapping holds itself")
        if node is not None and not is_alias:
            self.measured[node] = self._measure(node)
        return node

    def _measure(self, node: Any) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node)
            return 1, 1
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        values = 1 + sum(self.measured[part][0] for part in parts)
        depth = 1 + max((self.measured[part][1] for part in parts), default=0)
        if values > MOST_VALUES:
            raise _Refused(f"{_line(node)}: with its aliases written out it has more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise _too_deep(node)
        return values, depth


class Dumper(yaml.SafeDumper):
    """Writes what `load` reads as the same again: quotation marks stand around texts that look like numbers to it."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def load(text: str, what: str) -> Any:
    """The value of a YAML text. Raises `UserError` that begins with `what` ("recipe.yaml")."""
    if len(text) > MOST_BYTES:
        raise UserError(f"{what} has {len(text):,} characters; YAML is read up to {MOST_BYTES:,}.")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer kinds of values
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a tag such as !!int before what is none
        why = shortened(" ".join(str(error).split()), 400)
        raise UserError(f"{what} is no valid YAML: {why}.") from error


def dump(value: Any, **settings: Any) -> str:
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, **settings)
    return text


def _check_scalar(node: Any) -> None:
    kind, text = node.tag.rsplit(":", 1)[-1], node.value
    if odd := next((letter for letter in text if letter == "\0" or "\ud800" <= letter <= "\udfff"), None):
        raise _Refused(f"{_line(node)}: {shown(text)} holds {shown(odd)}, which is no character of a text")
    if kind not in ("int", "float"):
        return
    if len(text) > MOST_DIGITS:
        raise _Refused(f"{_line(node)}: a number of {len(text):,} digits. {QUOTE}")
    if ":" in text or (kind == "int" and LEADING_ZERO.fullmatch(text)):
        raise _Refused(
            f"{_line(node)}: {shown(text)} is one number to some readers of YAML and another to others. {QUOTE}, or "
            "without the zero in front if it is a number"
        )
    if kind == "float" and not _finite(text):
        raise _Refused(f"{_line(node)}: {shown(text)} is no finite number. {QUOTE}")


def _finite(text: str) -> bool:
    return not text.lower().endswith((".inf", ".nan")) and math.isfinite(float(text.replace("_", "")))


def _check_keys(node: Any) -> None:
    seen: dict[tuple[str, str], str] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused(f"{_line(key)}: a key is a word, and no list or mapping")
        first = seen.setdefault((key.tag, key.value), "")
        if first:
            raise _Refused(f"{_line(key)}: the key {shown(key.value)} is already in {first}. Keep one of them")
        seen[key.tag, key.value] = _line(key)


def _too_deep(at: Any) -> _Refused:
    return _Refused(f"{_line(at)}: lists and mappings stand within each other more than {DEEPEST} deep")


def _line(at: Any) -> str:
    return f"line {at.start_mark.line + 1}"
