"""Hostile recipes and changes of the command line."""

import copy
import datetime
import json
import math
from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

from metier.data.reading import FileSource
from metier.evaluation.benchmark import Benchmark
from metier.recipes import plugins
from tests.tiny import RECIPE

NUMBERS = [
    *(0, 1, -1, 2, -5, 255, 2**31, 2**32, 2**63, 2**64, 2**70, -(2**70), 10**9, 10**400),
    *(0.0, -0.0, 0.5, -0.5, 1e-320, 1e308, math.inf, -math.inf, math.nan),
]
TEXTS = [
    *("", " ", "\n", "\t", "0", "1:30", "1e5", "nan", ".inf", "true", "None", "null", "~", ".", "..", "-", "--quick"),
    *("\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\x9b31m", "\x7f", "\r", "\x85", "\u2028", "\ufeff", "\ud800", "\udcff"),
    *("e\u0301", "\u00e9", "\u202eabc", "\U0001f4a9", "ſ", "İ", "x" * 300, "x" * 100_000, "é" * 200),
    *("../../p", "../../p.py", "/", "/etc/passwd", "/dev/zero", "/dev/null", "C:\\x", "-x/y", "x/y", "a/b/c", "//"),
    *("{", "}", "{}", "{0}", "{text", "{text}", "{text!r}", "{text.__class__}", "{text:>1000000000}", "{nobody}"),
    *("{{ 7 * 7 }}", "{% raise %}", "%s", "$(id)", "`id`", "'", '"', "\\", "*", "**/*", "[", "[a-", "(a+)+b", "(?P<"),
    *("monitor", "fake", "sft", "triage", "label", "text", "train.jsonl", "test.jsonl", "recipe.yaml", "absent.jsonl"),
]
OTHERS = [
    *(None, True, False, [], {}, [[]], [None], [""], ["", ""], ["a", "A", "a "], [{}], {"": ""}, {None: 1}, {1: 2}),
    *({"path": "train.jsonl"}, {"a": {"b": {"c": 1}}}, ["x"] * 2_000, [0, "0", 0.0, False], {"name": "x", "path": 3}),
    *(datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2), b"\x00\xff", {"a", "b"}),
    *(json.loads("[" * 60 + "]" * 60), json.loads('{"a":' * 60 + "1" + "}" * 60)),
]

hostile = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from(OTHERS),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=12),
)
"""A value that somebody might write anywhere, or nobody would."""


def _plugged(names: list[str], kind: str) -> list[tuple[str, str]]:
    return [(name, row[0]) for name in names for row in plugins.settings_help(plugins.find(kind, name))]


SETTINGS = {kind: _plugged(plugins.names(kind), kind) for kind in ("steps", "methods")}
OWN = {
    kind: [row[0] for row in plugins.settings_help(made)]
    for kind, made in (("datasets", FileSource), ("benchmarks", Benchmark))
}
KEYS = ["industry", "model", "datasets", "steps", "methods", "benchmarks", "keep", "ship", "embedding", "seed", "quick"]


def triage() -> dict[str, Any]:
    """The recipe of the tests, as a mapping."""
    found: dict[str, Any] = yaml.safe_load(RECIPE.replace("{note}", "{text}"))
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a nested value, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def placed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return new
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return value


def _value_changed(draw: Any, recipe: dict[str, Any]) -> dict[str, Any]:
    path = draw(st.sampled_from([place for place in places(recipe) if place]))
    return placed(recipe, path, draw(hostile))


def _key_added(draw: Any, recipe: dict[str, Any]) -> dict[str, Any]:
    key = draw(st.one_of(st.sampled_from(KEYS), hostile.filter(_is_hashable)))
    return {**recipe, key: draw(hostile)}


def _setting_changed(draw: Any, recipe: dict[str, Any]) -> dict[str, Any]:
    """A setting of a step or a method, each of which may be named in the recipe or not."""
    kind = draw(st.sampled_from(sorted(SETTINGS)))
    name, setting = draw(st.sampled_from(SETTINGS[kind]))
    base = (
        {"lr": 0.01, "r": 4, "batch_tokens": 256} if kind == "methods" else {"by": "group"} if name == "split" else {}
    )
    known = {key: value for key, value in base.items() if (name, key) in SETTINGS[kind]}
    use = {name: {**known, setting: draw(hostile)}}
    kept = [] if kind == "methods" else [one for one in recipe[kind] if plugins.named(one)[0] != name]
    return {**recipe, kind: [*kept, use]}


def _own_changed(draw: Any, recipe: dict[str, Any]) -> dict[str, Any]:
    """A setting of the recipe's own dataset or benchmark."""
    kind = draw(st.sampled_from(sorted(OWN)))
    changed = copy.deepcopy(recipe)
    changed[kind][0][draw(st.sampled_from(OWN[kind]))] = draw(hostile)
    return changed


