"""/v1/completions: texts that go on behind prompts, and how likely the prompts themselves are (`echo`)."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from metier.errors import UserError
from metier.serving.served import Served
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Call, Operation, Stream
from metier.serving.server.texts import (
    NOTHING,
    Finish,
    TextRequest,
    Usage,
    all_collected,
    check_piece,
    closed,
    grammar_of,
    refuse,
    sampling_of,
    started,
    usage,
    writer_of,
)

if TYPE_CHECKING:
    from metier.engine.decoding.pieces import Piece, TokenScore
    from metier.engine.decoding.sampling import Sampling
    from metier.engine.models.model import LanguageModel

Texts = Annotated[list[str], Field(fail_fast=True)]
Tokens = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
PATH = "/v1/completions"
TOKENS_BY_DEFAULT = 16
"""Where neither the request nor the benchmark says how many, as OpenAI has it."""


class CompletionRequest(TextRequest):
    """Prompts to go on behind."""

    prompt: str | Texts | Tokens | Annotated[list[Tokens], Field(fail_fast=True)]
    """A text, several, or the same in tokens."""
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    """Tell each token's log-probability, and so many of the likeliest ones."""
    echo: bool | None = None
    """Begin the text with the prompt; with `logprobs`, of its tokens too."""
    suffix: str | None = None
    """Is not supported."""
    best_of: int | None = None
    """Only 1 is taken."""


class Logprobs(Body):
    """The tokens of a text, in nats."""

    tokens: list[str]
    token_logprobs: list[float | None]
    """Null for the first token of a prompt, which nothing predicts."""
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]
    """Where each token begins, in characters."""


class Choice(Body):
    """A text behind a prompt."""

    index: int
    text: str
    logprobs: Logprobs | None
    finish_reason: Finish | None


