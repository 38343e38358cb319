"""The docs are part of the product: their recipes load, their commands exist, their links lead somewhere."""

import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from metier.cli import app
from metier.errors import UserError
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.recipes.schema import Recipe, load

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS]
GENERATED = ("command-line.md", "plug-ins.md")
# Names and phrases that the project no longer uses. The log tells history and may name them.
OLD_WORDS = re.compile(
    r"\b(as it comes|aloud|cheap\w*|rivals?|mend\w*|hangs? on|by one hand|watched|go(es)? to a person|the like"
    r"|could not be judged|smallest visible|visible gain|set aside|worst right answer|the text twice|in place of"
    r"|licence\w*|normalis\w+|recognis\w+|catalogues?|commonest|most_broken|check-lm-eval)\b",
    flags=re.I,
)
VERBS = {command.name or command.callback.__name__ for command in app.app.registered_commands}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)


def named(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """(number, line) outside code, tables, headings and comments; links without their targets."""
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside and not line.lstrip().startswith(("|", "<!--", "![")):
            yield number, re.sub(r"\]\([^)]*\)", "]", line)


@pytest.mark.parametrize("page", PAGES, ids=named)
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


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_in_the_docs_exist(page):
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"^(?:\$ )?(metier .*)$|`(metier [^`]*)`", text, flags=re.M):
        words = shlex.split("".join(line).split("#")[0].split("|")[0])
        if len(words) > 1 and words[1].isalpha() and words[1].islower():
            assert words[1] in VERBS, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_files_in_the_docs_exist(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", without_code(page)):
        if "://" in target:
            continue
        at = page.parent / target if target else page
        assert at.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(at), f"{page.name}: {target}#{anchor}"


def without_code(page):
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)


def anchors(page):
    """The headings of a page, as GitHub names them in links."""
    lines = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    titles = re.findall(r"^#+ (.*)$", lines, flags=re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=named)
def test_prose_in_the_docs_is_wrapped(page):
    for number, line in prose(page):
        assert len(line) <= 110, f"{page.name}:{number}: {len(line)} characters"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_docs_use_the_names_of_the_field(page):
    if page.name == "log.md" or page.name in GENERATED:
        return
    text = page.read_text(encoding="utf-8")
    for found in OLD_WORDS.finditer(text):
        number = text.count("\n", 0, found.start()) + 1
        raise AssertionError(f"{page.name}:{number}: '{found.group()}' is no name of today (NAMES, prose).")


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in DOCS:
        assert page.name == "README.md" or f"({page.relative_to(ROOT / 'docs')}" in index, page.name


def test_the_metric_of_the_docs_works(tmp_path):
    [code] = blocks(ROOT / "docs/how-to/write-a-plug-in.md", "python")
    (tmp_path / "recall.py").write_text(code, encoding="utf-8")
    metric = plugins.build("metrics", str(tmp_path / "recall.py"), {"label": "b"})
    answers = [
        Prediction(str(number), "", "", given, gold, float(given == gold))
        for number, (gold, given) in enumerate(["aa", "ba", "bb", "bb", "bb", "ab"])
    ]
    table = as_predictions(answers, ["a", "b"])
    assert metric.value(metric.statistics(table).sum(0)) == 0.75


def test_the_generated_pages_are_those_of_today():
    script = runpy.run_path(str(ROOT / "scripts" / "make_reference.py"))
    for name, text in script["pages"]().items():
        assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == text, "Run `make reference`."


def test_the_version_is_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "metier.__version__"}


def test_make_targets_in_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"`?make (\w+)`?", (ROOT / "README.md").read_text())) <= targets


def test_the_recipe_page_names_every_field():
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
