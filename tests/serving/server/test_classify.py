"""The answers over HTTP are those that were measured, and each request is answered or refused on its own."""

import json

import pytest

from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.served import ServeOptions, check, load
from metier.serving.server.settings import ServerSettings
from tests.serving.server.conftest import served

NOTES = ["itching since two days", "chest pain at night"]


def ask(client, **body):
    return client.post("/v1/classify", json=body)


def test_answers_over_http_are_those_that_were_measured(client, run_folder):
    run = runs.saved_run(run_folder, Progress())
    measured = read_answers(run, "tuned", "triage")
    questions = load(check([run_folder], ServeOptions(anyway=True)), ServeOptions(anyway=True))[
        "run"
    ].benchmark.questions()
    given = ask(client, texts=[question.text for question in questions]).json()
    assert [one["answer"] for one in given["answers"]] == [one.answer for one in measured]
    verdict = json.loads((run_folder / "verdict.json").read_text())
    assert given["model"] == "run" and given["verdict"] == verdict["decision"]
    assert given["model_sha256"] == verdict["adapter_sha256"]
    for one in given["answers"]:
        shares = one["probabilities"]
        assert set(shares) == {"cardiology", "dermatology"} and sum(shares.values()) == pytest.approx(1)
        assert shares[one["answer"]] == one["certainty"] == max(shares.values())
        assert shares[one["second"]] == one["second_certainty"] and one["review"] is None


def test_rows_and_texts_are_the_same_and_one_of_them_is_needed(client):
    texts = ask(client, texts=NOTES).json()["answers"]
    assert ask(client, model="run", rows=[{"text": text, "ward": 3} for text in NOTES]).json()["answers"] == texts
    for body in ({}, {"texts": NOTES, "rows": [{"text": "a"}]}, {"model": "run"}):
        assert ask(client, **body).status_code == 422


REFUSED = [
    ({"texts": []}, 422, "too_short"),
    ({"texts": [1]}, 422, "string_type"),
    ({"texts": ["a"], "text": "b"}, 422, "extra_forbidden"),
    ({"rows": [{"note": "a"}]}, 422, "invalid_value"),
    ({"rows": [{"text": ["a"]}]}, 422, None),
    ({"texts": ["a" * 200_001]}, 422, "text_too_long"),
    ({"texts": ["a"] * 1_001}, 422, "too_many_rows"),
    ({"texts": ["a"], "model": "runn"}, 404, "model_not_found"),
    ([], 422, None),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_cannot_be_asked_is_refused_as_openai_does(client, number):
    body, status, code = REFUSED[number]
    given = client.post("/v1/classify", json=body)
    assert given.status_code == status
    error = given.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert code in (None, error["code"]) and len(error["message"]) < 500


MALFORMED = [
    b"",
    b"{",
    b'{"texts": ["\xff"]}',
    b'{"texts": ["a"], "texts": ["b"]}',
    b'{"rows": [{"text": NaN}]}',
    b'{"rows": [{"text": 1e999}]}',
    b'{"texts": ["\\ud800"]}',
    b'{"rows": [{"\\ud800": "a"}]}',
    b'{"rows": [{"text": ' + b"1" * 5000 + b"}]}",
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"[" * 100 + b"]" * 100,
]


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_what_is_no_json_is_a_400(client, number):
    given = client.post("/v1/classify", content=MALFORMED[number])
    assert (given.status_code, given.json()["error"]["code"]) == (400, "invalid_json")


def test_another_kind_of_body_is_a_415(client):
    given = client.post("/v1/classify", content=b"{}", headers={"Content-Type": "text/plain"})
    assert given.status_code == 415


def test_unknown_paths_and_methods_are_error_objects(client):
    assert client.get("/v2").json()["error"]["code"] == "not_found"
    assert client.get("/v1/classify").json()["error"]["code"] == "method_not_allowed"


def test_models_are_listed_with_what_was_proven(client):
    (model,) = client.get("/v1/models").json()["data"]
    assert model["id"] == "run" and model["verdict"] == "HOLD" and model["labels"] == ["cardiology", "dermatology"]
    assert model["kind"] == "chosen" and model["base_model"] == "fake" and model["object"] == "model"


def test_a_share_for_review_flags_the_least_sure(run_folder):
    with served([run_folder], review=0.5) as (client, _):
        flags = [one["review"] for one in ask(client, texts=NOTES).json()["answers"]]
    assert set(flags) <= {True, False}


def test_the_baseline_answers_through_the_same_face(run_folder):
    run = runs.saved_run(run_folder, Progress())
    measured = read_answers(run, "tfidf", "triage")
    with served([run_folder], who="tfidf") as (client, service):
        texts = [question.text for question in service.served["run"].benchmark.questions()]
        given = ask(client, texts=texts).json()
        assert [one["answer"] for one in given["answers"]] == [one.answer for one in measured]
        assert client.get("/v1/models").json()["data"][0]["base_model"] is None
    assert given["model_sha256"] == run.recorded_sha256("evaluate/triage/tfidf", "evaluate/triage/tfidf/model.json")


def test_no_ship_is_refused_and_says_what_to_do(run_folder):
    with pytest.raises(UserError, match="is HOLD, not SHIP.*--with tfidf.*--anyway"):
        check([run_folder], ServeOptions())
    assert check([run_folder], ServeOptions(who="tfidf"))[0].decision == "HOLD"
    with pytest.raises(UserError, match="Two runs are called 'run'"):
        check([run_folder, run_folder], ServeOptions(anyway=True))
    with pytest.raises(UserError, match="no benchmark 'triag'.*Did you mean 'triage'"):
        check([run_folder], ServeOptions(anyway=True, benchmark="triag"))


def test_several_runs_of_one_model_are_chosen_by_name_and_share_memory(run_folder, recorded_seeds):
    seeds = recorded_seeds.after()[1]
    with served([run_folder, seeds]) as (client, service):
        assert list(service.served) == ["run", "out"]
        assert ask(client, texts=["itch"]).json()["error"]["code"] == "model_missing"
        assert ask(client, texts=["itch"], model="run").json()["answers"][0]["answer"] in ("cardiology", "dermatology")
        ward = ask(client, texts=["cough fever 3"], model="out").json()
        assert ward["answers"][0]["answer"] in ("lung", "skin") and ward["model"] == "out"
        first, second = (one.model.network.get_input_embeddings().weight for one in service.served.values())
        assert first.data_ptr() == second.data_ptr()


def test_a_text_that_does_not_fit_is_refused_and_its_batch_mates_are_answered(server):
    client, service = server
    long = "word " * 3000
    given = ask(client, texts=[long])
    assert given.status_code == 422 and given.json()["error"]["code"] == "unreadable_text"

    async def together():
        import asyncio

        from metier.data.records import Question

        asked = [[Question("0", long, "")], [Question("0", "itch", "")]]
        return await asyncio.gather(*(service.scheduler.classify("run", one) for one in asked), return_exceptions=True)

    refused, answered = client.portal.call(together)
    alone = ask(client, texts=["itch"]).json()["answers"][0]["answer"]
    assert refused.status == 422 and answered[0].answer == alone


def test_an_answer_that_is_no_number_is_a_500(run_folder, caplog):
    with served([run_folder], ServerSettings()) as (client, service):
        service.served["run"].model.network.model.norm.weight.data.fill_(float("nan"))
        given = ask(client, texts=["itch"])
        assert given.status_code == 500 and given.json()["error"]["code"] == "model_failed"
        assert "NaN" not in given.text.replace("NaN or", "")
        assert client.get("/health").status_code == 200
