"""A trace has a line for each answered row, whole or not at all, and the answer goes out in any case."""

import json
import os
import stat

import pytest

from metier.errors import UserError
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.server import traces
from metier.serving.server.metrics import Metrics
from metier.serving.server.settings import ServerSettings
from metier.serving.server.traces import Traces, redacted
from tests.serving.server.conftest import served
from tests.tiny import lines

KEYS = {
    "time", "id", "run", "model_sha256", "verdict", "benchmark", "endpoint", "row", "answer", "certainty", "second",
    "second_certainty", "probabilities", "review", "review_share", "seconds", "corrected",
}  # fmt: skip


def test_a_line_for_each_answered_row(run_folder, tmp_path):
    path = tmp_path / "traces.jsonl"
    with served([run_folder], ServerSettings(trace=path), review=0.5) as (client, _):
        rows = [{"text": "itch", "ward": 3}, {"text": "chest"}]
        given = client.post("/v1/classify", json={"rows": rows}).json()
        client.post("/v1/classify", json={"texts": []})
    kept = lines(path)
    assert [set(line) for line in kept] == [KEYS, KEYS] and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line["row"] for line in kept] == rows and [line["id"] for line in kept] == [
        f"{given['id']}-{n}" for n in (0, 1)
    ]
    for line, answer in zip(kept, given["answers"], strict=True):
        assert all(line[key] == answer[key] for key in ("answer", "certainty", "second", "probabilities", "review"))
        assert line["run"] == "run" and line["benchmark"] == "triage" and line["endpoint"] == "/v1/classify"
        assert 0 <= line["review_share"] <= 1 and line["corrected"] is None and line["time"].endswith("Z")


def test_what_a_full_disk_tears_is_counted_and_the_next_line_is_whole(tmp_path, monkeypatch, caplog):
    metrics = Metrics()
    trace = Traces(tmp_path / "t.jsonl", metrics)
    real, room = os.write, [1000, 5, None, 1000]

    def write(number, content):
        left = room.pop(0)
        if left is None:
            raise OSError(28, "No space left on device")
        return real(number, content[:left])

    monkeypatch.setattr(traces.os, "write", write)
    for n in range(4):
        trace._write({"n": n})
    found = (tmp_path / "t.jsonl").read_text().split("\n")
    assert found == ['{"n": 0}', '{"n":', '{"n": 3}', ""]
    assert b"metier_trace_lines_lost_total 2.0" in metrics.text()
    assert caplog.text.count("go out without a trace") == 1


def test_a_file_that_cannot_be_written_is_told_before_anything_is_loaded(tmp_path):
    with pytest.raises(UserError, match="--trace"):
        Traces(tmp_path / "no" / "t.jsonl", Metrics())


@pytest.fixture
def finance(finished_run):
    """A run whose recipe has the redaction of finance."""
    run = runs.saved_run(finished_run[1], Progress())
    run.recipe = run.recipe.model_copy(update={"steps": [{"redact": {"profile": "finance", "labels": "keep"}}]})
    return run


def test_redaction_reaches_every_place_where_a_text_may_stand(finance):
    mail = "jane.doe@example.com"
    row = {
        "text": f"Write to {mail}",
        "contact": mail,
        "amount": 12.5,
        "card": 4111111111111111,
        "options": [mail, "b"],
    }
    answer = {"answer": mail, "second": "b", "probabilities": {mail: 0.9, "b": 0.1}, "certainty": 0.9}
    ((clean, given),) = redacted(finance, [(row, answer)], written=False, request="r")
    assert mail not in json.dumps([clean, given]) and "4111111111111111" not in json.dumps(clean)
    assert clean["amount"] == 12.5 and given["second"] == "b" and sum(given["probabilities"].values()) == 1
    assert row["contact"] == mail, "what was given is left alone"


def test_two_requests_move_their_dates_by_different_days(finance):
    row = {"text": "Paid on 2024-03-05."}
    answer = {"answer": "a", "second": None, "probabilities": None}
    finance.recipe = finance.recipe.model_copy(
        update={"steps": [{"redact": {"profile": "healthcare", "labels": "keep"}}]}
    )
    found = {redacted(finance, [(row, answer)], False, request)[0][0]["text"] for request in ("a", "b", "c", "d")}
    assert row["text"] not in found and len(found) > 2


def test_a_label_of_the_label_set_beside_options_of_a_row_keeps_its_probability(finance):
    row = {"text": "a", "options": ["x", "y"]}
    answer = {"answer": "urgent", "second": "x", "probabilities": {"urgent": 0.7, "x": 0.3}}
    assert redacted(finance, [(row, answer)], False, "r")[0][1]["probabilities"] == {"urgent": 0.7, "x": 0.3}


def test_a_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("")
    path.chmod(0o644)
    with pytest.raises(UserError, match=f"chmod 600 {path}"):
        Traces(path, Metrics())
    path.chmod(0o600)
    Traces(path, Metrics()).close()
    (tmp_path / "link.jsonl").symlink_to(path)
    with pytest.raises(UserError, match="--trace"):
        Traces(tmp_path / "link.jsonl", Metrics())


def test_written_answers_are_redacted_and_labels_are_not(finance):
    pair = ({"text": "Whom?"}, {"answer": "jane.doe@example.com", "second": None, "probabilities": None})
    assert "jane" not in redacted(finance, [pair], written=True, request="r")[0][1]["answer"]
    label = ({"text": "Whom?"}, {"answer": "card 4111111111111111", "second": None, "probabilities": None})
    assert redacted(finance, [label], written=False, request="r")[0][1]["answer"] == "card 4111111111111111"


def test_an_industry_without_redaction_is_told(finished_run):
    run = runs.saved_run(finished_run[1], Progress())
    run.recipe = run.recipe.model_copy(update={"industry": "clinical_coding", "steps": []})
    with pytest.raises(UserError, match="has no step `redact`"):
        traces.check_redaction(run)


def test_what_cannot_be_redacted_is_not_kept(run_folder, tmp_path, monkeypatch, caplog):
    path = tmp_path / "t.jsonl"
    monkeypatch.setattr(traces, "redacted", lambda *_: 1 / 0)
    with served([run_folder], ServerSettings(trace=path, redact=True)) as (client, service):
        assert client.post("/v1/classify", json={"texts": ["itch"]}).status_code == 200
        assert b"metier_trace_lines_lost_total 1.0" in service.metrics.text()
    assert path.read_text() == ""
