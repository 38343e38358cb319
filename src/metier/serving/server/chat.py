"""/v1/chat/completions: the model's turn in a conversation, by the chat template that the run was tested with."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from metier.errors import UserError
from metier.serving.served import Served
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Call, Operation, Stream
from metier.serving.server.texts import (
    Finish,
    TextRequest,
    Usage,
    all_collected,
    check_piece,
    closed,
    grammar_of,
    refuse,
    sampling_of,
    usage,
    writer_of,
)

if TYPE_CHECKING:
    from metier.engine.decoding.pieces import Piece, TokenScore
    from metier.engine.models.model import LanguageModel

PATH = "/v1/chat/completions"
BROKEN = "\ufffd"
"""What a part of a character is shown as."""


class TextPart(Body):
    """A part of a message."""

    type: Literal["text"]
    """Pictures and sound are not read."""
    text: str


class Message(Body):
    """A turn of a conversation."""

    model_config = ConfigDict(strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(fail_fast=True)]
    name: str | None = None
    """Accepted and not used."""
    refusal: None = None
    """Here and below: what OpenAI's client sends back with the model's turn. Only null or an empty list is taken."""
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None
    function_call: None = None
    audio: None = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None


class ChatRequest(TextRequest):
    """A conversation to go on with."""

    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)]
    """Oldest first."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The newer name of `max_tokens`."""
    logprobs: bool | None = None
    """Tell each token's log-probability."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """With `logprobs`: so many of the likeliest tokens."""
    parallel_tool_calls: bool | None = None
    """Accepted: there are no tools."""
    service_tier: str | None = None
    """Accepted and not used."""
    tools: list[Any] | None = None
    """Are not supported."""
    tool_choice: str | dict[str, Any] | None = None
    """Only `none` is taken."""
    functions: list[Any] | None = None
    """Are not supported."""
    function_call: str | dict[str, Any] | None = None
    """Only `none` is taken."""
    modalities: Annotated[list[str], Field(fail_fast=True)] | None = None
    """Only `text` is taken."""
    reasoning_effort: str | None = None
    """Is not supported."""
    verbosity: str | None = None
    """Is not supported."""


class TopToken(Body):
    """A token that could have stood there."""

    token: str
    logprob: float
    bytes: list[int] | None
    """Null for a token that is a part of a character."""


class ChatToken(TopToken):
    """A token of the text, in nats."""

    top_logprobs: list[TopToken]


class ChatLogprobs(Body):
    """The tokens of a text."""

    content: list[ChatToken]
    refusal: None = None


class Turn(Body):
    """The model's turn."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Body):
    """The answer."""

    index: int = 0
    message: Turn
    logprobs: ChatLogprobs | None
    finish_reason: Finish


class ChatCompletion(Body):
    """The model's turn, and what it cost."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    model_sha256: str
    verdict: str
    """SHIP or HOLD."""
    choices: list[ChatChoice]
    usage: Usage


class Delta(Body):
    """What a piece adds."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(Body):
    """A piece of the answer."""

    index: int = 0
    delta: Delta
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish | None = None


class ChatChunk(Body):
    """A piece of the model's turn, as it is streamed."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    model_sha256: str
    verdict: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


@dataclass(frozen=True)
class _Work:
    """A request, read, checked and begun."""

    request: ChatRequest
    served: Served
    model: "LanguageModel"
    prompt: list[int]
    pieces: "AsyncIterator[Piece]"
    id: str
    created: int

    def logprobs(self, tokens: "Sequence[TokenScore]") -> ChatLogprobs | None:
        if not self.request.logprobs:
            return None
        return ChatLogprobs(content=[_token(one) for one in tokens if one.token != self.model.end_token])

    def chunk(self, choices: list[ChunkChoice], counts: Usage | None = None) -> ChatChunk:
        return ChatChunk(
            id=self.id,
            created=self.created,
            model=self.served.name,
            model_sha256=self.served.sha256,
            verdict=self.served.decision,
            choices=choices,
            usage=counts,
        )


async def chat(call: Call) -> ChatCompletion | Stream:
    """The model's turn. Raises `ApiError` for what cannot be asked."""
    work = await _begun(call)
    if work.request.stream:
        return Stream(_streamed(work))
    text = (await all_collected([work.pieces]))[0]
    choice = ChatChoice(
        message=Turn(content=text.text), logprobs=work.logprobs(text.tokens), finish_reason=text.finish
    )  # fmt: skip
    return ChatCompletion(
        id=work.id,
        created=work.created,
        model=work.served.name,
        model_sha256=work.served.sha256,
        verdict=work.served.decision,
        choices=[choice],
        usage=usage(len(work.prompt), text.new_tokens),
    )