def _doubled(draw: Any, recipe: dict[str, Any]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["datasets", "steps", "methods", "benchmarks"]))
    return {**recipe, kind: recipe[kind] * 2}


def _is_hashable(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


CHANGES: list[Callable[[Any, dict[str, Any]], dict[str, Any]]] = [
    _value_changed,
    _setting_changed,
    _own_changed,
    _key_added,
    _doubled,
]


@st.composite
def recipes(draw: Any) -> str:
    """A recipe with a hostile value somewhere, as the text of its file."""
    recipe = triage()
    change = draw(st.sampled_from([*CHANGES[:4], *CHANGES]))
    return yaml.safe_dump(change(draw, recipe), sort_keys=False, allow_unicode=draw(st.booleans()))


def _bomb(levels: int) -> bytes:
    """A list of two, each of two, each of two: a page of text that stands for 2 to the `levels` values."""
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels))]
    return ("\n".join(lines) + "\n").encode()


FRAGMENTS = [
    *(b"\x00", b"\xff\xfe", b"\xc3", b"\t", b"\t- x", b"&a ", b"*a", b"<<: *a\n", b"!!binary x", b"!!set {a, b}"),
    *(b"!!python/object/apply:os.system [id]", b"? ", b"? [a]\n: b\n", b"---\n", b"...\n", b"%YAML 9.9\n---\n"),
    *(b"seed: 1\nseed: 2\n", b"seed: 1:30\n", b"seed: 0x10\n", b"seed: 010\n", b"seed: 2024-02-30\n", b"seed: true\n"),
    *(b"quick: yes\n", b"x" * 100_000, b"seed: " + b"9" * 5_000 + b"\n", b'model: "\\ud800"\n', b'"\\ud800": 1\n'),
    *(b"steps: " + b"[" * n + b"]" * n + b"\n" for n in (100, 600, 5_000)),
    *(b"retention: " + b"{a: " * n + b"1" + b"}" * n + b"\n" for n in (100, 600)),
    *(b"retention: &x {general: *x}\n", b"steps: &s [*s]\n", _bomb(12), _bomb(40)),
]


@st.composite
def texts(draw: Any) -> bytes:
    """The bytes of a recipe, cut, mixed up or with something put in."""
    whole = RECIPE.replace("{note}", "{text}").encode()
    at, to = sorted(draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    lines = whole.splitlines(keepends=True)
    return draw(
        st.one_of(
            st.just(whole[:at]),
            st.just(whole[:at] + whole[to:]),
            st.just(whole[:at] + whole[at:to] * 2 + whole[to:]),
            st.sampled_from(FRAGMENTS).map(lambda new: whole[:at] + new + whole[at:]),
            st.sampled_from(FRAGMENTS).map(lambda new: whole + new),
            st.sampled_from(FRAGMENTS),
            st.permutations(lines).map(b"".join),
            st.binary(max_size=60),
        )
    )


PLACES = [
    *(
        "seed",
        "model",
        "quick",
        "embedding",
        "industry",
        "keep",
        "retention.general",
        "ship",
        "ship.alpha",
        "ship.min_gain",
    ),
    *("steps", "steps.dedup.threshold", "steps.split.by", "steps.select.rows", "methods", "methods.sft", "datasets"),
    *("datasets.train.text", "datasets.train.path", "datasets.train", "benchmarks", "benchmarks.triage.prompt"),
]
NOWHERE = ["", ".", "..", "a.b.c.d", "seed.x", "ship.alpha.x", "methods.nobody.lr", "steps.0", "__class__", "ship.x"]
YAML = [
    *("[" * 600 + "]" * 600, "{a: " * 600 + "1" + "}" * 600, "&a [*a]", "&a {b: *a}", "9" * 5_000, "2024-02-30"),
    *("!!binary x", "!!set {a, b}", "!!python/name:os.system", "[", "{", "'", '"\\ud800"', "&a x", "*a", "? x", "0x1f"),
]


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True)


@st.composite
def settings_of_the_command_line(draw: Any) -> str:
    """What may stand behind `--set`."""
    owned = (("datasets", "datasets.train"), ("benchmarks", "benchmarks.triage"))
    own = [f"{place}.{key}" for kind, place in owned for key in OWN[kind]]
    known = [*PLACES, *(f"methods.sft.{key}" for name, key in SETTINGS["methods"] if name == "sft"), *own]
    path = draw(st.one_of(*[st.sampled_from(known)] * 3, st.sampled_from(NOWHERE), st.text(max_size=8)))
    value = draw(st.one_of(hostile.map(_as_yaml), hostile.map(_as_yaml), st.sampled_from(YAML)))
    said = path + draw(st.sampled_from(["=", "=", "=", "=", "", "==", ": "])) + value
    # A process gets its arguments as bytes that end at a NUL, at most 128 KB each.
    return said.replace("\x00", "").encode(errors="surrogatepass")[:100_000].decode(errors="surrogateescape")
