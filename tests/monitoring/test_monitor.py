"""`metier monitor`: traces in, a page, alarms, a queue and a dataset out."""

import csv
import json
import resource
import sys

import pytest

from metier.cli import app
from metier.errors import UserError
from metier.monitoring.monitor import MonitorOptions, monitor
from metier.recipes import schema
from metier.serving import job
from tests.monitoring.made import right, trace, watch, write, wrong
from tests.tiny import lines


def test_a_page_and_json_and_a_queue_are_written(run, tmp_path):
    found = watch(run, tmp_path, [trace(run, n) for n in range(300)])
    assert (found.rows, found.answered, found.first_day, found.last_day) == (300, 300, "2026-01-01", "2026-01-06")
    assert json.loads((tmp_path / "monitor/monitor.json").read_text()) == found.to_json()
    assert {one.name for one in found.drift} == {"labels", "certainty", "lengths", "formats", "told_apart", "nearest"}
    assert all(one.difference.low <= one.difference.value <= one.difference.high for one in found.drift)
    assert all(one.p <= one.p_adjusted <= 1 for one in found.drift)
    assert found.promised_review == 0.2 and found.review.low < found.review.value < found.review.high
    sent = sum(trace(run, n)["review"] for n in range(300))
    assert found.review.value == sent / 300
    assert any("Nobody has looked" in one for one in found.missing)
    assert "triage at work" in (tmp_path / "monitor/monitor.html").read_text()


def test_the_same_traces_give_the_same_files(run, tmp_path):
    rows = [trace(run, n) for n in range(200)]
    first, again = (watch(run, tmp_path, rows).to_json() for _ in range(2))
    assert first == again


def test_a_large_fall_of_accuracy_rings_and_ends_with_exit_code_2(run, tmp_path, monkeypatch, capsys):
    rows = [trace(run, n) for n in range(600)]
    rows = [{**wrong(row), "review": None} for row in rows]
    file = write(tmp_path / "t.jsonl", rows)
    monkeypatch.setattr(
        sys, "argv", ["metier", "monitor", str(run.folder), file, "--out", str(tmp_path / "m"), "--json"]
    )
    with pytest.raises(SystemExit) as stopped:
        app.main()
    found = json.loads(capsys.readouterr().out)
    alarms = {alarm["name"]: alarm for alarm in found["alarms"]}
    alarm = alarms["accuracy, all rows"]
    assert (
        alarm["state"] == "on" and alarm["p"] <= alarm["alpha"] and alarm["first"] in [d["day"] for d in found["days"]]
    )
    assert stopped.value.code == 2


def test_reviewed_rows_of_each_kind_have_their_own_accuracy(run, tmp_path):
    rows = [trace(run, n) for n in range(400)]
    marked = [wrong(row) if row["review"] else right(row) for row in rows]
    found = watch(run, tmp_path, marked)
    by_kind = {one.of: one for one in found.accuracy}
    assert by_kind["sent to review"].accuracy.value == 0 and by_kind["others"].accuracy.value == 1
    share = sum(not row["review"] for row in rows) / 400
    assert found.accuracy_of_all.value == pytest.approx(share)
    assert found.accuracy_of_all.low < share < found.accuracy_of_all.high


def test_rows_outside_review_that_somebody_chose_are_not_counted(run, tmp_path):
    rows = [trace(run, n) for n in range(400)]
    chosen = [wrong(row) if not row["review"] and n % 3 == 0 else row for n, row in enumerate(rows)]
    found = watch(run, tmp_path, chosen)
    others = next(one for one in found.accuracy if one.of == "others")
    assert 0 == others.counted < others.looked_at and "not drawn at random" in others.note
    assert others.accuracy is None and found.accuracy_of_all is None
    at_random = watch(run, tmp_path, chosen, at_random=True)
    assert next(one for one in at_random.accuracy if one.of == "others").counted == others.looked_at


def test_the_queue_has_unsure_rows_and_random_ones_each_text_once(run, tmp_path):
    rows = [trace(run, n) for n in range(2000)]
    rows[5] = {**rows[5], "row": {"text": '=HYPERLINK("http://x")'}, "certainty": 0.5}
    rows[6] = {**rows[5], "id": "again"}
    rows[7] = right({**rows[7], "certainty": 0.5})
    found = watch(run, tmp_path, rows)
    with open(tmp_path / "monitor/to_label.csv", encoding="utf-8-sig", newline="") as stream:
        queued = list(csv.DictReader(stream))
    assert len(queued) == found.queued == 200 and [row["why"] for row in queued].count("random") == 50
    assert len({row["text"] for row in queued}) == 200
    assert "r7" not in {row["id"] for row in queued}
    assert [row["text"] for row in queued if "HYPER" in row["text"]] == ['\'=HYPERLINK("http://x")']
    unsure = [float(row["certainty"]) for row in queued if row["why"] != "random"]
    assert unsure == sorted(unsure) and max(unsure) < 0.6


