"""Plug-in files that are wrong end in one message and code 3, whatever they do; and `check` names them."""

import json
import sys
from importlib.metadata import EntryPoint

import pytest

from metier.cli import app, failures
from metier.cli.check_text import check_text
from metier.errors import UserError
from metier.recipes import plugins
from metier.recipes.plugins import registry
from tests.tiny import write_triage

STEP = """
from dataclasses import dataclass
from metier.data.step import StepLike, filter_rows

@dataclass
class Step(StepLike):
    "Keeps all."

    rowwise = True

    def apply(self, rows, context):
        {body}
        return filter_rows(rows, [None] * len(rows))
"""

BY_HAND = """
from metier.data.step import StepLike
class Step(StepLike):
    def __init__(self, x): pass
    def apply(self): pass
"""


def verb(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["metier", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        app.main()
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def with_step(folder, text):
    """A recipe whose first step is a file; returns the recipe's path."""
    recipe = write_triage(folder, train=30, test=12)
    (folder / "mine.py").write_text(text)
    recipe.write_text(recipe.read_text().replace("[normalize,", f"[{folder / 'mine.py'},"))
    return recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Step = 5", "Step is 5, and no class"),
        ("Step = None", "it defines no class Step"),
        ("import sys\nsys.exit(0)", "line 2: the plug-in cannot be loaded (SystemExit: 0)"),
        ("raise SystemExit", "line 1: the plug-in cannot be loaded (SystemExit"),
        ("class Step: pass", "the class Step has no 'apply'"),
        (BY_HAND, "is no dataclass"),
        ("raise ValueError('x' * 10**6)", "more characters"),
        ("def f(): f()\nf()", "RecursionError"),
        ("\0", "cannot be loaded"),
        ("import sys\ndel sys.modules[__name__]\n1 / 0", "line 3: the plug-in cannot be loaded (ZeroDivisionError"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_told_with_code_3(monkeypatch, capsys, tmp_path, text, said):
    code, out, err = verb(monkeypatch, capsys, "check", with_step(tmp_path, text))
    assert (code, out) == (3, "") and said in err and "mine.py" in err and "Traceback" not in err and len(err) < 2000


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_a_class_without_the_parts_of_its_kind_is_refused_for_every_kind(kind, tmp_path):
    defined = plugins.KINDS[kind]
    made = {"datasets": "class Mine: pass\nDATASET = Mine()", "benchmarks": "class Mine: pass\nBENCHMARKS = [Mine()]"}
    (tmp_path / "mine.py").write_text(made.get(kind, f"class {defined}: pass"))
    with pytest.raises(UserError, match=f"{defined} has no '{plugins.PARTS[kind][0]}'"):
        plugins.find(kind, str(tmp_path / "mine.py"))
    for name in plugins.names(kind)[:2]:  # ours have them all
        found = plugins.find(kind, name)
        has = {*dir(found), *getattr(found, "__dataclass_fields__", ())}
        assert not set(plugins.PARTS[kind]) - has


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; sys.exit(0)", "ended the program (exit code 0) before its work was done"),
        ("1 / 0", "line 12: the plug-in failed (ZeroDivisionError"),
        ("rows['nothing']", "line 12: the plug-in failed (KeyError"),
        ("raise SystemExit(2)", "exit code 2"),
    ],
)
def test_what_a_step_of_ones_own_raises_is_told_with_its_line(monkeypatch, capsys, tmp_path, body, said):
    recipe = with_step(tmp_path, STEP.format(body=body))
    code, out, err = verb(monkeypatch, capsys, "curate", recipe, "--out", tmp_path / "run")
    assert (code, out) == (3, "") and said in err and "mine.py" in err and "Traceback" not in err


def test_a_bug_of_ours_behind_a_plug_in_stays_ours(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from metier.data.step import StepLike, dataclass\nfrom metier.errors import nearest\n\n\n"
        "@dataclass\nclass Step(StepLike):\n apply = lambda self: nearest(5, [])\n"
    )
    step = plugins.find("steps", str(tmp_path / "mine.py"))()
    with pytest.raises(TypeError) as caught:
        step.apply()
    assert failures.explained(caught.value) is None


def test_check_names_the_python_files_that_it_ran(monkeypatch, capsys, tmp_path):
    recipe = with_step(tmp_path, STEP.format(body="pass"))
    code, out, _ = verb(monkeypatch, capsys, "check", recipe, "--json")
    found = json.loads(out)
    assert code == 0 and str(tmp_path / "mine.py") in found["python_files_run"]
    text = check_text(found)
    assert "names Python files, which were run" in text and str(tmp_path / "mine.py") in text
    assert "Python files" not in check_text({**found, "python_files_run": []})


def test_two_files_of_one_name_are_two_modules(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            "from metier.data.step import StepLike, dataclass\n@dataclass\n"
            f"class Step(StepLike):\n 'From {folder}.'\n apply = None\n"
        )
    first, second = (plugins.find("steps", str(tmp_path / folder / "mine.py")) for folder in ("a", "b"))
    assert sys.modules[first.__module__].Step is first and sys.modules[second.__module__].Step is second


def test_two_packages_with_plug_ins_of_one_name_are_told(monkeypatch):
    points = [EntryPoint("mine", f"{package}.mine", "metier.data.step") for package in ("one", "two")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    monkeypatch.setattr(registry, "_joined", registry._joined.__wrapped__)
    with pytest.raises(UserError, match="named 'mine': one.mine, two.mine"):
        plugins.find("steps", "mine")
    points.pop()
    with pytest.raises(UserError, match="ModuleNotFoundError"):
        plugins.find("steps", "mine")
