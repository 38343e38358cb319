"""A model behind an address: asked once for each question, tried again, paid once, and never without its key."""

import json
from pathlib import Path

import pytest

from metier.data.records import Question
from metier.errors import Problems, UserError
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.baselines import _chat
from metier.evaluation.baselines.endpoint import Baseline
from metier.evaluation.benchmark import Benchmark
from metier.recipes import plugins
from tests.evaluation.baselines.chat_server import chat_server

LABELS = ["cardiology", "dermatology"]
KEY = "sk-secret-0123456789"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("DESK_KEY", KEY)
    monkeypatch.setattr(_chat, "wait", WAITS.append)
    WAITS.clear()
    with chat_server(lambda prompt: "Dermatology." if "skin" in prompt else "cardiology") as told:
        yield told


WAITS: list[float] = []


def questions(n=6):
    words = ["skin", "chest"]
    return [Question(f"q{at}", f"note {at}: {words[at % 2]}", LABELS[1 - at % 2]) for at in range(n)]


def fitted(server, folder, **settings):
    known = {"url": server.url, "model": "large", "key_env": "DESK_KEY", "requests_per_minute": 100_000.0, **settings}
    benchmark = Benchmark("desk", prompt="{text}\nDepartment:", labels=LABELS)
    metric = next(iter(benchmark.build_metrics().values()))
    baseline = plugins.build("baselines", "endpoint", known)
    paid = folder / "desk.paid.part.jsonl"
    return baseline.fit(BaselineContext(benchmark, [], LABELS, metric, 0, paid=paid))


def test_words_become_labels_and_costs_add_up(server, tmp_path):
    model = fitted(server, tmp_path, price_in=3.0, price_out=15.0)
    answers = model.answer(questions())
    assert [one.answer for one in answers] == [one.answer for one in questions()]
    assert all(one.value == 1.0 and one.probabilities is None for one in answers)
    spent = model.spent()
    assert (spent.prompt_tokens, spent.completion_tokens, spent.requests) == (60, 12, 6)
    assert spent.cost == pytest.approx(6 * (10 * 3.0 + 2 * 15.0) / 1e6)
    system = server.requests[0][1]["messages"][0]
    assert system["role"] == "system" and "cardiology; dermatology" in system["content"]


def test_busy_and_failing_addresses_are_asked_again_and_later(server, tmp_path):
    server.failures = [(429, {"Retry-After": "7"}), 500, 503]
    answers = fitted(server, tmp_path).answer(questions(2))
    assert [one.value for one in answers] == [1.0, 1.0] and len(server.requests) == 5
    assert WAITS == [7.0, 1.0, 2.0], "what the address asks for, then twice as long each time"


def test_a_killed_run_asks_and_pays_nothing_twice(server, tmp_path):
    server.failures = [500] * 99
    server.failures[:3] = [json.dumps(_said("cardiology")).encode()] * 3
    with pytest.raises(UserError, match="All answers so far are kept"):
        fitted(server, tmp_path, retries=1, price_in=1.0).answer(questions())
    paid = tmp_path / "desk.paid.part.jsonl"
    assert len(paid.read_text().splitlines()) == 3
    with open(paid, "a") as stream:
        stream.write('{"line": "torn')  # a kill in the middle of a line
    server.failures, before = [], len(server.requests)
    model = fitted(server, tmp_path, price_in=1.0)
    model.answer(questions())
    assert [body["messages"][-1]["content"] for _, body in server.requests[before:]] == [
        f"{one.text}\nDepartment:" for one in questions()[3:]
    ]
    assert model.spent().cost == pytest.approx(6 * 10 / 1e6), "the answers of the first try are counted too"
    again = fitted(server, tmp_path, price_in=1.0)
    assert [one.answer for one in again.answer(questions())] == [one.answer for one in model.answer(questions())]
    assert len(server.requests) == before + 3 and again.spent().requests == 0


def _said(words):
    return {"choices": [{"message": {"content": words}}], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}


@pytest.mark.parametrize(
    "garbage", [b"<html>busy</html>", b'{"choices": []}', b"[[[", json.dumps(_said("I cannot tell.")).encode()]
)
def test_garbage_is_unscored(server, tmp_path, garbage):
    server.failures = [garbage]
    answers = fitted(server, tmp_path).answer(questions())
    assert [one.value for one in answers] == [None, 1.0, 1.0, 1.0, 1.0, 1.0] and answers[0].answer is None


