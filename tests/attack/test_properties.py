"""Whatever is written, damaged or forged: exit code 0, 2 or 3, no traceback, and no verdict but the true one.

200 examples here, 10,000 with `make torture`: `examples` says how many of them each property gets. Here most go to what
is refused within milliseconds; a recipe that is good takes a second to check, and a run several.
"""

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.attack.damage import damages
from tests.attack.harness import Outcome, call, exported, figures, promised
from tests.attack.strategies import recipes, settings_of_the_command_line, texts, triage
from tests.attack.tables import TABLES, recipe_of

TORTURE = settings().max_examples > 200


def examples(suite: int, torture: int):
    return settings(max_examples=torture if TORTURE else suite)


def written(box: Path, field, recipe: bytes) -> Path:
    """A recipe in a box, with the data beside it."""
    for name in ("train.jsonl", "test.jsonl"):
        shutil.copy(field.base / name, box / name)
    (box / "recipe.yaml").write_bytes(recipe)
    return box / "recipe.yaml"


def tried(box: Path, recipe: Path, *words: str, runs: bool) -> Outcome:
    """`check`, and a whole quick run where `runs`: what the one lets pass, the other must not fall over."""
    found = promised(call("check", recipe, "--quick", *words, inside=box))
    if runs and found.code == 0:
        note(f"checked; now run\n{found.stdout[:500]}")
        promised(call("run", recipe, "--quick", "--out", "run", *words, inside=box), box / "run")
    return found


@examples(70, 3000)
@given(recipe=recipes(), runs=st.booleans() if TORTURE else st.just(False))
def test_any_value_anywhere_in_a_recipe_is_taken_or_refused_in_words(field, recipe, runs):
    with field.box() as box:
        tried(box, written(box, field, recipe.encode(errors="surrogatepass")), runs=runs)


@examples(30, 1000)
@given(recipe=texts())
def test_any_text_in_a_recipe_is_taken_or_refused_in_words(field, recipe):
    with field.box() as box:
        # What is cut away is filled in by the pack, and the default one would fetch a real model.
        tried(box, written(box, field, recipe), "--set=model=fake", "--set=industry=healthcare", runs=False)


@examples(60, 2000)
@given(change=settings_of_the_command_line(), runs=st.booleans() if TORTURE else st.just(False))
def test_any_change_by_the_command_line_is_taken_or_refused_in_words(field, change, runs):
    with field.box() as box:
        recipe = written(box, field, field.recipe.read_bytes())
        tried(box, recipe, f"--set={change}", runs=runs)


@examples(6, 1000)
@given(draw=st.data(), name=st.sampled_from(sorted(TABLES)))
def test_damaged_data_are_read_or_refused_in_words(field, draw, name):
    with field.box() as box:
        recipe = written(box, field, yaml.safe_dump(recipe_of(name, triage())).encode())
        TABLES[name][0](box / name)
        draw.draw(damages(name), label="damage")(box / name)
        tried(box, recipe, runs=TORTURE)


def damaged(field, draw, run: Path, names: list[str]) -> list[str]:
    """One file or two of a run, damaged; returns which."""
    chosen = draw.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True), label="files")
    for name in chosen:
        draw.draw(damages(name), label=name)(run / name)
    return chosen


def believed(field, run: Path, outcome: Outcome) -> None:
    """Nothing that was changed is believed: where there is a verdict, it is that of the untouched run."""
    if outcome.code in (0, 2):
        assert figures(run) == field.figures, "a verdict that is not that of the untouched run"


@examples(24, 1400)
@given(draw=st.data())
def test_forged_answers_are_never_believed(field, draw):
    with field.box() as box:
        run = field.copy(box)
        answers = [name for name in field.files if name.startswith("evaluate") and name.endswith(".jsonl")]
        damaged(field, draw, run, answers)
        verb = draw.draw(st.sampled_from(["report", *READING]), label="verb")
        VERBS[verb](field, box, run)


@examples(6, 1000)
@given(draw=st.data())
def test_a_damaged_run_is_refused_or_comes_to_the_same_verdict(field, draw):
    with field.box() as box:
        run = field.copy(box)
        damaged(field, draw, run, field.files)
        verb = draw.draw(st.sampled_from([*READING, *(sorted(VERBS) if TORTURE else [])]), label="verb")
        VERBS[verb](field, box, run)


@examples(2, 200)
@given(draw=st.data())
def test_a_damaged_model_in_the_cache_changes_no_figure(field, draw):
    with field.box() as box, pytest.MonkeyPatch.context() as patch:
        run = field.copy(box)
        patch.setenv("METIER_CACHE", str(box / "cache"))
        model = Path(shutil.copytree(field.model, box / "cache" / "models" / "fake"))
        damaged(field, draw, model, sorted(path.name for path in model.iterdir()))
        verb = draw.draw(st.sampled_from(["merged", "evaluate", "run"]), label="verb")
        VERBS[verb](field, box, run)


@examples(2, 400)
@given(draw=st.data())
def test_a_damaged_model_is_refused_or_works(field, draw):
    with field.box() as box:
        recipe = written(box, field, field.recipe.read_bytes())
        model = Path(shutil.copytree(field.model, box / "model"))
        damaged(field, draw, model, sorted(path.name for path in model.iterdir()))
        tried(box, recipe, f"--set=model={model}", runs=TORTURE)


def _report(field, box: Path, run: Path) -> None:
    believed(field, run, promised(call("report", run, inside=box), run))


def _again(*words):
    def verb(field, box: Path, run: Path) -> None:
        found = promised(call(*words, run, inside=box), run)
        if found.code == 0:
            _report(field, box, run)

    return verb


def _run(field, box: Path, run: Path) -> None:
    believed(field, run, promised(call("run", field.recipe, "--quick", "--out", run, inside=box), run))


def _compare(field, box: Path, run: Path) -> None:
    """Against itself and the untouched one: nothing may have changed."""
    found = promised(call("compare", field.run, run, inside=box), run)
    if found.code == 0:
        assert found.stdout.replace(str(run), str(field.run)) == field.comparison()


def _export(to: str):
    def verb(field, box: Path, run: Path) -> None:
        out = box / "out"
        found = call("export", run, "--anyway", "--to", to, "--out", out, inside=box)
        if promised(found, run, out, out.with_name(".out.part")).code == 0:
            assert exported(out) == field.export(to)

    return verb


READING = ["report", "compare", "export"]
"""Verbs that only read a run, and take a second at most."""
VERBS = {
    "report": _report,
    "compare": _compare,
    "export": _export("lm-eval"),
    "merged": _export("merged"),
    "run": _run,
    "curate": _again("curate"),
    "train": _again("train"),
    "evaluate": _again("evaluate"),
}