def test_corrections_come_back_in_the_queue_that_was_filled_in(run, tmp_path):
    rows = [trace(run, n) for n in range(300)]
    watch(run, tmp_path, rows)
    path = tmp_path / "monitor/to_label.csv"
    with open(path, encoding="utf-8-sig", newline="") as stream:
        queued = list(csv.DictReader(stream))
    for row in queued[:30]:
        row["corrected"] = "cardiology"
    filled = path
    with open(filled, "w", newline="") as stream:
        csv.DictWriter(stream, list(queued[0])).writeheader()
        csv.DictWriter(stream, list(queued[0])).writerows(queued)
    found = watch(run, tmp_path, rows, corrected=str(filled))
    assert sum(one.looked_at for one in found.accuracy) == 30
    kept = tmp_path / "monitor/labeled-1.csv"
    with open(kept, encoding="utf-8-sig", newline="") as stream:
        assert [row["corrected"] for row in csv.DictReader(stream)].count("cardiology") == 30
    again = watch(run, tmp_path, rows, corrected=str(tmp_path / "monitor/*.csv"))
    assert again.accuracy == found.accuracy and not (tmp_path / "monitor/labeled-2.csv").exists()


def test_reviewed_rows_become_a_dataset_that_a_recipe_reads(run, finished_run, tmp_path):
    test_text = lines(finished_run[0].with_name("test.jsonl"))[0]["note"]
    rows = [right(trace(run, n)) if n % 2 else wrong(trace(run, n)) for n in range(40)]
    rows[3]["row"] = {"text": test_text.upper()}
    rows[4]["row"] = rows[2]["row"]
    rows[5]["corrected"] = "ophthalmology"
    found = watch(run, tmp_path, rows, to_dataset=tmp_path / "reviewed")
    made = found.dataset
    assert (made.rows, made.in_test, made.duplicates) == (37, 1, 1)
    assert any("not in the label set" in one and "ophthalmology" in one for one in found.missing)
    written = lines(tmp_path / "reviewed/rows.jsonl")
    assert len(written) == 37 and made.corrected == sum(row["label"] != row["model_answer"] for row in written)
    card = (tmp_path / "reviewed/README.md").read_text()
    assert "proprietary" in card and found.model_sha256 in card and "2026-01-01" in card
    test = finished_run[0].with_name("test.jsonl")
    benchmark = f"{{name: triage, path: {test}, text: note, label: department}}"
    own = f"model: fake\n{made.recipe}benchmarks: [{benchmark}]\nretention: {{}}\n"
    (tmp_path / "recipe.yaml").write_text(own)
    dataset = schema.load(tmp_path / "recipe.yaml").build_datasets()[0]
    assert not dataset.problems() and dataset.rows().num_rows == 37
    with pytest.raises(UserError, match="is not empty"):
        watch(run, tmp_path, rows, to_dataset=tmp_path / "reviewed")


def test_answers_of_predict_are_read_and_what_they_lack_is_said(run, finished_run, tmp_path):
    out = tmp_path / "answers.csv"
    job.predict(run, str(finished_run[0].with_name("test.jsonl")), out, job.Wishes(review=0.2))
    found = monitor(run, str(out), tmp_path / "m", MonitorOptions())
    assert found.rows == 24 and found.promised_review is None
    assert any("no `time`" in one for one in found.missing) and any("`review_share`" in one for one in found.missing)
    assert not found.ringing, "the test's own answers have not drifted"
    assert {one.p for one in found.drift if one.name in ("labels", "lengths", "formats")} == {1.0}


def test_the_kinds_of_test_questions_are_cut_where_the_rows_were(run, finished_run, tmp_path):
    out = tmp_path / "answers.jsonl"
    job.predict(run, str(finished_run[0].with_name("test.jsonl")), out, job.Wishes(review=0.3))
    rows = [right(row) for row in lines(out)]
    found = watch(run, tmp_path, rows)
    assert [one.rows for one in found.accuracy] == [
        sum(row["review"] == answer for row in rows) for answer in ("yes", "no")
    ]
    assert all(one.test is not None for one in found.accuracy)


