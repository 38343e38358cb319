"""`metier new`: what is found in a team's folder, that it checks and runs, and that nothing is overwritten."""

import gzip
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from metier.data import files
from metier.errors import UserError
from metier.recipes import plugins
from metier.recipes.checks import check
from metier.recipes.scaffold.columns import columns_of
from metier.recipes.scaffold.new import new
from metier.recipes.schema import load
from tests.cli.test_cli import inside
from tests.data.formats.test_formats import drawn, write_pdf
from tests.tiny import DEPARTMENTS, desk_rows, lines, write_csv, write_lines


def test_from_a_csv_to_a_verdict_with_nothing_to_write(monkeypatch, capsys, tmp_path, data):
    monkeypatch.chdir(tmp_path)
    code, out, _ = inside(monkeypatch, capsys, "new", "triage", "--from", data, "--industry", "healthcare")
    assert code == 0 and "Is `patient` what must stay on one side" in out
    assert inside(monkeypatch, capsys, "check", "triage/recipe.yaml", "--set", "model=fake")[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "run", "triage/recipe.yaml", "--set", "model=fake", "--json")
    assert json.loads(out)["decision"] in ("SHIP", "HOLD") and code in (0, 2)
    assert json.loads(out)["benchmarks"][0]["name"] == "triage-test"


def test_the_columns_are_found_and_the_questions_stand_in_the_recipe(tmp_path, data):
    new("triage", data, into=tmp_path)
    text = (tmp_path / "triage" / "recipe.yaml").read_text()
    (own, general), (benchmark,) = (yaml.safe_load(text)[key] for key in ("datasets", "benchmarks"))
    wanted = {"text": "note", "label": "department", "group": "patient", "time": "date", "id": "note id"}
    assert own == {"path": "train.jsonl", **wanted, "license": "proprietary"} and general == "general"
    assert benchmark["prompt"] == "Note: {text}\nDepartment:" and benchmark["cluster"] == "patient"
    asked = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for question in (
        "Is `department` the answer",
        "newest rows by `date`",
        "Which industry",
        "name persons",
        "slices: [ward]",
    ):
        assert question in asked


def test_people_are_asked_what_the_model_is_for_and_who_answers_for_it(tmp_path, data):
    found = new("triage", data, into=tmp_path)
    assert any("`intended_use`, `owner`" in one for one in found["questions"])
    path = tmp_path / "triage" / "recipe.yaml"
    assert load(path).owner is None and {"license": {"use": "commercial"}} in load(path).steps
    path.write_text(re.sub(r"^# ((intended_use|owner|reviewer|monitoring): )", r"\1", path.read_text(), flags=re.M))
    recipe = load(path)
    assert recipe.intended_use and recipe.owner and recipe.reviewer
    assert "metier monitor runs/triage" in recipe.monitoring


def test_no_test_row_and_no_patient_of_the_test_is_in_training(tmp_path, data):
    new("triage", data, into=tmp_path)
    train, test = (lines(tmp_path / "triage" / f"{part}.jsonl") for part in ("train", "test"))
    assert len(train) + len(test) == 120 and 18 <= len(test) <= 30
    assert not {row["patient"] for row in train} & {row["patient"] for row in test}
    assert {row["department"] for row in test} == set(DEPARTMENTS)
    new("again", data, into=tmp_path)
    assert lines(tmp_path / "again" / "test.jsonl") == test


