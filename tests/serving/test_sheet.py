"""`metier answers`: the sheet has the rows of answers.html, harms no spreadsheet, and writes over nothing."""

import csv
import json
import re

import pytest

from metier.errors import UserError
from metier.evaluation.suspects import Suspect
from metier.reporting import answer_rows
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.serving import sheet
from metier.serving.sheet import write_sheet
from tests.attack.harness import call
from tests.reporting.made_answers import hostile, written


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def on_the_page(folder):
    """The rows of answers.html as the page unpacks them."""
    text = (folder / "answers.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    for one in data["benchmarks"]:

        def at(column, number, strings=one["strings"]):
            return strings[column[number]] if column and column[number] >= 0 else ""

        for number in range(one["rows"]):
            models = {
                key: cell
                for name, model in one["models"].items()
                for key, cell in ((name, at(model["answer"], number)), (f"{name}_score", model["score"][number]))
            }
            plain = {key: at(one[key], number) for key in ("id", "text", "right", "group", "suspect")}
            yield {**plain, "benchmark": one["name"], "certainty": one["certainty"][number], **models}


def test_the_sheet_has_the_rows_of_the_page(finished_run, tmp_path):
    out = tmp_path / "answers.csv"
    done = call("answers", finished_run[1], "--csv", out, inside=tmp_path)
    assert done.code == 0 and "24 questions with all answers" in done.stdout, done.stderr
    rows, page = read(out), list(on_the_page(finished_run[1]))
    assert len(rows) == len(page) == 24 and rows[0].keys() == page[0].keys()
    for row, shown in zip(rows, page, strict=True):
        for key, cell in shown.items():
            found = float(row[key]) if isinstance(cell, int | float) else row[key]
            assert found == cell, key
    assert not list(tmp_path.glob(".*part*"))


def test_a_sheet_that_somebody_wrote_in_stays(finished_run, tmp_path):
    run, out = saved_run(finished_run[1], Progress()), tmp_path / "answers.csv"
    assert write_sheet(run, out) == write_sheet(run, out) == 24
    out.write_text(out.read_text(encoding="utf-8") + "a note\n", encoding="utf-8")
    before = out.read_bytes()
    with pytest.raises(UserError, match="holds something else"):
        write_sheet(run, out)
    assert out.read_bytes() == before and not list(tmp_path.glob(".*part*"))
    with pytest.raises(UserError, match="ends with .csv"):
        write_sheet(run, tmp_path / "answers.xlsx")


def test_a_suspect_label_stands_in_its_row(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr(answer_rows, "suspects", lambda *_: [Suspect(5, "cardiology", "dermatology", 1.0)])
    write_sheet(saved_run(finished_run[1], Progress()), tmp_path / "a.csv")
    assert [row["suspect"] for row in read(tmp_path / "a.csv")] == [""] * 5 + ["dermatology"] + [""] * 18


def test_a_run_without_answers_is_refused(trained_run, tmp_path):
    with pytest.raises(UserError, match="metier evaluate"):
        write_sheet(saved_run(trained_run[1], Progress()), tmp_path / "answers.csv")


def test_no_cell_is_a_formula_and_further_columns_stand_behind_the_others(finished_run, tmp_path, monkeypatch):
    texts = [one for one in hostile().rows if "\ud800" not in one.text]  # no file in UTF-8 holds half a character
    monkeypatch.setattr(sheet, "answered_benchmarks", lambda *_: [Fake("hostile", texts), Fake("sums", written().rows)])
    write_sheet(saved_run(finished_run[1], Progress()), tmp_path / "answers.csv")
    rows = read(tmp_path / "answers.csv")
    assert len(rows) == len(texts) + 3
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert rows[8 - 1]["text"].startswith("'=HYPERLINK") and rows[0]["text"] == "<script>alert(1)</script>"
    assert rows[0]["field.more"] == "more <script>alert(1)</script>" and rows[-1]["field.more"] == ""
    assert rows[-2]["completion.tuned"] == "Let me see: 2, I think" and rows[-2]["tuned_score"] == "0.5"


class Fake:
    def __init__(self, name, rows):
        self.name, self.rows = name, rows
