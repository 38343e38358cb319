"""The sheets of suspect labels: complete for training rows, blind for test questions, safe in a spreadsheet."""

import csv
import itertools
from dataclasses import replace

import pytest

from metier.data.spreadsheets import safe, without_quote
from metier.evaluation.answers import Answers
from metier.evaluation.suspects import Suspect
from metier.reporting import suspect_sheets as sheets
from metier.runs.integrity import verify
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages.report import report
from tests.relabeling.desk import LABELS, curated, table

STEPS = "[normalize, dedup, label_noise, split]"


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def mislabeled():
    """The desk's rows, whose text names their label; four have another one, and one of these begins as a formula."""
    rows = table("train", 90, hostile=False)
    for n in (10, 20, 40, 70):
        rows[n]["kind"] = LABELS[(n + 1) % 3]
    rows[20]["note"] = "=" + rows[20]["note"]
    return rows


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return curated(tmp_path_factory.mktemp("sheets") / "desk", steps=STEPS, train=mislabeled())


def test_the_rows_that_look_mislabeled_are_in_the_sheet_and_no_row_is_dropped(desk):
    found = {row["id"]: row for row in rows_of(desk.folder / "suspects.csv")}
    planted = {f"train.jsonl:{n + 1}" for n in (10, 20, 40, 70)}
    assert found.keys() <= planted and len(found) >= 3
    for own, row in found.items():
        number = int(own.split(":")[1]) - 1
        assert row["label"] == safe(LABELS[(number + 1) % 3]) and row["suggestion"] == safe(LABELS[number % 3])
        assert row["corrected"] == ""
    assert sum(desk.result("curate")[side] for side in ("train", "valid")) == 90


def test_no_cell_is_a_formula_and_every_one_can_be_read_back(desk):
    cells = [cell for row in rows_of(desk.folder / "suspects.csv") for cell in row.values()]
    assert any(cell.startswith("'=train message 20") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    for text in ("=1+1", "@x", "-not a number", "\tx", "plain"):
        assert without_quote(safe(text)) == text


def suspected(run, monkeypatch, count=16):
    """The run with its first questions under suspicion, the first the most."""
    questions = Answers(run).benchmark("triage").questions()[:count]
    other = {"cardiology": "dermatology", "dermatology": "cardiology"}
    found = [Suspect(n, q.answer, other[q.answer], 1 - n / 1000) for n, q in enumerate(questions)]
    monkeypatch.setattr(sheets, "suspects", lambda answers, name: found)
    return questions


def test_the_sheet_of_the_test_shows_both_labels_and_nothing_of_the_recorded_one(finished_run, monkeypatch):
    run = saved_run(finished_run[1], Progress())
    questions = suspected(run, monkeypatch)
    assert sheets.write_test_sheet(run, Answers(run)) == len(questions)
    rows = rows_of(run.folder / "suspects-test.csv")
    assert list(rows[0]) == ["id", "text", "label_a", "label_b", "corrected"]
    by_text = {question.text: question for question in questions}
    assert {frozenset((row["label_a"], row["label_b"])) for row in rows} == {frozenset(("cardiology", "dermatology"))}
    places = [questions.index(by_text[row["text"]]) for row in rows]
    assert places != sorted(places) and places != sorted(places, reverse=True)
    for row in rows:  # neither the line in the file nor anything of the id
        assert ":" not in row["id"] and row["id"] == sheets.question_id(
            run.recipe.build_benchmarks()[0], by_text[row["text"]]
        )
    assert {row["label_a"] == by_text[row["text"]].answer for row in rows} == {True, False}


def test_which_column_has_the_recorded_label_is_a_coin_that_no_label_moves():
    seeds = [f"{seed}:q{row}" for seed, row in itertools.product(range(20), range(100))]
    for recorded, suggestion in (("fee", "card"), ("card", "fee")):
        first = sum(sheets.in_random_order(recorded, suggestion, seed)[0] == recorded for seed in seeds)
        assert abs(first - 1000) < 3.5 * (2000 * 0.25) ** 0.5
    # The same coin whatever is recorded: the two sheets of swapped labels are each other's mirror.
    assert all(sheets.in_random_order("a", "b", seed) == sheets.in_random_order("b", "a", seed)[::-1] for seed in seeds)


def test_the_order_of_the_rows_does_not_go_with_the_recorded_label(finished_run, monkeypatch):
    run = saved_run(finished_run[1], Progress())
    suspected(run, monkeypatch, 24)
    benchmark = run.recipe.build_benchmarks()[0]
    questions = Answers(run).benchmark("triage").questions()
    ranks = []
    for seed in range(300):  # other texts, and so other ids
        ids = {sheets.question_id(benchmark, replace(q, text=f"{q.text} {seed}")): q.answer for q in questions}
        ranks.append(sum(place for place, own in enumerate(sorted(ids)) if ids[own] == "cardiology"))
    n, of = len(questions), sum(q.answer == "cardiology" for q in questions)
    expected, spread = of * (n - 1) / 2, (of * (n - of) * (n + 1) / 12) ** 0.5
    assert abs(sum(ranks) / 300 - expected) < 3.5 * spread / 300**0.5


def test_what_people_filled_in_is_kept(finished_run, monkeypatch):
    run = saved_run(finished_run[1], Progress())
    suspected(run, monkeypatch)
    sheets.write_test_sheet(run, Answers(run))
    path = run.folder / "suspects-test.csv"
    filled = path.read_text().replace("dermatology,cardiology,", "dermatology,cardiology,cardiology", 1)
    assert filled != path.read_text()
    path.write_text(filled)
    sheets.write_test_sheet(run, Answers(run))
    assert path.read_text() == filled
    suspected(run, monkeypatch, 5)
    sheets.write_test_sheet(run, Answers(run))
    assert (run.folder / "suspects-test-1.csv").read_text() == filled and len(rows_of(path)) == 5


def test_the_report_says_how_many_and_verify_lets_people_write(finished_run, monkeypatch):
    run = saved_run(finished_run[1], Progress())
    suspected(run, monkeypatch)
    report(run)
    page = (run.folder / "report.html").read_text()
    assert "Suspect labels" in page and "16 test questions" in page and "metier relabel" in page
    path = run.folder / "suspects-test.csv"
    path.write_text(path.read_text() + "\n")
    assert not verify(run.folder).findings


def test_a_run_without_suspects_has_no_sheet_and_no_section(finished_run):
    report(saved_run(finished_run[1], Progress()))
    assert not list(finished_run[1].glob("suspects*"))
    assert "Suspect labels" not in (finished_run[1] / "report.html").read_text()


def test_the_sheet_shows_what_else_the_prompt_has():
    from metier.evaluation.benchmark import Benchmark

    benchmark = Benchmark("b", path="x.csv", prompt="{claim} {text}")
    assert sheets.in_sheet("a\0b", {"claim": "c", "more": "m"}, benchmark) == "a\ufffdb\nclaim: c"
    assert len(sheets.in_sheet("x" * 50_000, {}, None)) == sheets.LONGEST