def test_an_address_that_says_nothing_sensible_at_all_stops_the_run(server, tmp_path):
    server.answer = lambda prompt: "As a language model, I"
    with pytest.raises(UserError, match="None of the 6 answers of large at 127.0.0.1 can be understood"):
        fitted(server, tmp_path).answer(questions())


def test_nothing_is_sent_without_the_key(server, tmp_path, monkeypatch):
    monkeypatch.delenv("DESK_KEY")
    with pytest.raises(UserError, match="DESK_KEY is not set, so nothing is sent"):
        fitted(server, tmp_path).answer(questions())
    assert not server.requests
    assert Baseline(server.url, "large", "DESK_KEY").ready(), "said before the run begins, too"
    assert fitted(server, tmp_path, key_env="none").answer(questions()) and "Authorization" not in server.requests[0][0]


def test_the_key_stands_in_no_file_and_no_message(server, tmp_path, capsys):
    server.answer = lambda prompt: f"cardiology {KEY}" if "note 0" in prompt else "cardiology"
    model = fitted(server, tmp_path)
    model.answer(questions())
    model.save(tmp_path)
    assert server.requests[0][0]["Authorization"] == f"Bearer {KEY}"
    assert not any(KEY in path.read_text() for path in tmp_path.iterdir())
    refused = _chat.Address(server.url, KEY, 5.0, 0)
    server.failures = [(401, {})]
    with pytest.raises(UserError, match=r"HTTP 401.*key_env") as error:
        refused.ask({"messages": [{"content": "x"}]})
    assert KEY not in str(error.value) + repr(error.value) + "".join(capsys.readouterr())


def test_the_key_is_not_carried_to_where_an_address_points(server, tmp_path):
    with chat_server(lambda prompt: "cardiology") as other:
        server.failures = [(302, {"Location": f"{other.url}/chat/completions"})]
        with pytest.raises(UserError, match="HTTP 302"):
            fitted(server, tmp_path).answer(questions())
        assert not other.requests


def test_the_run_stops_at_the_cost_that_was_allowed(server, tmp_path):
    with pytest.raises(UserError, match="`max_cost` is 0.00015"):
        fitted(server, tmp_path, price_in=5.0, max_cost=0.00015).answer(questions())
    assert len(server.requests) == 3, "50 millionths each"
    fitted(server, tmp_path, price_in=5.0, max_cost=1.0).answer(questions())
    assert len(server.requests) == 6


def test_identifiers_are_taken_out_before_anything_is_sent(server, tmp_path):
    asked = [Question("q", "Mr. John Smith, SSN 219-09-9999, called: skin", "dermatology")]
    [answer] = fitted(server, tmp_path, redact=True).answer(asked)
    [sent] = server.asked
    assert "Smith" not in sent and "219-09-9999" not in sent and "skin" in sent and answer.value == 1.0
    assert not any("Smith" in path.read_text() for path in Path(tmp_path).iterdir())


def test_at_most_so_many_are_asked_a_minute(server, tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    fitted(server, tmp_path, requests_per_minute=30.0).answer(questions(4))
    assert clock[0] - 100.0 == pytest.approx(6.0), "two seconds between two of four"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"url": "http://example.org/v1"}, "without https"),
        ({"url": "https://me:pass@example.org/v1"}, "name or password"),
        ({"url": "https://example.org/v1?key=1"}, "query"),
        ({"url": "example.org"}, "is no address"),
        ({"url": "https://example.org/v1", "key_env": "none"}, "this machine only"),
        ({"url": "https://example.org/v1", "key_env": KEY}, "never the key"),
        ({"url": "https://example.org/v1", "max_cost": 1.0}, "nobody knows what an answer costs"),
    ],
)
def test_settings_that_would_leak_or_not_work_are_refused(settings, why):
    with pytest.raises(Problems, match=why) as error:
        plugins.build("baselines", "endpoint", {"model": "large", "key_env": "DESK_KEY", **settings})
    assert KEY not in str(error.value)
