"""Two files of answers from any tool, against a computation by hand."""

import csv
import json

import pytest
from scipy.stats import binom

from metier.errors import UserError
from metier.evaluation import stats
from metier.experiments.compare_files import compare_files
from tests.cli.test_cli import inside
from tests.test_docs import ROOT, blocks
from tests.tiny import write_lines


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def answers(wrong, n=100, **more):
    return [{"id": f"q{k}", "label": "yes", "answer": "no" if k in wrong else "yes", **more} for k in range(n)]


def test_the_figures_are_those_of_a_computation_by_hand(tmp_path):
    """Of 100 questions the first errs on 0 to 19, the second on 15 to 24: 15 fixed, 5 broken."""
    first = write(tmp_path / "first.csv", answers(range(20)))
    second = write_lines(tmp_path / "second.jsonl", answers(range(15, 25))[::-1])  # in another order
    found = compare_files(first, second)
    assert (found.n, found.fixed, found.broken) == (100, 15, 5)
    assert found.before.value == pytest.approx(0.80) and found.after.value == pytest.approx(0.90)
    assert found.gain.value == pytest.approx(0.10) and found.gain.low < 0.10 < found.gain.high
    mid_p = 2 * sum(binom.pmf(k, 20, 0.5) for k in range(6)) - binom.pmf(5, 20, 0.5)
    assert found.p == pytest.approx(mid_p) and found.test == "mid-p McNemar"
    assert found.minimum_detectable_effect == stats.minimum_detectable_share(100, 0.20)
    assert stats.minimum_detectable_share(found.n_required, 0.20) <= 0.10
    assert stats.minimum_detectable_share(found.n_required - 1, 0.20) > 0.10


def test_it_is_said_which_columns_were_taken_and_what_follows(tmp_path):
    first = write(tmp_path / "first.csv", answers(range(20)))
    second = write(tmp_path / "second.csv", answers(range(18, 36)))
    text = "\n".join(compare_files(first, second).sentences)
    assert "first.csv: id from `id`, right answer from `label`, given answer from `answer`" in text
    assert "No difference is shown: second.csv against first.csv +2.0 points (95 % CI" in text
    points = 100 * stats.minimum_detectable_share(100, 0.34)
    assert f"With these 100 questions a true difference of {points:.1f} points would be found with 80 % power." in text
    assert "questions would decide whether a difference of this size is real." in text
    back = "\n".join(compare_files(second, first).sentences)
    assert "first.csv against second.csv -2.0 points" in back and "questions would decide whether" in back
    worse = "\n".join(compare_files(first, write(tmp_path / "third.csv", answers(range(60)))).sentences)
    assert "third.csv is worse than first.csv: -40.0 points" in worse and "would decide" not in worse


def test_groups_are_drawn_as_a_whole_and_one_file_may_have_them(tmp_path):
    first = write(tmp_path / "first.csv", answers(range(20)))
    rows = [row | {"cluster": f"g{number // 5}"} for number, row in enumerate(answers(range(15, 25)))]
    found = compare_files(first, write(tmp_path / "second.csv", rows))
    assert found.clusters == 20 and found.test == "paired cluster bootstrap"


def test_case_and_spaces_make_no_error_and_an_empty_answer_is_one(tmp_path):
    rows = [{"id": str(k), "right": "New  York", "given": given} for k, given in enumerate(["new york", "York", ""])]
    first = write(tmp_path / "first.csv", rows)
    found = compare_files(first, write_lines(tmp_path / "b.jsonl", [row | {"id": k} for k, row in enumerate(rows)]))
    assert found.before.value == pytest.approx(1 / 3) and found.unanswered == (1, 1)


def test_a_file_that_a_spreadsheet_saved_with_semicolons_is_read(tmp_path):
    first, second = write(tmp_path / "first.csv", answers(range(20))), tmp_path / "second.csv"
    second.write_text(write(tmp_path / "plain.csv", answers(range(9))).read_text().replace(",", ";"), "utf-8-sig")
    assert compare_files(first, second).gain.value == pytest.approx(0.11)


def test_two_files_of_one_name_are_told_apart(tmp_path):
    for name, wrong in (("ours", range(20)), ("theirs", range(60))):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "answers.csv", answers(wrong))
    first, second = tmp_path / "ours" / "answers.csv", tmp_path / "theirs" / "answers.csv"
    assert f"{second} is worse than {first}" in "\n".join(compare_files(first, second).sentences)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-7], "second.csv has no answer to 7 questions (q93, q94, q95, q96, q97, ...) of first.csv"),
        (lambda rows: [*rows, rows[3]], "second.csv has 1 id (q3) more than once"),
        (lambda rows: [{**rows[0], "id": ""}, *rows[1:]], "second.csv has 1 row (second.csv:2) without an id"),
        (lambda rows: [{**rows[0], "label": "maybe"}, *rows[1:]], "different right answers for 1 question (q0)"),
        (lambda rows: [{**row, "gold": "yes"} for row in rows], "`label` and `gold` for the right answer. Name one"),
        (lambda rows: [{"id": row["id"], "text": "yes"} for row in rows], "no column for the given answer, usually"),
    ],
)
def test_files_that_do_not_fit_are_refused_with_counts(tmp_path, change, message):
    first = write(tmp_path / "first.csv", answers(range(20)))
    second = write(tmp_path / "second.csv", change(answers(range(10))))
    with pytest.raises(UserError) as caught:
        compare_files(first, second)
    assert message in str(caught.value)


def test_columns_of_other_names_are_named_for_both_or_for_each(tmp_path):
    rows = [{"key": row["id"], "truth": row["label"], "theirs": row["answer"]} for row in answers(range(5))]
    first, second = write(tmp_path / "first.csv", answers(range(9))), write(tmp_path / "second.csv", rows)
    named = {"id": ["id", "key"], "right": ["label"], "answer": ["answer", "theirs"]}
    assert compare_files(first, second, named).gain.value == pytest.approx(0.04)
    with pytest.raises(UserError, match="has no column 'keys'"):
        compare_files(first, second, {**named, "id": ["id", "keys"]})
    with pytest.raises(UserError, match=r"Neither first.csv nor second.csv has the column 'ward' \(--group\)"):
        compare_files(first, second, {**named, "group": ["ward"]})


def test_the_example_of_the_page_prints_what_the_page_says(monkeypatch, capsys, tmp_path):
    page = ROOT / "docs/how-to/compare-answers.md"
    monkeypatch.chdir(tmp_path)
    exec(blocks(page, "python")[0], {})
    [shown] = blocks(page, "text")
    assert inside(monkeypatch, capsys, "compare", "tfidf.csv", "model.jsonl")[1] == shown


def test_the_verb_takes_files_and_a_run_beside_a_file(monkeypatch, capsys, tmp_path, finished_run):
    _, run = finished_run
    given = [json.loads(line) for line in (run / "evaluate/triage/tuned.jsonl").read_text().splitlines()]
    theirs = [{"id": row["id"], "prediction": row["gold"]} for row in given]
    code, out, _ = inside(monkeypatch, capsys, "compare", run, write(tmp_path / "theirs.csv", theirs), "--json")
    found = json.loads(out)
    assert code == 0 and found["n"] == len(given) and found["after"]["value"] == 1.0
    assert found["clusters"] == len({row["group"] for row in given})
    code, out, err = inside(monkeypatch, capsys, "compare", tmp_path / "theirs.csv", tmp_path / "absent.csv")
    assert code == 3 and "There is no file or run" in err
    code, _, err = inside(monkeypatch, capsys, "compare", run, run, "--id", "id")
    assert code == 3 and "are for files of answers" in err
