"""An old name is answered by the new one."""

from pathlib import Path

import pytest

from metier.cli import app
from metier.errors import Problems, UserError
from metier.evaluation import verdict as verdict_module
from metier.recipes import plugins
from metier.recipes.renamed import RENAMED
from metier.recipes.schema import Recipe, load
from metier.stages import report


@pytest.mark.parametrize(
    ("kind", "name", "settings"),
    [
        ("methods", "sft", {"look_every": 5}),
        ("methods", "sft", {"alpha": 8}),
        ("methods", "dpo", {"anchor": 1.0}),
        ("methods", "grpo", {"group": 4}),
        ("scorers", "generate", {"max_tokens": 8}),
    ],
)
def test_an_old_setting_is_answered_by_its_new_name(kind, name, settings):
    (old,) = settings
    with pytest.raises(Problems, match=f"It is called '{RENAMED[plugins.singular(kind)][old]}' now"):
        plugins.build(kind, name, settings)


def test_an_old_key_of_a_recipe_is_answered_by_its_new_name(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("keep: {general: 0.02}\n")
    with pytest.raises(Problems, match="`keep` is now called `retention`"):
        load(recipe)


def test_an_old_step_is_answered_by_its_new_name():
    with pytest.raises(UserError, match="no step 'normalise'. It is called 'normalize' now"):
        plugins.find("steps", "normalise")


def test_no_new_name_is_an_old_one_of_the_same_place():
    for place, names in RENAMED.items():
        assert not names.keys() & set(names.values()), place


def test_nothing_has_an_old_name_any_more():
    assert not RENAMED["recipe"].keys() & Recipe.model_fields.keys()
    assert not RENAMED["kind"].keys() & plugins.KINDS.keys()
    verbs = {command.name or command.callback.__name__ for command in app.app.registered_commands}
    assert not RENAMED["verb"].keys() & verbs
    for kind in plugins.KINDS:
        old = RENAMED.get(plugins.singular(kind), {}).keys()
        for name in plugins.names(kind):
            settings = {row[0] for row in plugins.settings_help(plugins.find(kind, name))}
            assert not old & settings, f"{kind} {name}"
    verdict = (Path(verdict_module.__file__)).read_text() + (Path(report.__file__)).read_text()
    for word in ("cheap_by", "could_not_judge", "decisive_n", "smallest_visible", '"asks"', '"keep"', '"broke"'):
        assert word not in verdict, word