@pytest.mark.slow
def test_a_folder_of_texts_and_a_pdf_stands_beside_the_packs_benchmark(small_smoke, monkeypatch, capsys, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Letter {number}. The pulse was regular and the skin was dry.")
    write_pdf(folder / "old.pdf", drawn("A letter of long ago"))
    (folder / "scan.xlsx").write_bytes(b"PK")
    (folder / "README.md").write_text("# Letters of the ward")
    monkeypatch.chdir(tmp_path)
    assert inside(monkeypatch, capsys, "new", "letters-recipe", "--from", "letters")[0] == 0
    made = tmp_path / "letters-recipe"
    assert [row["file"] for row in lines(made / "documents.jsonl")] == ["0.txt", "1.txt", "2.txt", "old.pdf"]
    assert [row["origin"] for row in lines(made / "left_out.jsonl")] == ["README.md", "scan.xlsx"]
    text = (made / "recipe.yaml").read_text()
    assert "no labeled rows" in text and yaml.safe_load(text)["datasets"][1:] == ["icd10cm", "general"]
    # What is learned from is the pack's, so its steps hold: two terms that differ in one word are two terms.
    assert yaml.safe_load(text)["steps"] == plugins.find("industries", "clinical_coding")().steps
    changes = ("--set", "model=fake", "--quick")
    assert inside(monkeypatch, capsys, "check", made / "recipe.yaml", *changes)[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "run", made / "recipe.yaml", *changes, "--json")
    assert (code, json.loads(out)["decision"]) == (0, "SMOKE")


def test_a_recipe_that_is_there_is_never_overwritten(tmp_path, data):
    new("triage", data, into=tmp_path)
    before = (tmp_path / "triage" / "recipe.yaml").read_text()
    with pytest.raises(UserError, match="nothing is overwritten"):
        new("triage", data, "finance", into=tmp_path)
    assert (tmp_path / "triage" / "recipe.yaml").read_text() == before


@pytest.mark.parametrize("name", ["../out", "a/b", "/tmp/x", ".hidden", "", "a b", "x\n"])
def test_a_name_that_is_a_path_is_refused(tmp_path, data, name):
    with pytest.raises(UserError, match="becomes a file"):
        new(name, data, into=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (desk_rows(10), "There are 10 labeled rows"),
        ([{"a": 1, "b": 2}] * 30, "holds no text that can be read"),
    ],
)
def test_what_cannot_become_a_recipe_is_said_and_leaves_nothing_behind(tmp_path, rows, message):
    write_csv(tmp_path / "data" / "x.csv", rows)
    with pytest.raises(UserError, match=message):
        new("x", tmp_path / "data", into=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        new("x", tmp_path / "absent", into=tmp_path)


def test_a_split_that_is_made_already_is_kept(tmp_path):
    rows = [{**row, "split": ("train", "dev", "test")[int(row["patient"][1:]) % 3]} for row in desk_rows()]
    write_lines(tmp_path / "rows.jsonl", rows)
    new("x", tmp_path / "rows.jsonl", into=tmp_path)
    test = {row["note id"] for row in lines(tmp_path / "x" / "test.jsonl")}
    assert test == {row["note id"] for row in rows if row["split"] == "test"}
    assert {row["split"] for row in lines(tmp_path / "x" / "train.jsonl")} == {"train", "valid"}
    assert load(tmp_path / "x" / "recipe.yaml").datasets[0]["split"] == "split"


def test_files_called_train_and_test_are_what_they_are_called(tmp_path):
    rows = desk_rows()
    write_csv(tmp_path / "data" / "desk_train.csv", rows[:90], delimiter=";")
    write_csv(tmp_path / "data" / "desk_test.csv", rows[90:], delimiter=";")
    found = new("x", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"]) == (90, 30)
    assert any("The test is `desk_test.csv`, by the name. Is that meant?" in doubt for doubt in found["questions"])
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


def test_parquet_with_dates_and_gaps_is_read(tmp_path):
    import datetime

    rows = [{**row, "date": datetime.date(2024, 1, 1 + n % 28)} for n, row in enumerate(desk_rows())]
    rows[5]["department"], rows[7]["note"] = None, ""
    (tmp_path / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / "rows.parquet")
    new("x", tmp_path / "data", into=tmp_path)
    why = [row["reason"] for row in lines(tmp_path / "x" / "left_out.jsonl")]
    assert why == ["has nothing in 'department'.", "has nothing in 'note'."]
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


def test_an_answer_with_one_row_is_left_out_and_a_rare_one_stays_in_training(tmp_path):
    rows = desk_rows()
    rows[0]["department"], rows[1]["department"], rows[2]["department"] = "alone", "rare", "rare"
    write_csv(tmp_path / "data" / "x.csv", rows)
    new("x", tmp_path / "data", into=tmp_path)
    assert "the only row of 'alone'" in lines(tmp_path / "x" / "left_out.jsonl")[0]["reason"]
    assert [row["department"] for row in lines(tmp_path / "x" / "train.jsonl")].count("rare") == 2


def test_a_table_without_answers_becomes_raw_text_and_the_recipes_beside_it_are_not_read(tmp_path, data):
    new("first", data, into=data)
    write_lines(data / "letters.jsonl", [{"body": f"Dear doctor, letter {n}.", "n": n} for n in range(4)])
    found = new("second", data, into=tmp_path)
    assert (found["train"] + found["test"], found["documents"]) == (120, 4)
    assert any("`letters.jsonl`: no column looks like an answer" in doubt for doubt in found["questions"])


def test_names_of_columns_that_mean_something_to_yaml_or_to_a_prompt_do_no_harm(tmp_path):
    odd = {"note": 'note: "{x}" # y', "department": "- label\n{text}"}
    rows = [{odd.get(key, key): value for key, value in row.items()} for row in desk_rows()]
    write_lines(tmp_path / "rows.jsonl", rows)
    new("x", tmp_path / "rows.jsonl", into=tmp_path)
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("customerId", [f"c{n // 4}" for n in range(100)], {"group": "customerId"}),
        ("contract_no", [f"c{n // 2}" for n in range(100)], {"group": "contract_no"}),
        ("uuid", [f"{n:032d}-long-key-without-words" for n in range(100)], {"id": "uuid", "text": "body"}),
        ("year", [str(2000 + n % 9) for n in range(100)], {"time": "year", "label": "kind"}),
        ("urgency", [str(n % 3) for n in range(100)], {"label": "kind"}),
        ("category", [f"area {n % 5}" for n in range(100)], {"label": "category"}),
        ("set", ["train", "test"] * 50, {"split": "set"}),
        ("ward_id", ["A", "B"] * 50, {"group": None}),
    ],
)
def test_columns_are_told_by_name_and_values(column, values, wanted):
    rows = [{"body": f"Some words {n}", column: value, "kind": "xyz"[n % 3]} for n, value in enumerate(values)]
    found = columns_of(rows)
    assert {key: getattr(found, key) for key in wanted} == wanted
    assert found.text == "body"


