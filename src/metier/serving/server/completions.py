"""/v1/completions: texts that go on behind prompts, and how likely the prompts themselves are (`echo`)."""

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
    Text,
    TextRequest,
    Usage,
    all_collected,
    check_length,
    closed,
    grammar_of,
    refuse,
    sampling_of,
    usage,
    writer_of,
)

if TYPE_CHECKING:
    from metier.engine.decoding.pieces import TokenScore
    from metier.engine.decoding.sampling import Sampling
    from metier.engine.models.model import LanguageModel

Token = Annotated[int, Field(ge=0)]
TOKENS_BY_DEFAULT = 16
"""Where neither the request nor the benchmark says how many, as OpenAI has it."""


class CompletionRequest(TextRequest):
    """Prompts to go on behind."""

    prompt: str | list[str] | list[Token] | list[list[Token]]
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
    scheduler = call.service.scheduler
    echoed = await _echoed(work)
    texts = [NOTHING] * len(work.prompts)
    if work.writes:
        texts = await all_collected(_begun(work))
    choices = [
        _choice(work, n, echoed[n], text.text, text.tokens, text.finish) for n, text in enumerate(texts)
    ]  # fmt: skip
    return work.chunk(choices, _usage(work, sum(text.new_tokens for text in texts)))


async def _work(call: Call) -> _Work:
    request: CompletionRequest = call.body
    served, model = writer_of(call.service, request.model)
    refuse(request, suffix=request.suffix, best_of=request.best_of not in (None, 1))
    prompts, shown = _prompts(call, model, request)
    grammar = await grammar_of(request.response_format)
    written = served.benchmark.build_scorer().free_text()
    asked = request.max_tokens if request.max_tokens is not None or written else TOKENS_BY_DEFAULT
    samplings = [
        sampling_of(request, served, model.context - len(prompt), request.logprobs or 0, grammar, asked)
        for prompt in prompts
    ]
    return _Work(call, request, served, model, prompts, shown, samplings, call.created)
