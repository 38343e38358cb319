"""schemathesis makes requests of the OpenAPI document, good and bad ones: no 500, and every answer as documented.

`METIER_SCHEMATHESIS_CASES` is the number of requests in all; the default is a few hundred.
"""

import os

import pytest

from tests.serving.server.conftest import HEADERS

schemathesis = pytest.importorskip("schemathesis")
CASES = int(os.environ.get("METIER_SCHEMATHESIS_CASES", "300"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_answer_is_as_documented(server):
    from hypothesis import HealthCheck, given, settings
    from schemathesis import checks

    client, service = server
    document = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    wanted = (
        [
            checks.not_a_server_error,
            schemathesis.openapi.checks.status_code_conformance,
            schemathesis.openapi.checks.content_type_conformance,
            schemathesis.openapi.checks.response_schema_conformance,
        ]
        if hasattr(schemathesis.openapi, "checks")
        else None
    )
    operations = [one.ok() for one in schema.get_all_operations()]
    with_body = [one for one in operations if one.method.upper() == "POST"]
    for operation in operations:
        most = max(2, CASES // max(len(with_body), 1)) if operation in with_body else 5
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=most // 2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def asks(case):
                case.call_and_validate(session=client, headers=HEADERS, checks=wanted)

            asks()
    assert service.scheduler.rows == 0
