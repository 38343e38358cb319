"""An old name is answered by the new one."""

import pytest

from metier.errors import Problems, UserError
from metier.recipes import plugins
from metier.recipes.renamed import RENAMED
from metier.recipes.schema import load


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
