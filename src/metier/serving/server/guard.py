"""Who may ask, and how much: in front of every request, before anything of it is understood."""

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from metier.serving.server.errors import ApiError, draining
from metier.serving.server.metrics import Metrics
from metier.serving.server.settings import ServerSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})
OTHER = "other"
"""The path of a request, in the metrics, that no operation has: a client must not make up names there."""
PROBES = ("/health", "/ready")
"""What may be asked by any name: an orchestrator asks a container by its address of the day."""
STILL_ANSWERED = ("/health", "/metrics")
"""What is still answered while the server stops. Not `/ready`: a load balancer must see at once that it stops."""


def hosts(settings: ServerSettings) -> frozenset[str]:
    """The names, without the port, that a client may call the server by."""
    bound = f"[{settings.host}]" if ":" in settings.host else settings.host
    own = set() if settings.host in ANY_ADDRESS else {bound}
    return frozenset(name.lower() for name in (*LOOPBACK, *own, *settings.allowed_hosts))


@dataclass(frozen=True)
class _Head:
    """The headers of a request that the guard looks at."""

    hosts: list[str]
    origins: list[str]
    authorization: list[str]
    length: list[str]

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "_Head":
        pairs = [(name.lower(), value.decode("latin-1")) for name, value in headers]

        def named(wanted: bytes) -> list[str]:
            return [value for name, value in pairs if name == wanted]

        return cls(named(b"host"), named(b"origin"), named(b"authorization"), named(b"content-length"))


class Guard:
    """An ASGI application around another one: it refuses, bounds and counts requests."""

    def __init__(
        self,
        app: App,
        settings: ServerSettings,
        token: str,
        metrics: Metrics,
        paths: Collection[str],
        without_token: Collection[str],
    ) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self.paths, self.without_token = paths, without_token
        self.draining = False
        """Once true, new requests are refused."""
        self.active = 0
        """Requests that were accepted and are not answered yet."""
        self._hosts, self._token = hosts(settings), token.encode()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the application's own start and end; websockets are not spoken here
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                closes = any(name == b"connection" for name, _ in message["headers"])
                if self.draining and not closes:  # a client that keeps its connection asks elsewhere next time
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            await self._answered(scope, receive, counted, lambda: status != 0)
        finally:
            path = scope["path"] if scope["path"] in self.paths else OTHER
            self.metrics.requests.labels(path, str(status or 499)).inc()
            self.metrics.seconds.labels(path).observe(time.monotonic() - began)

    async def _answered(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, begun: Callable[[], bool]
    ) -> None:
        """Check, read and hand on a request. `begun`: whether an answer is on its way already."""
        accepted = False
        try:
            head = _Head.of(scope["headers"])
            try:
                self._check(scope["path"], head)
            except ApiError as error:
                error.headers["Connection"] = "close"  # the body is not read: the connection ends with the answer
                raise
            accepted = True
            self.active += 1
            async with asyncio.timeout(self.settings.request_s):
                body = await self._body(head, receive)
                await self.app(scope, _replayed(body, receive), send)
        except ApiError as error:
            await _refuse(error, send)
        except TimeoutError:
            if begun():
                return  # uvicorn closes the connection: a client sees that the answer is not whole
            message = f"The answer was not there after {self.settings.request_s:g} s. Send fewer rows at once."
            await _refuse(ApiError(504, message, "server_error", "timeout"), send)
        finally:
            self.active -= accepted

    def _check(self, path: str, head: _Head) -> None:
        """Raises `ApiError` where the request must not be looked at any further."""
        host = head.hosts[0].lower() if len(head.hosts) == 1 else ""
        if path not in PROBES and _name(host) not in self._hosts:
            message = "The Host header names no host of this server. Start it with `--allow-host NAME` to add one."
            raise ApiError(403, message, "permission_error", "host_not_allowed")
        if head.origins and not all(_same(origin, host) for origin in head.origins):
            message = "Pages of another origin may not ask this server."
            raise ApiError(403, message, "permission_error", "origin_not_allowed")
        if path not in self.without_token and not self._knows_token(head.authorization):
            message = "Send the header `Authorization: Bearer TOKEN` with the token that the server printed."
            headers = {"WWW-Authenticate": "Bearer"}
            raise ApiError(401, message, "authentication_error", "invalid_api_key", headers=headers)
        if self.draining and path not in STILL_ANSWERED:
            raise draining()

    def _knows_token(self, authorization: list[str]) -> bool:
        scheme, _, given = (authorization[0] if len(authorization) == 1 else "").partition(" ")
        # As bytes, and in a time that does not depend on how much of it is right.
        known = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        return known and scheme.lower() == "bearer"

    async def _body(self, head: _Head, receive: Receive) -> bytes:
        """The whole body. Raises `ApiError`: 413 as soon as it is too large, 408 where it comes too slowly."""
        most = self.settings.most_body_bytes
        if any(not length.isdigit() or len(length) > 18 or int(length) > most for length in head.length):
            raise _too_large(most)
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.settings.read_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "The body ended early.", code="incomplete_body")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise _too_large(most)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError as error:
            message_408 = f"The body was not there after {self.settings.read_s:g} s. Send it at once."
            raise ApiError(408, message_408, code="slow_request", headers={"Connection": "close"}) from error


def _same(origin: str, host: str) -> bool:
    """Whether a page of this origin is of this very server."""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and rest == host


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _too_large(most: int) -> ApiError:
    # The rest of it is not read: the connection ends with the answer.
    message = f"The body has more than {most:,} bytes. Send fewer rows at once."
    return ApiError(413, message, code="body_too_large", headers={"Connection": "close"})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What was read already, and then whatever comes: that the client leaves."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(error: ApiError, send: Send) -> None:
    content = json.dumps(error.body().model_dump()).encode()
    headers = {**error.headers, "content-type": "application/json", "content-length": str(len(content))}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
