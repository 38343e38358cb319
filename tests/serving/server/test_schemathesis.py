"""schemathesis makes requests from the OpenAPI document, good and bad ones: no 500, and every answer as documented.

`METIER_SCHEMATHESIS_CASES` is the number of requests in all; the default is a few hundred. No example is made smaller:
that would take minutes, and the first failing request is printed as it is.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.serving.server.conftest import HEADERS, Process

schemathesis = pytest.importorskip("schemathesis")
BOUNDS = {"deadline": None, "database": None, "phases": [Phase.generate]}
CASES = int(os.environ.get("METIER_SCHEMATHESIS_CASES", "300"))
HANGS_S = 20


def requests_of(schema):
    """(operation, generation mode, number of requests): nearly all go to what has a body."""
    from schemathesis import GenerationMode

    operations = [one.ok() for one in schema.get_all_operations()]
    with_body = [one for one in operations if one.body]
    for operation in operations:
        if operation in with_body:
            for mode in GenerationMode:
                yield operation, mode, max(1, CASES // (2 * len(with_body)))
        else:
            yield operation, GenerationMode.POSITIVE, 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_answer_is_as_documented(run_folder):
    from schemathesis import checks

    wanted = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    server = Process(run_folder)
    statuses, began = {}, time.monotonic()
    try:
        with server.client() as client:
            schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        for operation, mode, most in requests_of(schema):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=most, suppress_health_check=list(HealthCheck), **BOUNDS)
            def ask(case):
                answer = case.call(base_url=server.url, headers=HEADERS, timeout=HANGS_S)
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                case.validate_response(answer, checks=wanted)

            ask()
        with server.client() as client:
            assert "metier_queue_rows 0.0" in client.get("/metrics").text
        assert server.stop()[0] == 0
    finally:
        server.kill()
        seconds = time.monotonic() - began
        print(f"{sum(statuses.values())} requests in {seconds:.0f} s, answers by status: {statuses}")
    assert {200, 422} <= set(statuses), "neither good nor bad requests alone"
