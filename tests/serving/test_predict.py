"""`metier predict`: every row in its order, none lost, equal ones asked once, and a killed call goes on."""

import csv
import json
import sys

import pyarrow.parquet as pq
import pytest

from metier.cli import app
from metier.data.reading import FileSource
from metier.data.spreadsheets import safe
from metier.errors import Problems, UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving import job, predict
from metier.serving.job import Wishes
from tests.tiny import write_lines


@pytest.fixture
def run(finished_run):
    return runs.saved_run(finished_run[1], Progress())


@pytest.fixture
def asked(monkeypatch):
    """The texts that the model was asked, in order."""
    texts, real = [], predict._answered
    monkeypatch.setattr(predict, "_answered", lambda work, some: texts.extend(q.text for q in some) or real(work, some))
    return texts


NOTES = ["itching since two days", "chest pain at night", "itching since two days", "=1+1 rash", "palpitations"]


def notes(folder, texts=NOTES):
    return str(write_lines(folder / "new.jsonl", [{"note": text, "ward": n} for n, text in enumerate(texts)]))


def read_csv(path):
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_model_without_a_ship_is_said_and_who_answers_instead(run, tmp_path, capsys):
    decision = json.loads((run.folder / "verdict.json").read_text())["decision"]
    for who in ("tuned", "tfidf"):
        job.predict(run, notes(tmp_path), tmp_path / "answers.csv", Wishes(who=who))
        err = capsys.readouterr().err
        assert ("not SHIP. `--with tfidf` answers" in err) == (who == "tuned" and decision != "SHIP")
    assert decision != "SHIP", "or the warning was not looked at"


def test_answers_stand_beside_the_columns_that_came_in(run, tmp_path, asked):
    done = job.predict(run, notes(tmp_path), tmp_path / "answers.csv", Wishes())
    rows = read_csv(tmp_path / "answers.csv")
    assert list(rows[0]) == ["note", "ward", "answer", "certainty", "second", "second_certainty", "review", "reason"]
    assert [row["note"] for row in rows] == [safe(text) for text in NOTES] and rows[3]["note"] == "'=1+1 rash"
    assert [row["ward"] for row in rows] == list("01234") and rows[0] == {**rows[2], "ward": "0"}
    assert {row["answer"] for row in rows} <= {"cardiology", "dermatology"}
    assert {row["review"] for row in rows} == {"no"}
    assert all(float(row["certainty"]) >= float(row["second_certainty"]) and not row["reason"] for row in rows)
    assert sorted(asked) == sorted(set(NOTES)), "equal texts are asked once"
    assert (done.rows, done.answered, done.distinct, done.to_review) == (5, 5, 4, 0)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_the_test_rows_get_the_answers_that_were_measured(run, finished_run, tmp_path):
    test = finished_run[0].with_name("test.jsonl")
    job.predict(run, str(test), tmp_path / "answers.jsonl", Wishes(prefix="model_"))
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["model_answer"] for row in rows] == [one.answer for one in read_answers(run, "tuned", "triage")]
    assert rows[0]["department"] and rows[0]["patient"]


def test_the_baseline_answers_through_the_same_face(run, finished_run, tmp_path):
    test = finished_run[0].with_name("test.jsonl")
    job.predict(run, str(test), tmp_path / "answers.parquet", Wishes(who="tfidf", review=0.2))
    rows = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    assert [row["answer"] for row in rows] == [one.answer for one in read_answers(run, "tfidf", "triage")]
    with pytest.raises(UserError, match="Nobody named 'tfdif'.*Did you mean 'tfidf'"):
        job.predict(run, str(test), tmp_path / "b.csv", Wishes(who="tfdif"))


