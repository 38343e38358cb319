"""What chat and completions share: the settings of a request, and texts as they are written."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from metier.errors import UserError
from metier.serving.served import Served
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Service

if TYPE_CHECKING:
    from metier.engine.decoding.grammar import Grammar
    from metier.engine.decoding.pieces import Piece, TokenScore
    from metier.engine.decoding.sampling import Sampling
    from metier.engine.models.model import LanguageModel

MOST_STOPS = 16
MIN_SEED, MAX_SEED = -(2**63), 2**63 - 1
DEFAULT_TOKENS = 256
"""Where neither the request nor the benchmark says how long a text may be; fewer where the context ends before."""
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Finish = Literal["stop", "length"]


class StreamOptions(Body):
    """How a text is streamed."""

    include_usage: bool = False
    """Send the token counts in a last chunk."""
    include_obfuscation: bool | None = None
    """Accepted; there is none."""


class JsonSchema(Body):
    """A named JSON schema."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: str | None = None
    description: str | None = None
    definition: Annotated[dict[str, Any], Field(alias="schema")]
    """The JSON schema that the text will keep to."""
    strict: bool | None = None
    """The text keeps to the schema in any case."""


class ResponseFormat(Body):
    """What form the text has."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    """With the type `json_schema`."""


class TextRequest(Body):
    """What chat and completions are both asked with. What OpenAI's clients send besides is accepted where it changes
    nothing, and refused where it would change the text."""

    model_config = ConfigDict(strict=True)

    model: str | None = None
    """What writes; may be left out where one model is served."""
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    """Longest text, in tokens. Left out: as the benchmark asks, or 256."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Default 0 (greedy), as in the test."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Draw only from the likeliest tokens that have this probability together."""
    seed: Annotated[int, Field(ge=MIN_SEED, le=MAX_SEED)] | None = None
    """The same request with the same seed gives the same text."""
    stop: Stop | Annotated[list[Stop], Field(fail_fast=True)] | None = None
    """Where the text ends, up to 16. Left out: as the benchmark asks, where `max_tokens` is left out too."""
    stream: bool | None = None
    """Send the text in pieces, as it is written."""
    stream_options: StreamOptions | None = None
    n: int | None = None
    """One text a prompt is written; only 1 is taken."""
    response_format: ResponseFormat | None = None
    user: str | None = None
    """Accepted and not used, as are `metadata` and `store`."""
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    presence_penalty: float | None = None
    """Only 0 is taken."""
    frequency_penalty: float | None = None
    """Only 0 is taken."""
    logit_bias: dict[str, Any] | None = None
    """Is not supported."""


class Usage(Body):
    """How many tokens were read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True)
class Text:
    """A text that is written to its end."""

    text: str
    tokens: tuple["TokenScore", ...]
    finish: Finish
    new_tokens: int


NOTHING = Text("", (), "length", 0)
"""Of a request that asks for no token."""


def writer_of(service: Service, name: str | None) -> tuple[Served, "LanguageModel"]:
    """Who writes. Raises `ApiError` where there is no such model, or the baseline is served."""
    served = service.find(name)
    try:
        model = served.model
    except UserError as error:
        raise invalid(f"{error} Use /v1/classify.", "model") from error
    return served, model


def refuse(request: TextRequest, **others: Any) -> None:
    """Raises `ApiError` for what would change the text and is not supported. `others`: further fields, each with None
    or an empty value where it asks for nothing."""
    if request.n not in (None, 1):
        raise invalid(f"n is {request.n}, and one text a prompt is written. Send the request several times.", "n")
    if isinstance(request.stop, list) and len(request.stop) > MOST_STOPS:
        raise invalid(f"`stop` has {len(request.stop)} texts, and at most {MOST_STOPS} are taken.", "stop")
    unsupported = {
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "logit_bias": request.logit_bias,
        **others,
    }
    for field, value in unsupported.items():
        if value:
            raise invalid(f"`{field}` is not supported, and the text would be another one. Leave it out.", field)
    if request.stream_options is not None and not request.stream:
        raise invalid("`stream_options` is only for `stream: true`. Leave it out.", "stream_options")


def sampling_of(
    request: TextRequest,
    served: Served,
    room: int,
    top_logprobs: int,
    grammar: "Grammar | None",
    max_tokens: int | None,
) -> "Sampling":
    """What a text is asked for with. `room`: tokens that the context still has; `max_tokens`: None where the
    request does not say."""
    from metier.engine.decoding.sampling import Sampling

    written = served.benchmark.build_scorer().free_text()
    stop = [request.stop] if isinstance(request.stop, str) else list(request.stop or ())
    most = max_tokens
    if most is None:
        most = max(1, min(written.max_new_tokens if written else DEFAULT_TOKENS, room))
        if request.stop is None and written and not grammar:
            stop = list(written.stop)
    return Sampling(
        most,
        request.temperature or 0.0,
        1.0 if request.top_p is None else request.top_p,
        request.seed,
        tuple(stop),
        top_logprobs,
        grammar,
    )


async def grammar_of(wanted: ResponseFormat | None) -> "Grammar | None":
    """What the text must keep to. Raises `ApiError` where the schema cannot be used."""
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return await grammar_by({"type": "object"}, "response_format")
    if wanted.json_schema is None:
        raise invalid('`json_schema` is missing: {"name": ..., "schema": {...}}.', "response_format.json_schema")
    return await grammar_by(wanted.json_schema.definition, "response_format.json_schema.schema")


async def grammar_by(schema: Mapping[str, Any], param: str) -> "Grammar":
    """Beside the event loop, since a large schema takes a while. Raises `ApiError` where it cannot be used."""
    from metier.engine.decoding.grammar import Grammar

    try:
        return await asyncio.to_thread(Grammar.of_schema, schema)
    except UserError as error:
        raise invalid(str(error), param, "invalid_json_schema") from error


async def collected(pieces: AsyncIterator["Piece"]) -> Text:
    """All pieces of a text as one."""
    text, new_tokens = "", 0
    tokens: list[TokenScore] = []
    finish: Finish = "length"
    async for piece in pieces:
        check_piece(piece)
        text += piece.text
        tokens += piece.tokens
        new_tokens += piece.new_tokens
        finish = piece.finish or finish
    return Text(text, tuple(tokens), finish, new_tokens)


def check_piece(piece: "Piece") -> None:
    """Raises `ApiError` where the text could not be finished."""
    if piece.error:
        raise invalid(piece.error, "response_format", "invalid_json_schema")


async def all_collected(pieces: Sequence[AsyncIterator["Piece"]]) -> list[Text]:
    """The texts, which are written beside each other. Where one fails, or nobody waits any more, all are given up."""
    tasks = [asyncio.ensure_future(collected(one)) for one in pieces]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await closed(pieces)


async def started(
    service: Service, served: Served, prompts: Sequence[Sequence[int]], samplings: Sequence["Sampling"]
) -> "list[AsyncIterator[Piece]]":
    """The texts, which begin to be written. Where one cannot be taken, none is."""
    pieces: list[AsyncIterator[Piece]] = []
    try:
        for prompt, sampling in zip(prompts, samplings, strict=True):
            pieces.append(service.scheduler.generate(served.name, prompt, sampling))
    except BaseException:
        await closed(pieces)
        raise
    return pieces


async def closed(pieces: Sequence[AsyncIterator["Piece"]]) -> None:
    """Nobody reads these any further."""
    for one in pieces:
        if (close := getattr(one, "aclose", None)) is not None:
            await close()


def usage(prompt_tokens: int, completion_tokens: int) -> Usage:
    """The counts and their sum."""
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
    )
