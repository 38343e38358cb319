"""What the server can do: the routes and the OpenAPI document are both made from a list of these."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from metier.errors import nearest
from metier.serving.served import Served
from metier.serving.server.errors import ApiError, invalid, loading
from metier.serving.server.metrics import Metrics
from metier.serving.server.scheduler import Scheduler
from metier.serving.server.settings import ServerSettings
from metier.serving.server.traces import Traces


class Body(BaseModel):
    """What comes in or goes out, with no other keys; derive from it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Service:
    """All that a handler works with."""

    settings: ServerSettings
    scheduler: Scheduler
    metrics: Metrics
    traces: Traces | None = None

    @property
    def served(self) -> Mapping[str, Served]:
        """By name; empty while the models are loaded."""
        return self.scheduler.served

    def find(self, name: str | None) -> Served:
        """What is served under a name; None: the only one. Raises `ApiError`: 404 where there is no such one, 503 while
        it is loaded."""
        known = self.served
        if not known:
            raise loading()
        if name is None and len(known) == 1:
            return next(iter(known.values()))
        if name is None:
            raise ApiError(422, f"Say which `model`: {', '.join(known)}.", code="model_missing", param="model")
        if name not in known:
            message = f"There is no model {name[:80]!r}.{nearest(name, known)}"
            raise ApiError(404, message, code="model_not_found", param="model")
        return known[name]

    def check_text(self, text: str, param: str) -> None:
        """Raises `ApiError` where a text is longer than is taken."""
        if len(text) > (most := self.settings.most_characters):
            raise invalid(f"The text has {len(text):,} characters; at most {most:,} are taken.", param, "text_too_long")

    def check_tokens(self, tokens: int, param: str) -> None:
        """Raises `ApiError` where the prompts of a request have more tokens than is taken."""
        if tokens > (most := self.settings.most_tokens):
            message = f"The prompts have more than {most:,} tokens together. Send several requests."
            raise invalid(message, param, "too_many_tokens")

    def check_rows(self, rows: int, param: str) -> None:
        """Raises `ApiError` where a request has more rows (texts, prompts) than is taken."""
        if rows > (most := self.settings.most_rows):
            message = f"The request has {rows:,} rows; at most {most:,} are taken. Send several requests."
            raise invalid(message, param, "too_many_rows")


@dataclass(frozen=True)
class Call:
    """One request, read and checked."""

    service: Service
    id: str
    """In the answer's `id` and in its traces."""
    body: Any
    """What `Operation.request` made of it; None where it has none."""


@dataclass(frozen=True)
class Stream:
    """An answer in pieces: each is sent as an event as soon as it is there, and `[DONE]` behind the last.

    The first piece is waited for before the status is sent, so that an error before it has a status of its own.
    """

    pieces: AsyncIterator[BaseModel]


@dataclass(frozen=True)
class Plain:
    """An answer that is no JSON, or has another status than 200."""

    content: str | bytes | BaseModel
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = BaseModel | Stream | Plain


@dataclass(frozen=True)
class Operation:
    """A path with a method, its schemas, and who answers."""

    path: str
    method: Literal["GET", "POST"]
    summary: str
    """One sentence."""
    handler: Callable[[Call], Awaitable[Answer]]
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    """None: `media_type` says what it is."""
    streaming: bool = False
    """Whether it may also answer in pieces (text/event-stream)."""
    media_type: str = "application/json"
    token: bool = True
    """Whether the token is asked for."""
    other: Mapping[int, type[BaseModel]] = field(default_factory=dict)
    """Further statuses that are no errors of the request, with their schema."""
    example: Mapping[str, Any] | None = None
    """A request, for the page."""