def test_a_broken_row_keeps_its_place_and_says_why(run, tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text('{"note": "itching"}\n{"note": \n{"ward": 3}\n{"note": "  "}\n{"note": "chest pain"}\n')
    done = job.predict(run, str(path), tmp_path / "answers.csv", Wishes())
    rows = read_csv(tmp_path / "answers.csv")
    assert len(rows) == 5 and [bool(row["answer"]) for row in rows] == [True, False, False, False, True]
    assert "new.jsonl:2" in rows[1]["reason"] and "no text in 'note'" in rows[2]["reason"]
    assert [row["review"] for row in rows] == ["no", "yes", "yes", "yes", "no"] and done.answered == 2


def test_a_row_that_is_too_long_does_not_stop_the_others(run, tmp_path):
    long = "itching " * 3000
    job.predict(run, notes(tmp_path, ["chest pain", long, "rash"]), tmp_path / "answers.csv", Wishes())
    rows = read_csv(tmp_path / "answers.csv")
    assert [bool(row["answer"]) for row in rows] == [True, False, True] and "context" in rows[1]["reason"]


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_killed_call_goes_on_and_ends_in_the_same_file(calls, run, tmp_path, monkeypatch, asked):
    texts = [f"itching {n % 9} and chest pain {n}" for n in range(40)]
    monkeypatch.setattr(predict, "CHUNK", 8)
    file = notes(tmp_path, texts)
    job.predict(run, file, tmp_path / "whole.csv", Wishes())
    real, left = predict._Store.add, [calls]

    def add(self, answers):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(self, answers)

    with monkeypatch.context() as patch:
        patch.setattr(predict._Store, "add", add)
        with pytest.raises(KeyboardInterrupt):
            job.predict(run, file, tmp_path / "answers.csv", Wishes())
    assert not (tmp_path / "answers.csv").exists()
    asked.clear()
    job.predict(run, file, tmp_path / "answers.csv", Wishes())
    assert asked == texts[8 * calls :], "what was kept is not asked again"
    assert (tmp_path / "answers.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_answers_kept_for_other_rows_are_not_used(run, tmp_path, asked):
    (tmp_path / ".answers.csv.answers.sqlite").write_bytes(b"no database at all, but longer than a header" * 9)
    job.predict(run, notes(tmp_path), tmp_path / "answers.csv", Wishes())
    assert len(asked) == 4 and len(read_csv(tmp_path / "answers.csv")) == 5


def test_what_cannot_be_done_is_said_before_anything_is_asked(run, tmp_path, asked):
    file = notes(tmp_path)
    for out, wishes, why in (
        ("answers.xlsx", Wishes(), "answers.xlsx ends with '.xlsx'. Name a file that ends with .csv, .jsonl, .parquet"),
        ("answers.csv", Wishes(benchmark="x"), "no benchmark 'x'"),
        ("nowhere/answers.csv", Wishes(), "cannot be written"),
        ("answers.csv", Wishes(max_error=0.0001), "--max-error 0.0001 cannot be promised"),
    ):
        with pytest.raises(UserError, match=why):
            job.predict(run, file, tmp_path / out, wishes)
    with pytest.raises(Problems, match="no column 'nte'.*Did you mean 'note'"):
        job.predict(run, file, tmp_path / "answers.csv", Wishes(text="nte"))
    write_lines(tmp_path / "taken.jsonl", [{"note": "itch", "answer": "x"}])
    with pytest.raises(UserError, match="has a column 'answer' already"):
        job.predict(run, str(tmp_path / "taken.jsonl"), tmp_path / "answers.csv", Wishes())
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(Problems, match="is empty"):
        job.predict(run, str(tmp_path / "empty.jsonl"), tmp_path / "answers.csv", Wishes())
    assert asked == [] and not (tmp_path / "answers.csv").exists()


def test_the_share_for_review_is_announced_and_kept(run, tmp_path, capsys):
    texts = [f"itching {n}, chest pain {n * n}" for n in range(60)]
    done = job.predict(run, notes(tmp_path, texts), tmp_path / "answers.csv", Wishes(review=0.5))
    assert "of the rows will need a person" in capsys.readouterr().err
    rows = read_csv(tmp_path / "answers.csv")
    assert done.to_review == sum(row["review"] == "yes" for row in rows)
    sure = [float(row["certainty"]) for row in rows if row["review"] == "no"]
    assert not sure or min(sure) >= max(float(r["certainty"]) for r in rows if r["review"] == "yes") - 1e-4


@pytest.mark.parametrize(
    ("cell", "shown"), [("=1+1", "'=1+1"), ("-5", "-5"), ("-5+cmd", "'-5+cmd"), ("@x", "'@x"), ("plain", "plain")]
)
def test_no_cell_begins_a_formula(cell, shown):
    assert safe(cell) == shown


def test_the_verb_prints_what_it_did_and_what_it_cost(run, tmp_path, monkeypatch, capsys):
    words = ["predict", run.folder, notes(tmp_path), "--out", tmp_path / "answers.csv", "--cost"]
    monkeypatch.setattr(sys, "argv", ["metier", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        app.main()
    out = capsys.readouterr().out
    assert not stop.value.code and "5 of 5 rows answered, 0 for review" in out and "1,000 different rows:" in out


def test_parquet_columns_keep_their_types(run, tmp_path):
    rows = [
        {"note": "chest pain", "age": 40, "weight": 70, "seen": True, "id": 1, "left": None},
        {"note": "itching", "age": None, "weight": 70.5, "seen": False, "id": 2**80, "left": None},
        {"note": "rash", "age": 3, "weight": 2**60, "seen": None, "id": "x", "left": None},
    ]
    job.predict(run, str(write_lines(tmp_path / "new.jsonl", rows)), tmp_path / "answers.parquet", Wishes())
    table = pq.read_table(tmp_path / "answers.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "note": "string",
        "age": "int64",
        "weight": "double",
        "seen": "bool",
        "id": "string",
        "left": "string",
        "answer": "string",
        "certainty": "double",
        "second": "string",
        "second_certainty": "double",
        "review": "string",
        "reason": "string",
    }
    assert table["age"].to_pylist() == [40, None, 3] and table["id"].to_pylist() == ["1", str(2**80), "x"]
    assert table["seen"].to_pylist() == [True, False, None] and table["weight"].to_pylist() == [70, 70.5, 2.0**60]


def test_the_fields_of_a_json_answer_are_columns(tmp_path):
    benchmark = Benchmark("orders", scorer="fields", path=str(tmp_path / "test.jsonl"), text="text", label="answer")
    write_lines(tmp_path / "test.jsonl", [{"text": "two mugs", "answer": json.dumps({"item": "mug", "count": 2})}])
    given = [
        Prediction("0", "", "", json.dumps({"count": 3, "item": ["cup", "=mug"], "made up": 1}), "", None),
        Prediction("1", "", "", None, "", None, completion="{"),
    ]
    work = predict.Work(benchmark, lambda questions: given, ["by hand"], None)
    source = FileSource(str(write_lines(tmp_path / "new.jsonl", [{"text": "a"}, {"text": "b"}])), "text", None, "x")
    predict.predict_file(work, source, tmp_path / "answers.csv", Progress())
    first, second = read_csv(tmp_path / "answers.csv")
    assert list(first) == ["text", "answer", "answer.count", "answer.item", "reason"]
    assert (first["answer.count"], first["answer.item"]) == ("3", '["cup", "=mug"]')
    assert second["answer"] == second["answer.count"] == "" and "no answer could be read" in second["reason"]
