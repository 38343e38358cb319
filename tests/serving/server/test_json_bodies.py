"""A hostile body costs no more than a good one: 8 MiB with a fault in every item are refused at the first."""

import time

import pytest
from pydantic import ValidationError

from metier.serving.server.chat import ChatRequest
from metier.serving.server.classify import ClassifyRequest
from metier.serving.server.completions import CompletionRequest
from metier.serving.server.errors import ApiError
from metier.serving.server.extract import ExtractRequest
from metier.serving.server.json_bodies import MOST_KEYS, parse

MANY = 4_000_000


@pytest.mark.parametrize(
    ("request_type", "key", "item"),
    [
        (ClassifyRequest, "texts", 1),
        (ClassifyRequest, "rows", 1),
        (ExtractRequest, "texts", None),
        (CompletionRequest, "prompt", -1),
        (CompletionRequest, "prompt", None),
        (CompletionRequest, "stop", 1),
        (ChatRequest, "messages", 1),
        (ChatRequest, "tools", 1),
    ],
)
def test_a_list_of_wrong_items_costs_one_error_and_little_time(request_type, key, item):
    began = time.process_time()
    try:
        request_type.model_validate({key: [item] * MANY})
        errors = []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
    assert len(errors) < 10 and time.process_time() - began < 2


def test_lists_in_a_list_are_refused_at_the_first_wrong_item():
    began = time.process_time()
    with pytest.raises(ValidationError) as error:
        CompletionRequest.model_validate({"prompt": [[None] * MANY, [None]]})
    assert error.value.error_count() < 10 and time.process_time() - began < 2


def test_an_object_has_a_bounded_number_of_keys():
    body = "{" + ",".join(f'"{n}":0' for n in range(MOST_KEYS + 1)) + "}"
    with pytest.raises(ApiError, match="more than 10,000 keys") as refused:
        parse(body.encode())
    assert refused.value.status == 400