def test_a_further_column_called_text_is_renamed_and_not_read_in_place_of_the_text(tmp_path):
    rows = [
        {"note": row["note"], "text": f"remark {n}", "department": row["department"]}
        for n, row in enumerate(desk_rows())
    ]
    new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    recipe = load(tmp_path / "triage/recipe.yaml")
    [benchmark] = recipe.build_benchmarks()
    question = benchmark.questions()[0]
    assert benchmark.render(question).startswith("Note: Case ") and question.fields["text_2"].startswith("remark")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_is_read_by_the_separator_that_it_has(tmp_path, delimiter, first, packed):
    rows = [{"a note (long, or short)": row["note"], "department": row["department"]} for row in desk_rows()]
    path = write_csv(tmp_path / "data" / "notes.csv", rows, delimiter)
    path.write_text(first.format(delimiter) + path.read_text())
    if packed:
        (path.parent / "notes.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    found = new("triage", path.parent, into=tmp_path)
    assert found["train"] + found["test"] == 120 and not found["left_out"]


def test_a_test_file_with_a_further_column_or_another_spelling_is_still_the_test(tmp_path):
    rows = [{"note": row["note"], "department": row["department"]} for row in desk_rows()]
    write_csv(tmp_path / "data" / "train.csv", rows[:90])
    write_csv(
        tmp_path / "data" / "test.csv",
        [{"Note": r["note"], "Department": r["department"], "by": "x"} for r in rows[90:]],
    )
    found = new("triage", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"]) == (90, 30)
    assert any("`test.csv`: read together" in doubt and "`by`" in doubt for doubt in found["questions"])
    assert {row["note"] for row in lines(tmp_path / "triage/test.jsonl")} == {row["note"] for row in rows[90:]}


def test_answers_lose_their_blanks_and_spellings_are_asked_about(tmp_path):
    rows = desk_rows()
    for row in rows[:10]:
        row["department"] += " "
    for row in rows[10:20]:
        row["department"] = row["department"].upper()
    found = new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    answers = {row["department"] for part in ("train", "test") for row in lines(tmp_path / f"triage/{part}.jsonl")}
    assert answers == {name for one in DEPARTMENTS for name in (one, one.upper())}
    assert sum("Are these one answer?" in doubt for doubt in found["questions"]) == 2


def test_a_dangling_link_is_left_out_and_said(tmp_path, data):
    (data / "old.csv").symlink_to(data / "gone.csv")
    found = new("triage", data, into=tmp_path)
    assert found["left_out"] == 1 and "a link to nothing" in lines(tmp_path / "triage/left_out.jsonl")[0]["reason"]


def test_rows_without_a_group_count_as_groups_of_their_own(tmp_path):
    rows = desk_rows()
    for row in rows[36:]:  # twelve patients are left, two or three of them in the test
        row["patient"] = ""
    found = new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    assert not any("show no gain" in doubt for doubt in found["questions"])


def test_a_test_file_with_a_remark_on_the_answer_leaves_training_as_it_is(tmp_path):
    rows = desk_rows()
    write_csv(
        tmp_path / "data/train.csv", [{"note": row["note"], "department": row["department"]} for row in rows[:80]]
    )
    explained = [{"note": r["note"], "department": r["department"],
                  "explanation": f"{r['note']} goes to {r['department']}"} for r in rows[80:]]  # fmt: skip
    write_csv(tmp_path / "data/test.csv", explained)
    found = new("triage", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"], found["left_out"]) == (80, 40, 0)
    assert "text: note" in (tmp_path / "triage/recipe.yaml").read_text()


def test_a_text_that_names_its_answer_is_asked_about(tmp_path):
    rows = [{"claim": r["note"], "verdict": r["department"], "memo": f"{r['note']}: {r['department']} it is"}
            for r in desk_rows()]  # fmt: skip
    found = new("facts", write_csv(tmp_path / "data/facts.csv", rows).parent, into=tmp_path)
    assert any("In 100% of the rows `memo` names its own answer" in doubt for doubt in found["questions"])
    found = new("triage", write_csv(tmp_path / "other/notes.csv", desk_rows()).parent, into=tmp_path)
    assert not any("names its own answer" in doubt for doubt in found["questions"])


@pytest.mark.parametrize("content", [b"no gzip at all", gzip.compress(b"text,label\n" * 99, mtime=0)[:40]])
def test_a_torn_archive_is_said_and_an_empty_file_is_left_out(tmp_path, data, content):
    (data / "old.csv.gz").write_bytes(content)
    (data / "blank.txt").write_text(" \n")
    (data / "table.csv.txt").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="old.csv.gz"):
        new("triage", data, into=tmp_path)
    (data / "old.csv.gz").unlink()
    found = new("triage", data, into=tmp_path)
    assert found["documents"] == 1 and lines(tmp_path / "triage/left_out.jsonl")[0]["reason"] == "is empty."


def test_a_recipe_of_ones_own_files_searches_its_settings(tmp_path, data):
    new("triage", data, "legal", into=tmp_path)
    assert yaml.safe_load((tmp_path / "triage/recipe.yaml").read_text())["methods"] == [{"auto": {"minutes": 25}}]


def test_letters_that_yaml_does_not_take_do_no_harm(tmp_path):
    rows = [{**row, "department": row["department"].replace("cardio", "driver\x92s ")} for row in desk_rows()]
    rows[0]["department"] = rows[0]["department"].title()
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.jsonl", rows)
    new("triage", tmp_path / "in", into=tmp_path)
    assert load(tmp_path / "triage" / "recipe.yaml").datasets


def test_a_joined_table_with_other_words_under_the_same_name_has_no_sides(tmp_path):
    (tmp_path / "in").mkdir()
    first = [
        {"note": row["note"], "label": row["department"], "set": "train" if n % 3 else "test"}
        for n, row in enumerate(desk_rows())
    ]
    second = [
        {"note": row["note"] + "?", "label": row["department"], "set": "north", "remark": "a long remark " * 9}
        for row in desk_rows(60, 1)
    ]
    write_lines(tmp_path / "in" / "a.jsonl", first)
    write_lines(tmp_path / "in" / "b.jsonl", second)
    found = new("triage", tmp_path / "in", into=tmp_path)
    assert found["train"] and found["test"]


def test_a_question_that_is_called_like_an_answer_is_not_taken_for_one():
    rows = [
        {"answer": f"It is number {n} of many words", "question_answer": f"What is number {n} here?"} for n in range(40)
    ]
    assert columns_of(rows).text


def test_a_file_of_too_many_rows_is_refused_before_all_of_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("metier.recipes.scaffold.new.MOST_ROWS", 50)
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.jsonl", desk_rows())
    seen, real = [], files.pieces
    monkeypatch.setattr(
        "metier.recipes.scaffold.new.pieces", lambda *given: (seen.append(1) or piece for piece in real(*given))
    )
    with pytest.raises(UserError, match="more than 50 rows"):
        new("triage", tmp_path / "in", into=tmp_path)
    assert len(seen) == 51
