"""Labels of people: which rows they stand for, and how they find back to their row."""

import csv

import pytest

from metier.errors import UserError
from metier.evaluation.sequential import fall_of_accuracy
from metier.monitoring.labeling import RANDOM_SHARE, place
from metier.monitoring.traces import Trace, read_traces
from tests.monitoring.made import right, trace, watch, write, wrong


def queued(path):
    with open(path / "monitor/to_label.csv", encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def filled(path, rows, **changed):
    with open(path, "w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows({**row, **changed} for row in rows)
    return str(path)


def drawn(run, row):
    """Whether a row belongs to the part that the random sample is drawn from."""
    made = Trace("", row["id"], None, {}, None, None, None, None, None, None, None)
    return place(made, run.recipe.seed) < RANDOM_SHARE


def counted(found):
    return sum(one.counted for one in found.accuracy)


def test_only_rows_that_were_asked_for_at_random_are_counted(run, tmp_path):
    rows = [trace(run, n) for n in range(1000)]
    watch(run, tmp_path, rows)
    unsure = [row for row in queued(tmp_path) if row["why"] != "random"]
    random = [row for row in queued(tmp_path) if row["why"] == "random"]
    assert not any(drawn(run, row) for row in unsure) and all(drawn(run, row) for row in random)
    assert len(random) == sum(drawn(run, row) for row in rows), "sent ones too"
    of_unsure = watch(run, tmp_path, rows, corrected=filled(tmp_path / "a.csv", unsure, corrected="cardiology"))
    assert counted(of_unsure) == 0 < sum(one.looked_at for one in of_unsure.accuracy)
    both = filled(tmp_path / "b.csv", [*unsure, *random], corrected="cardiology")
    assert counted(watch(run, tmp_path, rows, corrected=both)) == len(random)
    assert not [row for row in queued(tmp_path) if row["why"] == "random"], "each is asked for once"


def test_the_sample_is_drawn_without_regard_to_what_people_picked(run, tmp_path):
    rows = [trace(run, n, review=None) for n in range(1000)]
    picked = {row["id"] for row in rows if drawn(run, row)}
    some = [wrong(row) if row["id"] in picked else row for row in rows]
    assert counted(watch(run, tmp_path, some)) == 0
    assert {row["id"] for row in queued(tmp_path) if row["why"] == "random"} == picked
    watch(run, tmp_path, some, at_random=True)
    assert not picked & {row["id"] for row in queued(tmp_path)}, "they count anyway"
    watch(run, tmp_path, [right(row) for row in rows])
    assert queued(tmp_path) == []


def test_sent_rows_of_which_the_least_certain_were_picked_raise_no_alarm(run, tmp_path):
    rows = [trace(run, n, review=True) for n in range(600)]
    rows = [wrong(row) if row["certainty"] < 0.7 else row for row in rows]
    found = watch(run, tmp_path, rows)
    alarm = next(one for one in found.alarms if one.name == "accuracy, sent to review")
    assert alarm.state == "not judged" and "none was drawn at random" in alarm.note
    assert found.accuracy_of_all is None and found.accuracy[0].accuracy is None
    assert watch(run, tmp_path, rows, at_random=True).accuracy[0].counted == found.accuracy[0].looked_at


def test_days_without_labels_keep_their_stake(run, tmp_path):
    """Else a label that comes later for one of them would move the stakes of all days behind it."""
    rows = [trace(run, n, review=None) for n in range(300)]
    rows = [wrong(row) if n >= 150 and n % 2 else row for n, row in enumerate(rows)]
    found = watch(run, tmp_path, rows, at_random=True)
    alarm = next(one for one in found.alarms if one.name == "accuracy, all rows")
    test = found.accuracy[0].test
    right_, n = (round(test.value * 24), 24)
    expected = fall_of_accuracy([0] * 6, [0, 0, 0, 25, 25, 25], right_, n)[-1]
    assert alarm.p == pytest.approx(expected)


def test_a_spreadsheet_may_rewrite_times_and_numbers(run, tmp_path):
    rows = [trace(run, n) for n in range(200)]
    watch(run, tmp_path, rows)
    some = queued(tmp_path)[:20]
    path = filled(tmp_path / "a.csv", some, corrected="cardiology", time="01.12.2026 07:00", certainty="0,51")
    assert sum(one.looked_at for one in watch(run, tmp_path, rows, corrected=path).accuracy) == 20
    other = filled(tmp_path / "b.csv", [{**row, "id": f"{row['id']}.0"} for row in some[:3]], corrected="cardiology")
    found = watch(run, tmp_path, rows, corrected=other)
    assert any(one.startswith("3 corrections fit no row") and "b.csv:" in one for one in found.missing)
    with pytest.raises(UserError, match="no column `corrected`"):
        watch(run, tmp_path, rows, corrected=write(tmp_path / "c.jsonl", [{"id": "r1", "label": "cardiology"}]))
    with pytest.raises(UserError, match="has no `id`"):
        watch(run, tmp_path, rows, corrected=write(tmp_path / "d.jsonl", [{"id": None, "corrected": "cardiology"}]))
    broken = write(tmp_path / "e.jsonl", ["{", {"id": ["r1"], "corrected": "cardiology"}])
    assert any(
        "2 rows of the corrections cannot" in one for one in watch(run, tmp_path, rows, corrected=broken).missing
    )


def test_rows_of_two_files_with_the_same_id_are_told_apart_by_their_answer(run, tmp_path):
    one, two = trace(run, 1, id="1", answer="cardiology"), trace(run, 2, id="1", answer="dermatology")
    given = [{"id": "1", "answer": "cardiology", "corrected": "dermatology"}]
    found = watch(run, tmp_path, [one, two], corrected=write(tmp_path / "a.jsonl", given))
    assert sum(kind.looked_at for kind in found.accuracy) == 1
    again = watch(run, tmp_path, [one, {**two, "answer": "cardiology"}], corrected=str(tmp_path / "a.jsonl"))
    assert any("1 corrections fit more than one row" in one for one in again.missing)
    with pytest.raises(UserError, match="a.jsonl:2 corrects '1' to 'cardiology', and a.jsonl:1 to 'dermatology'"):
        watch(
            run,
            tmp_path,
            [one],
            corrected=write(tmp_path / "a.jsonl", [*given, {**given[0], "corrected": "cardiology"}]),
        )


def test_the_page_says_what_the_alarms_take(run, tmp_path):
    watch(run, tmp_path, [trace(run, n) for n in range(30)])
    page = " ".join((tmp_path / "monitor/monitor.html").read_text().split())
    assert "Give the whole history in each call" in page and "of one group count singly" in page


def test_a_text_is_read_from_the_column_of_the_run_unless_the_row_was_served(run, tmp_path):
    from metier.monitoring.reference import reference

    held = reference(run, None, "tuned")
    columns = {"text": "of the client", "note": "of the file"}
    assert held.column == "note"
    flat = next(read_traces(write(tmp_path / "a.jsonl", [{**columns, "answer": "cardiology"}])))
    served = next(read_traces(write(tmp_path / "b.jsonl", [{"row": columns, "answer": "cardiology"}])))
    assert held.text_of(flat) == "of the file" and held.text_of(served) == "of the client"
