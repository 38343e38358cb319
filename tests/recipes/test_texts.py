"""What is said of a model: by its recipe, and by its pack only where the model is the pack's own."""

import pytest
import yaml

from metier.errors import Problems
from metier.evaluation.plan import held_to_plan
from metier.evaluation.samples import open_samples
from metier.recipes.schema import Recipe, from_keys, load
from metier.recipes.texts import costs_of, texts_of
from metier.runs.begun import locked_recipe
from metier.runs.history import EDIT, read_history
from metier.runs.integrity import verify
from metier.runs.progress import Progress
from metier.runs.run import open_run, saved_run
from metier.stages.report import report

OWN = {
    "industry": "finance",
    "datasets": [{"path": "train.jsonl", "label": "intent", "license": "proprietary"}, "general"],
    "benchmarks": [{"name": "desk", "path": "test.jsonl", "label": "intent"}],
}


def texts(tmp_path, **keys):
    return texts_of(from_keys(keys, tmp_path))


@pytest.mark.parametrize("industry", ["finance", "clinical_coding", "legal"])
def test_a_pack_describes_the_model_of_its_own_data(tmp_path, industry):
    found = texts(tmp_path, industry=industry)
    assert found.intended_use and found.limits and found.glossary and found.tuned_for == industry
    assert found.intended_use_from == f"the pack {industry}" and found.tags == ["metier", industry]


@pytest.mark.parametrize(
    "keys",
    [OWN, {"industry": "finance", "benchmarks": ["banking77"]}, {"industry": "finance", "datasets": ["banking77"]}],
    ids=["a bank's own rows", "fewer benchmarks", "fewer datasets"],
)
def test_a_pack_says_nothing_of_another_model(tmp_path, keys):
    found = texts(tmp_path, **keys)
    assert (found.intended_use, found.limits, found.glossary, found.tags) == (None, None, (), ["metier"])
    assert found.tuned_for == ("desk" if keys is OWN else ", ".join(from_keys(keys, tmp_path).benchmarks))


def test_the_recipes_own_words_come_first(tmp_path):
    found = texts(tmp_path, industry="finance", intended_use=" Sorts messages. ", owner="Anna", monitoring=" ")
    assert (found.intended_use, found.intended_use_from) == ("Sorts messages.", "recipe.yaml")
    assert (found.owner, found.reviewer, found.monitoring) == ("Anna", None, None) and found.limits


def test_prices_of_a_pack_are_for_its_own_benchmarks(tmp_path):
    pack, own = from_keys({"industry": "finance"}, tmp_path), from_keys(OWN, tmp_path)
    assert costs_of(pack, "banking77") and not costs_of(own, "desk") and not costs_of(pack, "desk")
    taken = from_keys({**OWN, "benchmarks": [{**OWN["benchmarks"][0], "name": "banking77"}]}, tmp_path)
    assert not costs_of(taken, "banking77"), "a test file of one's own that is only called like the pack's"


@pytest.mark.parametrize("value", ["research", "Commercial", 7, ["x"], "x" * 10_001])
def test_an_intended_use_that_describes_nothing_is_refused(tmp_path, value):
    with pytest.raises(Problems, match="intended_use") as found:
        from_keys({"intended_use": value}, tmp_path)
    assert not isinstance(value, str) or len(value) > 99 or "license: {use:" in str(found.value)


def describe(folder, **keys):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}, sort_keys=False))


def test_an_edit_that_describes_is_recorded_and_makes_nothing_exploratory(finished_run):
    folder = finished_run[1]
    describe(folder, owner="Desk A", intended_use="Sorting notes.")
    assert [one.file for one in verify(folder).findings] == ["recipe.yaml"], "named until it is recorded"
    verdict = report(saved_run(folder, Progress()))
    assert not verdict.exploratory and not verify(folder).findings
    edit = read_history(folder).last(EDIT)
    assert edit["changed"] == ["intended_use", "owner"] and edit["described"]["owner"] == "Desk A"
    assert locked_recipe(folder)[1].owner == "Desk A"
    page, card = ((folder / name).read_text() for name in ("report.html", "model_card.md"))
    assert "Sorting notes." in page and "Desk A" in page and "Intended use: Sorting notes." in card
    entries = len(read_history(folder).entries)
    report(saved_run(folder, Progress()))
    assert len(read_history(folder).entries) == entries + 1, "an edit is recorded once"


def test_a_threshold_that_is_edited_with_it_is_not_taken_over(finished_run):
    folder = finished_run[1]
    describe(folder, owner="Desk A", ship={"min_gain": 0.3, "alpha": 0.05})
    run = saved_run(folder, Progress())
    assert report(run).exploratory and held_to_plan(run, open_samples(run))
    begun = locked_recipe(folder)[1]
    assert begun.owner == "Desk A" and begun.ship.min_gain != 0.3


def test_a_recipe_file_that_now_names_an_owner_goes_on_with_its_run(finished_run):
    recipe, folder = finished_run
    run = open_run(folder, load(recipe, changes=["owner=Desk B"]), Progress())
    assert load(folder / "recipe.yaml").owner == "Desk B" and run.recipe.owner == "Desk B"
    assert read_history(folder).last(EDIT)["described"] == {"owner": "Desk B"} and not verify(folder).findings


def test_opening_a_run_to_read_it_writes_nothing(finished_run):
    folder = finished_run[1]
    describe(folder, owner="Desk A")
    before = (folder / "history.jsonl").read_bytes(), (folder / "lock.json").read_bytes()
    assert saved_run(folder, Progress()).recipe.owner == "Desk A"
    assert before == ((folder / "history.jsonl").read_bytes(), (folder / "lock.json").read_bytes())


def test_a_run_of_before_these_keys_is_read(finished_run):
    folder = finished_run[1]
    old = {key: value for key, value in yaml.safe_load((folder / "recipe.yaml").read_text()).items()}
    for key in ("intended_use", "owner", "reviewer", "monitoring"):
        assert old.pop(key) is None
    (folder / "recipe.yaml").write_text(yaml.safe_dump(old))
    run = saved_run(folder, Progress())
    assert run.recipe == Recipe.model_validate(old) and not report(run).exploratory


def test_pages_of_a_teams_own_rows_say_that_no_use_is_stated(finished_run):
    folder = finished_run[1]
    page = (folder / "report.html").read_text()
    assert "not stated" in page and "tuned for triage" in page and "ddi2013" not in page
    for card in ("model_card.md", "curate/card.md"):
        text = (folder / card).read_text()
        assert "Intended use: not stated" in text and "ddi2013" not in text and "healthcare" not in text, card
    assert '"glossary": null' in (folder / "curate/representation.json").read_text()
