"""Rows in, JSON objects out: the model writes what its benchmark asks for, and nothing that leaves the schema."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.scoring import FreeText
from metier.recipes import strict_json
from metier.serving.predictor import question_of
from metier.serving.served import Served
from metier.serving.server.classify import Answered, RowsRequest
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Call, Operation
from metier.serving.server.texts import Text, all_collected, grammar_by, started, writer_of

if TYPE_CHECKING:
    from metier.engine.decoding.grammar import Grammar
    from metier.engine.models.model import LanguageModel

PATH = "/v1/extract"


class ExtractRequest(RowsRequest):
    """Texts, or rows with further columns: one of the two."""

    model_config = ConfigDict(strict=True, serialize_by_alias=True)

    wanted: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    """The JSON schema of the answers. Left out: as the right answers of the training rows have it."""


class Extracted(Body):
    """What stands in a row."""

    answer: dict[str, Any] | None
    """By the schema; null where the text became too long."""
    reason: str | None = None
    """Why there is no answer."""


class ExtractResponse(Body):
    """The objects, in the order of the rows."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    id: str
    model: str
    model_sha256: str
    verdict: str
    """SHIP or HOLD."""
    used: Annotated[dict[str, Any], Field(alias="schema")]
    """The JSON schema that the answers keep to."""
    schema_from: Literal["request", "right answers"]
    """Where it is from."""
    answers: list[Extracted]


async def extract(call: Call) -> ExtractResponse:
    """JSON objects by a schema. Raises `ApiError` for the first row that cannot be asked."""
    request: ExtractRequest = call.body
    served, model = writer_of(call.service, request.model)
    scorer = served.benchmark.build_scorer()
    written = scorer.free_text()
    if "fields" not in scorer.gives or written is None:
        raise invalid(f"The answers of '{served.name}' are no JSON objects. Use /v1/classify.", "model")
    began, rows = time.monotonic(), request.columns(call.service)
    prompts = await asyncio.to_thread(
        lambda: [_prompt(call, served, model, row, n, written) for n, row in enumerate(rows)]
    )
    schema = await _schema(request, served)
    texts = await _texts(call, served, prompts, written, await grammar_by(schema, "schema"))
    answers = [_extracted(text) for text in texts]
    if traces := call.service.traces:
        given = [Answered(answer=None if one.answer is None else json.dumps(one.answer)) for one in answers]
        await asyncio.to_thread(traces.add, served, PATH, call.id, rows, given, time.monotonic() - began)
    return ExtractResponse(
        id=call.id,
        model=served.name,
        model_sha256=served.sha256,
        verdict=served.decision,
        used=schema,
        schema_from="request" if request.wanted else "right answers",
        answers=answers,
    )


def _prompt(
    call: Call, served: Served, model: "LanguageModel", row: dict[str, Any], number: int, written: FreeText
) -> list[int]:
    """The benchmark's own prompt, in tokens; its beginning is cut where it is too long and the benchmark cuts."""
    place = f"rows.{number}"
    for text in row.values():
        if isinstance(text, str):
            call.service.check_text(text, place)
    try:
        question: Question = question_of(served.benchmark, row, str(number))
        _, tokens = model.read(served.benchmark.render(question), served.benchmark.chat_template)
    except UserError as error:
        raise invalid(str(error), place) from error
    most = model.context + 1 - written.max_new_tokens
    return tokens[max(0, len(tokens) - most) :] if served.benchmark.too_long == "truncate" and most > 0 else tokens


async def _schema(request: ExtractRequest, served: Served) -> dict[str, Any]:
    if request.wanted is not None:
        if request.wanted.get("type") != "object":
            raise invalid('The answers are JSON objects. Say `"type": "object"` in the schema.', "schema")
        return request.wanted
    schema = await asyncio.to_thread(lambda: served.answer_schema)
    if schema is None:
        raise invalid(f"No right answer of '{served.name}' is a JSON object. Send a `schema`.", "schema")
    return schema


async def _texts(
    call: Call, served: Served, prompts: list[list[int]], written: FreeText, grammar: "Grammar"
) -> list[Text]:
    from metier.engine.decoding.sampling import Sampling

    # Without the stop strings: the grammar says where an object ends, and a line end may stand in one.
    sampling = Sampling(written.max_new_tokens, grammar=grammar)
    return await all_collected(await started(call.service, served, prompts, [sampling] * len(prompts)))


def _extracted(text: Text) -> Extracted:
    if text.finish == "length":
        return Extracted(
            answer=None, reason=f"The object did not end within {text.new_tokens} tokens, the benchmark's most."
        )
    try:
        answer: dict[str, Any] = strict_json.loads(text.text)
        json.dumps(answer, ensure_ascii=False).encode()  # half of a character, written as \\ud800, is valid JSON
    except ValueError as error:
        return Extracted(answer=None, reason=f"The model wrote JSON that cannot be passed on: {error}.")
    return Extracted(answer=answer)


OPERATIONS = [
    Operation(
        PATH,
        "POST",
        "Read JSON objects out of texts or rows, by a schema.",
        extract,
        request=ExtractRequest,
        response=ExtractResponse,
        example={"texts": ["Two boxes of bolts, size 8"]},
    )
]