def test_broken_lines_are_counted_with_their_place(run, tmp_path):
    bad = ["{", json.dumps({"x": 1}), json.dumps({**trace(run, 1), "certainty": 7}), "[]", '{"answer": {}}']
    bad += [json.dumps({**trace(run, 1), "time": "yesterday"}), json.dumps({**trace(run, 1), "review": "maybe"})]
    found = watch(run, tmp_path, [*(trace(run, n) for n in range(30)), *bad])
    assert found.rows == 30 and found.rejected == len(bad)
    assert [one.place for one in found.rejected_examples] == [f"traces.jsonl:{n}" for n in range(31, 38)]
    assert "yesterday" in found.rejected_examples[5].why


def test_hostile_texts_stay_text(run, tmp_path):
    texts = ["<script>alert(1)</script>", "a" * 1_000_000, "\x00\x1b[31m\u202e", "{{ 7*7 }}", "]]>", "", "\ud800"[:0]]
    rows = [trace(run, n, row={"text": text}, answer=text[:50] or "x") for n, text in enumerate(texts * 6)]
    rows += [trace(run, 99, time=None, id="<b>", corrected="<img src=x onerror=alert(1)>")]
    found = watch(run, tmp_path, [*rows, "<script>"])
    page = (tmp_path / "monitor/monitor.html").read_text()
    assert "<script" not in page and "<img" not in page and "<b>r" not in page
    assert found.rejected == 1 and len(page) < 300_000


def test_an_empty_file_and_one_of_another_run_are_said(run, tmp_path):
    with pytest.raises(UserError, match="traces are empty"):
        watch(run, tmp_path, [])
    with pytest.raises(UserError, match="by the judged model.*but by 777"):
        watch(run, tmp_path, [trace(run, 1, model_sha256="777")])
    with pytest.raises(UserError, match="No row is of the benchmark 'triage'"):
        watch(run, tmp_path, [trace(run, 1, benchmark="other")])
    with pytest.raises(UserError, match="No row can be used"):
        watch(run, tmp_path, [{"x": 1}])
    with pytest.raises(UserError, match="There is no file"):
        monitor(run, str(tmp_path / "none.jsonl"), tmp_path / "m", MonitorOptions())
    mixed = watch(run, tmp_path, [trace(run, 1), trace(run, 2, model_sha256="777")])
    assert (mixed.rows, mixed.other_models) == (1, 1)


def test_the_alarms_share_five_percent(run, tmp_path):
    rows = [right(trace(run, n)) for n in range(60)]
    for review in ({}, {"review": None}):
        alarms = watch(run, tmp_path, [{**row, **review} for row in rows]).alarms
        assert sum(alarm.alpha for alarm in alarms) == pytest.approx(0.05)
    mixed = watch(run, tmp_path, [{**row, "review": None} if n % 2 else row for n, row in enumerate(rows)]).alarms
    assert sum(alarm.alpha for alarm in mixed if alarm.state != "not judged") <= 0.05
    assert next(one for one in mixed if one.name == "accuracy, all rows").state == "not judged"


def test_drift_is_found(run, tmp_path):
    rows = [
        trace(run, n, answer="cardiology", certainty=0.51, row={"text": "Invoice: please\n- pay\n- now"})
        for n in range(900)
    ]
    found = watch(run, tmp_path, rows)
    by_name = {one.name: one for one in found.drift}
    assert by_name["formats"].p_adjusted < 0.01 and by_name["told_apart"].new > 0.9
    assert found.label_shares[0].new.value in (0.0, 1.0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_rows(run, tmp_path):
    peaks = []
    line = json.dumps(trace(run, 1, id="NUMBER", row={"text": "Case NUMBER: rash"}, review=False))
    for count in (50_000, 200_000):
        path = tmp_path / "many.jsonl"
        with open(path, "w") as stream:
            stream.writelines(line.replace("NUMBER", str(number)) + "\n" for number in range(count))
        assert monitor(run, str(path), tmp_path / "m", MonitorOptions()).rows == count
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert peaks[1] < peaks[0] + 100


@pytest.mark.browser
def test_the_page_is_readable_on_a_phone_and_asks_for_nothing_else(run, browser, tmp_path):
    rows = [trace(run, n, answer="a" * 300 if n % 2 else "<b>" + " wide" * 50) for n in range(200)]
    watch(run, tmp_path, [*map(right, rows[:150]), *rows[150:], "x" * 5000])
    page = tmp_path / "monitor/monitor.html"
    for width in (1280, 390):
        browser.open(page, width)
        assert browser.complaints(page) == []
