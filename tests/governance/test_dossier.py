"""The dossier: complete, true to the run's files, and free of rows and of places on the machine."""

import html
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from metier.errors import UserError
from metier.governance.dossier import PAGE, VALUES, dossier
from metier.governance.references import ANNEX_IV, SR_11_7
from metier.governance.sections import PARTS
from metier.governance.sections.reasons import KINDS, OTHER, kind_of
from metier.governance.values import TO_ADD
from metier.relabeling.relabel import relabel
from metier.runs.files import file_sha256
from metier.runs.history import read_history
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from tests.cli.test_cli import inside
from tests.recorded import go
from tests.tiny import lines, write_lines, write_triage

HOSTILE = '<script>alert(1)</script> {{ 7*7 }} & "q" \'] %}'
ROOT = Path(__file__).parents[2]


def describe(folder, **keys):
    """Write keys into the run's own recipe, as a person does."""
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}, sort_keys=False))


def texts_of(values):
    """Every text in plain values."""
    if isinstance(values, dict):
        return [text for key, value in values.items() if key not in ("key", "face") for text in texts_of(value)]
    if isinstance(values, list):
        return [text for value in values for text in texts_of(value)]
    return [values] if isinstance(values, str) else []


def shown(page):
    """What a reader of the page sees, as one line."""
    body = re.sub(r"<style>.*?</style>", "", page.split("<body>", 1)[1], flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dossier of a run that has all there is, from licenses and slices to retention and monitoring."""
    home = tmp_path_factory.mktemp("whole")
    recipe = write_triage(home, train=240, test=60)
    for name in ("train", "test"):
        rows = lines(home / f"{name}.jsonl")
        wards = [
            {**row, "ward": "AB"[at % 2], "note": row["note"] + f" Call 030-1234{at:03}."}
            for at, row in enumerate(rows)
        ]
        write_lines(home / f"{name}.jsonl", wards)
    keys = yaml.safe_load(recipe.read_text())
    keys["steps"] = [
        {"license": {"use": "commercial"}},
        "normalize",
        "decontaminate",
        {"redact": {"labels": "keep"}},
        "dedup",
    ]
    keys["steps"].append({"split": {"by": "group", "valid": 0.4}})
    keys["datasets"].append("general")
    keys |= {"industry": "legal", "retention": {"general": 0.02}, "owner": "Desk A", "quick": False}
    keys["benchmarks"][0]["slices"] = ["ward"]
    recipe.write_text(yaml.safe_dump(keys))
    go(recipe, home / "run")
    return dossier(home / "run")[0]


def table(found, key, title):
    return next(table for table in section(found, key).tables if table.title.startswith(title))


def test_licenses_redaction_and_what_is_owed_are_counted(whole):
    data = facts(whole, "data")
    assert (
        data["Use that the licenses were judged for"] == "commercial"
        and "PHONE" in data["Identifiers replaced, by kind"]
    )
    assert "no statement of compliance" in data["What redaction promises"] and "Owed under Apache-2.0" in data
    assert {row[0] for row in table(whole, "data", "Licenses").rows} == {"proprietary", "Apache-2.0"}
    assert [row[:2] for row in table(whole, "data", "Datasets").rows] == [
        ("train", "proprietary"),
        ("general", "Apache-2.0"),
    ]
    assert not any("redact" in item or "license" in item for item in section(whole, "data").to_add)


def test_slices_forgetting_and_cut_offs_are_shown(whole):
    assert [row[0] for row in table(whole, "subgroups", "Slices: triage").rows] == ["ward: A", "ward: B"]
    assert "`slices`" not in section(whole, "subgroups").to_add[0]
    assert table(whole, "robustness", "What must not be forgotten").rows[0][0].startswith("general, loss")
    cut_offs = table(whole, "oversight", "Cut-offs from")
    assert [row[0] for row in cut_offs.rows] == ["at most 2 %", "at most 5 %", "at most 10 %"]
    reviewed = table(whole, "oversight", "Review on the test questions: triage").rows
    assert [row[1] for row in reviewed] == ["60", "54", "48", "42", "30"]
    accuracy = table(whole, "decision", "Results").rows[0]
    assert accuracy[1] == "accuracy" and accuracy[5].startswith(reviewed[0][2])


@pytest.fixture
def made(finished_run):
    """(dossier, its folder, the run's folder) of a triage desk's own rows under the pack `healthcare`."""
    found, place = dossier(finished_run[1])
    return found, place, finished_run[1]


def section(found, key):
    return next(one for one in found.sections if one.key == key)


def facts(found, key):
    return {fact.name: fact.value for fact in section(found, key).facts}


def test_every_section_is_filled_from_the_run(made):
    found, place, folder = made
    assert place == folder / "dossier" and [one.key for one in found.sections] == [head.key for head, _ in PARTS]
    for one in found.sections:
        assert one.missing is None, one.missing
        assert one.facts or one.tables or one.key == "remaining", one.key
        assert all(fact.value and fact.source for fact in one.facts), one.key
        assert all(table.source and all(all(row) for row in table.rows) for table in one.tables), one.key
    assert facts(found, "data")["Rows read"] == "60"
    assert facts(found, "decision")["Verdict"] == json.loads((folder / "verdict.json").read_text())["decision"]
    trained = json.loads((folder / "train.done.json").read_text())["result"]
    assert facts(found, "training")["Tokens learned from"] == f"{trained['tokens']:,}"
    [steps] = [table for table in section(found, "data").tables if table.title == "Steps"]
    assert [row[0] for row in steps.rows] == ["normalize", "dedup", "decontaminate", "split", "select"]
    dropped = sum(int(row[3]) for row in steps.rows)
    [reasons] = [table for table in section(found, "data").tables if table.title == "Why rows were dropped"]
    assert sum(int(row[2]) for row in reasons.rows) == dropped


def test_what_a_person_has_to_add_is_marked_and_nothing_else_is_open(made):
    found, place, _ = made
    page = shown((place / PAGE).read_text())
    assert page.count(TO_ADD.strip()) == found.to_add > 0
    for word in ("TODO", "TBD", "N/A", "None None", "lorem", "undefined", "placeholder"):
        assert word.lower() not in page.lower(), word
    open_items = " ".join(item for one in found.sections for item in one.to_add)
    for key in ("`intended_use`", "`owner`", "`reviewer`", "`monitoring`"):
        assert key in open_items


def test_keys_of_the_recipe_take_the_place_of_what_was_left_to_a_person(finished_run):
    folder = finished_run[1]
    before, _ = dossier(folder)
    said = {"intended_use": "Sorting notes.", "owner": "Desk A", "reviewer": "Risk", "monitoring": "Weekly, by Desk A."}
    describe(folder, **said)
    found, _ = dossier(folder)
    assert facts(found, "purpose")["Intended use"] == "Sorting notes."
    assert facts(found, "monitoring")["Plan"] == "Weekly, by Desk A."
    assert (facts(found, "signature")["Owner"], facts(found, "signature")["Reviewer"]) == ("Desk A", "Risk")
    assert found.to_add == before.to_add - 4


def test_page_and_values_say_the_same(made):
    _, place, _ = made
    page = shown((place / PAGE).read_text())
    values = json.loads((place / VALUES).read_text())
    assert values["schema_version"] == 1
    for text in texts_of(values):
        assert " ".join(text.split()) in page, text


def test_a_pack_says_nothing_of_a_teams_own_rows(made):
    found, place, folder = made
    assert "Intended use" not in facts(found, "purpose") and "Limits" not in facts(found, "purpose")
    assert any("intended use" in item for item in section(found, "purpose").to_add)
    assert "ddi2013" not in (place / PAGE).read_text()


def test_the_head_of_the_history_stands_on_the_signed_page(made):
    found, place, folder = made
    head = json.loads((folder / "history.jsonl").read_text().splitlines()[-1])["sha256"]
    assert found.history_sha256 == head == facts(found, "signature")["Head of the history"]
    at = (place / PAGE).read_text().index('id="signature"')
    assert head in (place / PAGE).read_text()[at:]


def test_an_edited_file_is_named_first_and_the_exit_code_is_3(finished_run, monkeypatch, capsys):
    folder = finished_run[1]
    answers = folder / "evaluate/triage/tuned.jsonl"
    answers.write_text(answers.read_text().replace("cardiology", "dermatology", 1))
    code, out, _ = inside(monkeypatch, capsys, "dossier", folder)
    assert code == 3 and "evaluate/triage/tuned.jsonl: was changed" in out
    page = (folder / "dossier" / PAGE).read_text()
    assert page.index("tuned.jsonl</b>") < page.index("<h2>Contents")
    found = json.loads((folder / "dossier" / VALUES).read_text())
    assert [one["file"] for one in found["findings"]] == ["evaluate/triage/tuned.jsonl"]
    missing = {one["key"] for one in found["sections"] if one["missing"]}
    assert missing >= {"subgroups", "oversight"} and "data" not in missing


def test_an_edited_verdict_is_not_shown(finished_run, monkeypatch, capsys):
    folder = finished_run[1]
    verdict = json.loads((folder / "verdict.json").read_text())
    (folder / "verdict.json").write_text(json.dumps({**verdict, "decision": "SHIP", "reasons": ["All is well."]}))
    assert inside(monkeypatch, capsys, "dossier", folder)[0] == 3
    found = json.loads((folder / "dossier" / VALUES).read_text())
    assert found["decision"] == "NO VERDICT" and "verdict.json" in {one["file"] for one in found["findings"]}
    assert "All is well." not in (folder / "dossier" / PAGE).read_text()


def test_an_exploratory_verdict_says_so_first(finished_run, monkeypatch, capsys):
    folder = finished_run[1]
    describe(folder, ship={"min_gain": 0.3, "alpha": 0.05})
    inside(monkeypatch, capsys, "report", folder)
    found, place = dossier(folder)
    page = (place / PAGE).read_text()
    assert found.exploratory and found.decision.startswith("exploratory")
    assert page.count('<section class="box bad">') == 2, "the notice and the verdict, both in red"
    assert page.index(html.escape(found.exploratory[0])) < page.index("<h2>Contents")


def test_hostile_texts_change_nothing_on_the_page(finished_run):
    folder = finished_run[1]
    plain = (dossier(folder)[1] / PAGE).read_text()
    describe(folder, owner=HOSTILE, intended_use=HOSTILE, reviewer=HOSTILE, monitoring=HOSTILE)
    found, place = dossier(folder)
    page = (place / PAGE).read_text()
    assert "<script" not in page and "49" not in facts(found, "signature")["Owner"]
    assert " ".join(HOSTILE.split()) in shown(page)
    assert "default-src 'none'" in plain and "default-src 'none'" in page


def test_it_holds_no_row_and_no_place_of_the_machine(finished_run):
    folder = finished_run[1]
    describe(folder, owner="Desk A")  # lock.json has the recipe once more then
    found, place = dossier(folder)
    whole = {path.name: path.read_text() for path in place.rglob("*") if path.is_file()}
    rows = [row["note"] for name in ("train", "test") for row in lines(folder.parent / f"{name}.jsonl")]
    patients = {row["patient"] for row in lines(folder.parent / "train.jsonl")}
    assert rows and patients
    for name, text in whole.items():
        assert str(folder.parent) not in text and str(folder.parent.resolve()) not in text, name
        assert not [row for row in rows if row in text], name
    assert sum(map(len, whole.values())) < 300_000
    recipe = yaml.safe_load(whole["recipe.yaml"])
    assert recipe["datasets"][0]["path"] == "train.jsonl"


def test_from_within_the_folder_it_says_the_same(finished_run, monkeypatch):
    """A folder called `.` is no text to be left out of sentences."""
    folder = finished_run[1]
    whole, _ = dossier(folder)
    monkeypatch.chdir(folder)
    within, place = dossier(Path())
    assert within.evidence == whole.evidence and within.reasons == whole.reasons
    same = [one.key for one, other in zip(within.sections, whole.sections, strict=True) if one == other]
    assert len(same) == len(PARTS) and within.run == whole.run


def test_labels_that_were_corrected_are_told_without_a_place_of_the_machine(finished_run, tmp_path):
    folder = finished_run[1]
    row = pq.read_table(folder / "curate" / "train.parquet").to_pylist()[0]
    (tmp_path / "s.csv").write_text(f"id,text,corrected\n{row['origin']},{row['text']},?\n")
    relabel(saved_run(folder, Progress()), [tmp_path / "s.csv"], "Ada", tmp_path / "log")
    found, place = dossier(folder)
    said = section(found, "changes").tables[0].rows[-1]
    assert said[1] == "relabel" and said[2].startswith("Ada reviewed labels: 1 unclear.")
    assert not [path for path in place.rglob("*.*") if str(tmp_path) in path.read_text()]


def test_copies_carry_the_hashes_that_are_listed(made):
    found, place, folder = made
    names = {
        "plan.json",
        "history.jsonl",
        "verdict.json",
        "recipe.yaml",
        "lock.json",
        "model_card.md",
        "curate/card.md",
    }
    assert {one.file for one in found.evidence} == names
    for one in found.evidence:
        assert one.sha256 == file_sha256(folder / one.file) and one.bytes == (folder / one.file).stat().st_size
        assert one.copy_of_it and one.copy_sha256 == file_sha256(place / one.copy_of_it)
        assert (one.copy_sha256 == one.sha256) == (one.note == "")


def test_an_earlier_dossier_is_replaced_and_nothing_else_is(finished_run, tmp_path):
    folder = finished_run[1]
    _, place = dossier(folder, tmp_path / "new")
    dossier(folder, place)
    (place / "notes.txt").write_text("signed")
    with pytest.raises(UserError, match=r"holds other files \(notes.txt\)"):
        dossier(folder, place)
    assert (place / "notes.txt").read_text() == "signed" and (place / PAGE).is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("x")
    with pytest.raises(UserError, match="nothing is written over"):
        dossier(folder, tmp_path / "mine")
    with pytest.raises(UserError, match="is a file"):
        dossier(folder, tmp_path / "mine" / "a.txt")


def test_a_dossier_is_no_part_of_what_is_verified(made, monkeypatch, capsys):
    _, place, folder = made
    inside(monkeypatch, capsys, "report", folder)
    describe(folder, owner="Desk A")
    dossier(folder)
    assert (place / PAGE).is_file() and inside(monkeypatch, capsys, "verify", folder)[0] == 0


def test_a_run_without_a_verdict_has_none(trained_run):
    with pytest.raises(UserError, match="no verdict yet"):
        dossier(trained_run[1])
    assert not (trained_run[1] / "dossier").exists()


def test_of_several_trainings_it_is_that_of_their_average(two_seed_run):
    folder = two_seed_run[1]
    found, place = dossier(folder)
    assert place == folder / "dossier" and found.run == "out/averaged" and not found.findings
    assert "By the mean of 2 trainings" in facts(found, "decision")
    assert "seeds.json" in {one.file for one in found.evidence}
    assert any(name.endswith("by seed") for name in facts(found, "robustness"))
    (folder / "averaged").rename(folder.parent / "gone")
    with pytest.raises(UserError, match="Name one of them: .*seed-0"):
        dossier(folder)


def test_every_point_of_annex_iv_and_sr_11_7_has_a_section_and_stands_in_the_docs():
    points = {point for head, _ in PARTS for point in head.annex_iv}
    assert points == set(ANNEX_IV) and {part for head, _ in PARTS for part in head.sr_11_7} == set(SR_11_7)
    page = (ROOT / "docs/governance.md").read_text()
    rows = {row[0].strip(): row for line in page.splitlines() if len(row := line.strip("|").split("|")) == 5}
    for head, _ in PARTS:
        assert rows[head.title][1].strip() == ", ".join(head.annex_iv), head.title
        assert rows[head.title][2].strip() == ", ".join(dict.fromkeys(part.split(",")[0] for part in head.sr_11_7))


def test_reasons_of_drops_are_told_by_kind():
    assert kind_of("same text as row 7") == "the same text as an earlier row"
    assert kind_of("same text with 2 labels: lost card, my secret") == "the same text with several labels"
    assert kind_of("holds 89% of a question of 'x' (7), 12 words in one run") == "holds a test question, or most of it"
    assert kind_of("Anna's note is odd") == OTHER
    assert len({begin for begin, _ in KINDS}) == len(KINDS)


def test_the_history_names_an_edit_of_what_describes_the_model(finished_run):
    folder = finished_run[1]
    describe(folder, owner="Desk A")
    found, _ = dossier(folder)
    rows = section(found, "changes").tables[0].rows
    assert rows[-1][1] == "edit" and "owner is now: Desk A" in rows[-1][2]
    assert rows[-1][4] == read_history(folder).head


@pytest.mark.browser
def test_the_page_fits_a_desk_and_a_phone(made, browser):
    for width in (1280, 390):
        browser.open(made[1] / PAGE, width)
        assert browser.complaints(made[1] / PAGE) == []
        # A phone's window grows with what is too wide in it, so the width is the one that was asked for.
        assert browser.ask("document.scrollingElement.scrollWidth") <= width
