"""What people read uses the terms of the field: an old word of ours stands in no key, no help text and no page."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.main import get_command

from metier.cli.app import app
from metier.evaluation import results
from metier.recipes import plugins
from metier.recipes.schema import Recipe, Ship
from metier.reporting import pages

TEMPLATES = sorted((Path(pages.__file__).parent / "templates").glob("*.*"))
OLD = re.compile(
    r"""\b(
        cheap\w* | rivals? | as\ it\ comes | watch(ed|es)? | aloud | (could|can)\ ?not\ (be\ judged|judge)
      | (goes?|sent)\ to\ a\ person | worst\ right\ answer | share\ right | missed\ at | the\ text\ twice
      | smallest\ visible | decisive | licence[sd]? | normalise[sd]? | mend(s|ed)? | hangs?\ on | (one|same)\ hand
      | (set|sets)\ aside | most_broken | shots | shapes? | prove[sd]? | highlights? | sources | the\ like
      | trades? | (lose|lost)\ their\ beginning
    )\b""",
    re.X | re.I,
)


def old_words(text):
    return [found[0] for found in OLD.finditer(text.replace("_", " ")) if found]


def fields(model):
    return [(name, field.description or "") for name, field in model.model_fields.items()]


@pytest.mark.parametrize("model", [Recipe, Ship], ids=lambda model: model.__name__)
def test_a_recipe_has_no_old_word(model):
    for name, text in fields(model):
        assert not old_words(f"{name}: {text}"), f"{name}: {text}"


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_no_plug_in_explains_itself_with_an_old_word(kind):
    for name in plugins.names(kind):
        texts = [f"{name}: {plugins.about(kind, name)}"]
        texts += [f"{row[0]}: {row[3]}" for row in plugins.settings_help(plugins.find(kind, name))]
        for text in texts:
            assert not old_words(text), f"{kind} {name}: {text}"


def test_no_key_of_a_verdict_has_an_old_word():
    models = [one for one in vars(results).values() if isinstance(one, type) and issubclass(one, results.Result)]
    assert results.Verdict in models and results.InsightResult in models
    for model in models:
        for name, text in [("", model.__doc__ or ""), *fields(model)]:
            assert not old_words(f"{name}: {text}"), f"{model.__name__}.{name}: {text}"


def test_no_help_text_of_the_command_line_has_an_old_word():
    group = get_command(app)
    texts = [group.help]
    for name, command in group.commands.items():
        texts += [f"{name}: {command.help}"]
        texts += [f"{name} {parameter.name}: {getattr(parameter, 'help', None)}" for parameter in command.params]
    assert len(texts) > 40
    for text in texts:
        assert not old_words(text), text


class Texts(HTMLParser):
    """The texts of a template, without its expressions."""

    def __init__(self, template):
        super().__init__()
        self.texts = []
        # A table's headings are the strings of a list in the call of a macro.
        self.texts += re.findall(r'"([^"{}]*)"', " ".join(re.findall(r"table_head\(\[(.*?)\]", template, re.S)))
        self.feed(re.sub(r"{{.*?}}|{%.*?%}|{#.*?#}", " ", template, flags=re.S))

    def handle_data(self, data):
        if self.lasttag != "style":
            self.texts.append(" ".join(data.split()))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_an_old_word(path):
    if path.suffix == ".css":
        pytest.skip("has no text")
    texts = Texts(path.read_text(encoding="utf-8")).texts
    assert any(texts)
    for text in texts:
        assert not old_words(text), text


@pytest.mark.parametrize("name", plugins.names("insights"))
def test_no_key_figure_has_an_old_word(name):
    file = Path(results.__file__).parent / "insights" / f"{name}.py"
    for text in re.findall(r'"([^"\n]{3,})"', file.read_text(encoding="utf-8")):
        assert not old_words(text), text


def test_old_words_are_found():
    assert old_words("The cheap rival could not be judged.") == ["cheap", "rival", "could not be judged"]
    assert old_words("improved by 3, a license, unscored, two-shot, proven") == []