async def _begun(call: Call) -> _Work:
    request: ChatRequest = call.body
    served, model = writer_of(call.service, request.model)
    _refuse(request)
    if not served.benchmark.chat_template:
        raise invalid(
            f"'{served.name}' was tested on plain prompts, without a chat template. Send the prompt to "
            "/v1/completions, or rows to /v1/classify.",
            "model",
            "no_chat_template",
        )
    prompt = await asyncio.to_thread(_prompt, call, model, request)
    grammar = await grammar_of(request.response_format)
    max_tokens = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    room = model.context + 1 - len(prompt)
    sampling = sampling_of(request, served, room, request.top_logprobs or 0, grammar, max_tokens)
    pieces = call.service.scheduler.generate(served.name, prompt, sampling)
    return _Work(request, served, model, prompt, pieces, f"chatcmpl-{call.id}", int(time.time()))


def _refuse(request: ChatRequest) -> None:
    """Raises `ApiError` for what would change the text and is not supported, and for what contradicts itself."""
    refuse(
        request,
        tools=request.tools,
        tool_choice=request.tool_choice not in (None, "none", "auto"),
        functions=request.functions,
        function_call=request.function_call not in (None, "none", "auto"),
        modalities=request.modalities not in (None, ["text"]),
        reasoning_effort=request.reasoning_effort,
        verbosity=request.verbosity,
    )
    if request.top_logprobs is not None and not request.logprobs:
        raise invalid("`top_logprobs` needs `logprobs: true`.", "top_logprobs")
    if None not in (request.max_tokens, request.max_completion_tokens):
        raise invalid("`max_tokens` and `max_completion_tokens` mean the same. Send one.", "max_tokens")


def _prompt(call: Call, model: "LanguageModel", request: ChatRequest) -> list[int]:
    """The conversation in tokens. Templates call the first turn `system`, also where clients say `developer`."""
    messages = []
    for one in request.messages:
        content = one.content if isinstance(one.content, str) else "".join(part.text for part in one.content)
        call.service.check_text(content, "messages")
        messages.append({"role": "system" if one.role == "developer" else one.role, "content": content})
    try:
        return model.converse(messages)
    except UserError as error:
        raise invalid(str(error), "messages") from error


async def _streamed(work: _Work) -> AsyncIterator[ChatChunk]:
    new_tokens = 0
    try:
        begun = False
        async for piece in work.pieces:
            check_piece(piece)
            new_tokens += piece.new_tokens
            if not begun:  # behind the first piece, so that an error before it has a status of its own
                yield work.chunk([ChunkChoice(delta=Delta(role="assistant", content=""))])
                begun = True
            if piece.text or piece.tokens:
                delta = Delta(content=piece.text)
                yield work.chunk([ChunkChoice(delta=delta, logprobs=work.logprobs(piece.tokens))])
            if piece.finish:
                yield work.chunk([ChunkChoice(delta=Delta(), finish_reason=piece.finish)])
        if work.request.stream_options and work.request.stream_options.include_usage:
            yield work.chunk([], usage(len(work.prompt), new_tokens))
    finally:
        await closed([work.pieces])


def _token(score: "TokenScore") -> ChatToken:
    top = [TopToken(token=text, logprob=value, bytes=_bytes(text)) for text, value in score.top]
    return ChatToken(token=score.text, logprob=score.log_probability, bytes=_bytes(score.text), top_logprobs=top)


def _bytes(text: str) -> list[int] | None:
    return None if BROKEN in text else list(text.encode())


OPERATIONS = [
    Operation(
        PATH,
        "POST",
        "Go on with a conversation, as OpenAI's clients ask for it.",
        chat,
        request=ChatRequest,
        response=ChatCompletion,
        streaming=True,
        example={"messages": [{"role": "user", "content": "Which department? Chest pain at night."}]},
    )
]
