"""The docs are part of the product: their recipes load, their commands exist, their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from metier.cli import app
from metier.errors import UserError
from metier.recipes import plugins
from metier.recipes.schema import Recipe, load

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = {command.name or command.callback.__name__ for command in app.app.registered_commands}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_in_the_docs_load(page, tmp_path):
    for text in blocks(page, "yaml"):
        (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
        recipe = load(tmp_path / "recipe.yaml")
        for kind, uses in (("steps", recipe.steps), ("methods", recipe.methods)):
            for use in uses:
                name, settings = (
                    use if isinstance(use, tuple) else (use, {}) if isinstance(use, str) else next(iter(use.items()))
                )
                plugins.build(kind, name, settings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_exist(page):
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"^(?:\$ )?(metier .*)$|`(metier [^`]*)`", text, flags=re.M):
        words = shlex.split("".join(line).split("#")[0].split("|")[0])
        if len(words) > 1 and words[1].isalpha() and words[1].islower():
            assert words[1] in VERBS, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_in_the_docs_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_in_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"`?make (\w+)`?", (ROOT / "README.md").read_text())) <= targets


def test_the_verdict_page_names_every_key_and_the_recipe_page_every_field():
    source = (ROOT / "src/metier/evaluation/verdict.py").read_text() + (
        ROOT / "src/metier/stages/report.py"
    ).read_text()
    page = (ROOT / "docs/verdict.md").read_text()
    keys = re.findall(r'^        "(\w+)":', source.split("def _content")[0], flags=re.M)
    assert len(keys) > 20
    for key in keys:
        assert f"`{key}`" in page, key
    recipe = yaml.safe_load(blocks(ROOT / "docs/recipe.md", "yaml")[0])
    assert set(Recipe.model_fields) - set(recipe) == {"quick"}


def test_the_design_page_names_every_file_of_the_package():
    page = (ROOT / "docs/design.md").read_text()
    for path in (ROOT / "src/metier").iterdir():
        if path.name.startswith("__"):
            continue
        assert re.search(rf"\b{re.escape(path.name)}\b", page), path.name


def test_a_recipe_that_is_wrong_would_be_seen(tmp_path):
    (tmp_path / "recipe.yaml").write_text("sorces: []")
    with pytest.raises(UserError):
        load(tmp_path / "recipe.yaml")
