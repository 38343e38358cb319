"""A model behind an address: asked once for each question, tried again, paid once, and never without its key."""

import json
from dataclasses import replace

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
PASTED = "hf_abcdefghijklmnopqrstuvwxyz"


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


def fitted(server, folder, name="desk", **settings):
    known = {"url": server.url, "model": "large", "key_env": "DESK_KEY", "requests_per_minute": 100_000.0, **settings}
    benchmark = Benchmark(name, prompt="{text}\nDepartment:", labels=LABELS)
    metric = next(iter(benchmark.build_metrics().values()))
    baseline = plugins.build("baselines", "endpoint", known)
    return baseline.fit(BaselineContext(benchmark, [], LABELS, metric, 0, paid=paid_file(folder, name)))


def paid_file(folder, name="desk"):
    """Where a run keeps what was paid for a benchmark."""
    path = folder / "evaluate" / name / "endpoint.paid.part.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


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
    paid = paid_file(tmp_path)
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
    with pytest.raises(UserError, match="None of the first 6 answers of large at 127.0.0.1 can be understood"):
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
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2 and not any(KEY in path.read_text() for path in files)
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


def spent_until_stopped(server, folder, most, **settings):
    """What the address was owed when the limit stopped the run; `server.usage` says how it counts."""
    with pytest.raises(UserError, match=f"`max_cost` is {most:g}"):
        fitted(server, folder, price_in=5.0, price_out=5.0, max_cost=most, max_tokens=4, **settings).answer(questions())
    return len(server.requests)


def test_the_run_stops_before_the_cost_that_was_allowed(server, tmp_path):
    server.usage = {"prompt_tokens": 100, "completion_tokens": 4}  # 520 millionths an answer
    assert spent_until_stopped(server, tmp_path, 0.0025) == 3, "a fourth might cost 1,165 more"
    with pytest.raises(UserError, match="has cost 0.00156 in this run, the next answer may cost up to 0.001165"):
        fitted(server, tmp_path, price_in=5.0, price_out=5.0, max_cost=0.002, max_tokens=4).answer(questions())
    assert len(server.requests) == 3
    fitted(server, tmp_path, price_in=5.0, max_cost=1.0, max_tokens=4).answer(questions())
    assert len(server.requests) == 6


def test_a_limit_on_cost_is_for_all_benchmarks_of_a_run(server, tmp_path):
    server.usage = {"prompt_tokens": 100, "completion_tokens": 4}
    spent_until_stopped(server, tmp_path, 0.003)
    asked = len(server.requests)
    assert spent_until_stopped(server, tmp_path, 0.003, name="other") == asked, "nothing is left for a second one"


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 1}])
def test_an_address_that_counts_too_little_does_not_switch_the_limit_off(server, tmp_path, usage):
    server.usage = usage
    assert 0 < spent_until_stopped(server, tmp_path, 0.0018) < 6


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": "cardiology"}}], "usage": {"prompt_tokens": 1%s}}' % (b"0" * 400),
        b'{"choices": [{"message": {"content": "card\\ud800iology"}}], "usage": {"prompt_tokens": 1}}',
    ],
    ids=["tokens", "surrogate"],
)
def test_what_an_address_says_wrongly_is_kept_and_not_paid_again(server, tmp_path, body):
    server.failures = [body]
    first = fitted(server, tmp_path, price_in=1.0).answer(questions())
    again = fitted(server, tmp_path, price_in=1.0)
    assert again.answer(questions()) == first and len(server.requests) == 6
    assert again.spent().prompt_tokens <= _chat.MOST_TOKENS + 50


def test_an_address_that_says_nothing_sensible_stops_after_twenty_answers(server, tmp_path):
    server.answer = lambda prompt: "As a language model, I"
    with pytest.raises(UserError, match="None of the first 20 answers"):
        fitted(server, tmp_path).answer(questions(30))
    assert len(server.requests) == 20
    server.answer = lambda prompt: "cardiology" if "note 0" in prompt else "I cannot tell."
    assert len(fitted(server, tmp_path, model="other").answer(questions(30))) == 30, "one is understood"


def test_identifiers_are_taken_out_before_anything_is_sent(server, tmp_path):
    asked = [Question("q", "Mr. John Smith, SSN 219-09-9999, called: skin", "dermatology")]
    [answer] = fitted(server, tmp_path, redact=True).answer(asked)
    [sent] = server.asked
    assert "Smith" not in sent and "219-09-9999" not in sent and "skin" in sent and answer.value == 1.0
    assert "Smith" not in paid_file(tmp_path).read_text()


def test_solved_examples_and_the_words_around_a_text_are_redacted_too(server, tmp_path):
    example = Question("t", "Mrs. Ann Miller: chest", "cardiology", fields={"customer_name": "Anil Deshpande"})
    model = fitted(server, tmp_path, redact=True)
    model.benchmark = replace(model.benchmark, num_fewshot=1, prompt="{customer_name} {text}\nPatient: {who}")
    model.benchmark = model.benchmark.with_solved({"": [example]})
    fields = {"customer_name": "Ravi Kulkarni", "who": "Vikram Subramanian aged 93"}
    model.answer([Question("q", "skin", "dermatology", fields=fields)])
    [sent] = server.asked
    people = ("Miller", "Deshpande", "Kulkarni", "Subramanian", "93")
    assert not any(name in sent for name in people) and "chest" in sent and "cardiology" in sent
    assert "90+" in sent and "90++" not in sent, "what was redacted once stays as it is"


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
        ({"url": "https://example.org/v1", "key_env": PASTED}, "no name of an environment variable in capitals"),
        ({"url": "https://example.org/v1", "max_cost": 1.0}, "nobody knows what an answer costs"),
    ],
)
def test_settings_that_would_leak_or_not_work_are_refused(settings, why):
    with pytest.raises(Problems, match=why) as error:
        plugins.build("baselines", "endpoint", {"model": "large", "key_env": "DESK_KEY", **settings})
    assert KEY not in str(error.value) and PASTED not in str(error.value)


def test_a_pasted_key_is_never_shown(server):
    [said] = Baseline("https://example.org/v1", "large", PASTED).ready()
    assert PASTED not in said and "never the key" in said
