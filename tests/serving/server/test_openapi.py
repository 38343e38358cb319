"""The OpenAPI document says all that the server does, and the page of it loads nothing."""

import re

from metier.serving.server.classify import ClassifyResponse
from metier.serving.server.errors import ErrorBody


def test_every_operation_stands_in_the_document_with_its_errors(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"/v1/classify", "/v1/models", "/health", "/ready", "/metrics"} <= set(document["paths"])
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert {"200", "400", "403", "413", "500", "503"} <= set(operation["responses"])
            assert bool(operation["security"]) == ("401" in operation["responses"]), path
    ask = document["paths"]["/v1/classify"]["post"]
    assert {"401", "404", "415", "422", "429"} <= set(ask["responses"])
    assert ask["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("ClassifyRequest")
    named = set(re.findall(r'"#/components/schemas/(\w+)"', str(document).replace("'", '"')))
    assert named and named <= set(document["components"]["schemas"]), "every reference leads somewhere"


def test_answers_and_errors_have_the_documented_keys(client):
    ClassifyResponse.model_validate(client.post("/v1/classify", json={"texts": ["itch"]}).json())
    ErrorBody.model_validate(client.post("/v1/classify", json={"texts": []}).json())


def test_the_page_loads_nothing_and_has_a_curl_command_for_each(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html") and "default-src 'none'" in str(page.headers)
    assert not re.search(r"<script|<link|<img|@import|https?://(?!127\.0\.0\.1)", page.text)
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"http://127.0.0.1:8000{path}" in page.text


def test_metrics_count_requests_rows_and_batches(client):
    client.post("/v1/classify", json={"texts": ["itch", "itch"]})
    text = client.get("/metrics").text
    assert 'metier_requests_total{path="/v1/classify",status="200"}' in text
    for name in (
        "metier_rows_total",
        "metier_batch_rows_count",
        "metier_queue_rows 0.0",
        "metier_request_seconds_bucket",
    ):
        assert name in text, name


def test_probes_need_no_token(client):
    for path, status in (("/health", 200), ("/ready", 200), ("/docs", 200), ("/metrics", 401), ("/v1/models", 401)):
        assert client.get(path, headers={"Authorization": ""}).status_code == status, path


def test_a_server_whose_model_thread_has_ended_is_not_ready(server, monkeypatch):
    client, service = server
    monkeypatch.setattr(type(service.scheduler), "alive", property(lambda self: False))
    found = client.get("/ready")
    assert found.status_code == 503 and found.json()["status"] == "failed"