class Completion(Body):
    """The texts, in the order of the prompts; or a piece of one, where they are streamed."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    model_sha256: str
    verdict: str
    """SHIP or HOLD."""
    choices: list[Choice]
    usage: Usage | None = None


@dataclass(frozen=True)
class _Work:
    """A request, read and checked."""

    call: Call
    request: CompletionRequest
    served: Served
    model: "LanguageModel"
    prompts: list[list[int]]
    shown: list[str]
    """What `echo` puts before each text: the prompts in words."""
    samplings: "list[Sampling]"
    created: int

    @property
    def writes(self) -> bool:
        return self.request.max_tokens != 0

    async def start(self) -> "list[AsyncIterator[Piece]]":
        return await started(self.call.service, self.served, self.prompts, self.samplings)

    def chunk(self, choices: list[Choice], counts: Usage | None = None) -> Completion:
        return Completion(
            id=f"cmpl-{self.call.id}",
            created=self.created,
            model=self.served.name,
            model_sha256=self.served.sha256,
            verdict=self.served.decision,
            choices=choices,
            usage=counts,
        )


async def completions(call: Call) -> Completion | Stream:
    """Texts behind prompts. Raises `ApiError` for what cannot be asked."""
    work = await _work(call)
    if work.request.stream:
        return Stream(_streamed(work))
    echoed = await _echoed(work)
    texts = [NOTHING] * len(work.prompts)
    if work.writes:
        texts = await all_collected(await work.start())
    choices = [
        _choice(n, echoed[n].joined(_shown(work, text.text, text.tokens)), text.finish) for n, text in enumerate(texts)
    ]
    return work.chunk(choices, _usage(work, sum(text.new_tokens for text in texts)))


async def _work(call: Call) -> _Work:
    request: CompletionRequest = call.body
    served, model = writer_of(call.service, request.model)
    refuse(request, suffix=request.suffix, best_of=request.best_of not in (None, 1))
    prompts, shown = await asyncio.to_thread(_prompts, call, model, request)
    grammar = await grammar_of(request.response_format)
    written = served.benchmark.build_scorer().free_text()
    max_tokens = request.max_tokens if request.max_tokens is not None or written else TOKENS_BY_DEFAULT
    samplings = [
        sampling_of(request, served, model.context + 1 - len(prompt), request.logprobs or 0, grammar, max_tokens)
        for prompt in prompts
    ]
    return _Work(call, request, served, model, prompts, shown, samplings, int(time.time()))


def _prompts(call: Call, model: "LanguageModel", request: CompletionRequest) -> tuple[list[list[int]], list[str]]:
    """(in tokens, in words). Raises `ApiError` where there is none, or too many."""
    given: Any = request.prompt
    alone = isinstance(given, str) or (given and isinstance(given[0], int))
    every = [given] if alone else list(given)
    if not every:
        raise invalid("`prompt` is an empty list. Give at least one.", "prompt")
    call.service.check_rows(len(every), "prompt")
    tokens, words, total = [], [], 0
    for one in every:
        if isinstance(one, str):
            call.service.check_text(one, "prompt")
            tokens.append(_encoded(model, one))
            words.append(one)
        else:
            tokens.append(list(one))
            words.append(
                model.tokenizer.decode(one, skip_special_tokens=True) if request.echo and _known(model, one) else ""
            )
        if not tokens[-1]:
            raise invalid("A prompt is empty. Give at least one token.", "prompt")
        total += len(tokens[-1])
        call.service.check_tokens(total, "prompt")
    return tokens, words


def _encoded(model: "LanguageModel", text: str) -> list[int]:
    try:
        return model.encode(text)
    except UserError as error:
        raise invalid(str(error), "prompt") from error


def _known(model: "LanguageModel", tokens: Sequence[int]) -> bool:
    """Whether the tokenizer can take them; the decoder refuses those that it cannot, with a message."""
    return all(token < len(model.tokenizer) for token in tokens)


@dataclass(frozen=True)
class _Shown:
    """A part of a text with its tokens; None where they are not asked for."""

    text: str
    logprobs: Logprobs | None

    def joined(self, other: "_Shown") -> "_Shown":
        if self.logprobs is None or other.logprobs is None:
            return _Shown(self.text + other.text, other.logprobs)
        first, last = self.logprobs, other.logprobs
        both = Logprobs(
            tokens=first.tokens + last.tokens,
            token_logprobs=first.token_logprobs + last.token_logprobs,
            top_logprobs=first.top_logprobs + last.top_logprobs,
            text_offset=first.text_offset + [len(self.text) + begin for begin in last.text_offset],
        )
        return _Shown(self.text + other.text, both)


def _shown(work: _Work, text: str, tokens: "Sequence[TokenScore]", before: int = 0) -> _Shown:
    """`before`: characters that stand before this part."""
    from metier.engine.decoding.pieces import offsets

    if work.request.logprobs is None:
        return _Shown(text, None)
    known = [None if math.isnan(one.log_probability) else one.log_probability for one in tokens]
    found = Logprobs(
        tokens=[one.text for one in tokens],
        token_logprobs=known,
        top_logprobs=[None if log is None else _top(one) for one, log in zip(tokens, known, strict=True)],
        text_offset=[before + min(begin, len(text)) for begin in offsets(work.model.tokenizer, tokens)],
    )
    return _Shown(text, found)


def _top(score: "TokenScore") -> dict[str, float]:
    """The likeliest tokens and the chosen one. Of tokens with the same text (parts of characters) the likeliest."""
    top: dict[str, float] = {}
    for text, log_probability in (*score.top, (score.text, score.log_probability)):
        top.setdefault(text, log_probability)
    return top


async def _echoed(work: _Work) -> list[_Shown]:
    """What stands before each text."""
    if not work.request.echo:
        return [_Shown("", None)] * len(work.prompts)
    if work.request.logprobs is None:
        return [_Shown(text, None) for text in work.shown]
    scores = await work.call.service.scheduler.prompt_scores(work.served.name, work.prompts, work.request.logprobs)
    return await asyncio.to_thread(
        lambda: [_shown(work, text, one.tokens) for text, one in zip(work.shown, scores, strict=True)]
    )


def _choice(index: int, shown: _Shown, finish: Finish | None) -> Choice:
    return Choice(index=index, text=shown.text, logprobs=shown.logprobs, finish_reason=finish)


def _usage(work: _Work, new_tokens: int) -> Usage:
    return usage(sum(map(len, work.prompts)), new_tokens)


async def _none() -> AsyncIterator["Piece"]:
    """No piece: nothing is written."""
    nothing: tuple[Piece, ...] = ()
    for piece in nothing:
        yield piece


async def _streamed(work: _Work) -> AsyncIterator[Completion]:
    """The texts are written beside each other and sent one behind the other."""
    pieces = await work.start() if work.writes else []
    new_tokens = 0
    try:
        for index, echoed in enumerate(await _echoed(work)):
            if work.request.echo or not work.writes:
                yield work.chunk([_choice(index, echoed, None if work.writes else "length")])
            sent = len(echoed.text)
            async for piece in pieces[index] if work.writes else _none():
                check_piece(piece)
                new_tokens += piece.new_tokens
                if piece.text or piece.tokens or piece.finish:
                    yield work.chunk([_choice(index, _shown(work, piece.text, piece.tokens, sent), piece.finish)])
                    sent += len(piece.text)
        if work.request.stream_options and work.request.stream_options.include_usage:
            yield work.chunk([], _usage(work, new_tokens))
    finally:
        await closed(pieces)


OPERATIONS = [
    Operation(
        PATH,
        "POST",
        "Go on behind prompts, as OpenAI's clients ask for it.",
        completions,
        request=CompletionRequest,
        response=Completion,
        streaming=True,
        example={"prompt": "chest pain at night\nDepartment:", "max_tokens": 8},
    )
]
