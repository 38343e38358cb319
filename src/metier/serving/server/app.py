"""The application: requests are read and checked here, handed to an operation, and answered.

Starlette is imported at the top, since nothing but `metier serve` imports this module.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from metier.errors import shown
from metier.recipes import strict_json
from metier.serving.server.errors import ApiError, crashed, invalid
from metier.serving.server.json_bodies import parse
from metier.serving.server.operations import Call, Operation, Plain, Service, Stream

LOGGER = logging.getLogger("metier")
DONE = "data: [DONE]\n\n"


def build_app(service: Service, operations: Sequence[Operation]) -> Starlette:
    """The routes of all operations. What guards them stands in front (`guard`)."""
    routes = [Route(one.path, _endpoint(service, one), methods=[one.method]) for one in operations]
    handlers: dict[Any, Any] = {HTTPException: _no_route}
    return Starlette(routes=routes, exception_handlers=handlers)


def _endpoint(service: Service, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _read(request, operation)
            call = Call(service, uuid4().hex, body)
            return await _unless_gone(request, _answered(operation, call))
        except ApiError as error:
            return refusal(error)
        except Exception:
            LOGGER.exception("%s %s failed.", operation.method, operation.path)
            return refusal(crashed())

    return endpoint


def refusal(error: ApiError) -> Response:
    """An error as a response."""
    return Response(error.body().model_dump_json(), error.status, error.headers, "application/json")


async def _no_route(request: Request, error: Exception) -> Response:
    """404 and 405, which Starlette answers in plain text."""
    assert isinstance(error, HTTPException)
    message = f"{request.method[:20]} {shown(request.url.path)}: {error.detail}. GET /openapi.json lists what there is."
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    return refusal(ApiError(error.status_code, message, code=code, headers=error.headers))


async def _read(request: Request, operation: Operation) -> Any:
    """The body as the operation's own type. Raises `ApiError`: 400 where it is no JSON, 415 where it says that it is
    something else, 422 where it is another JSON."""
    if operation.request is None:
        return None
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, f"The body is {shown(kind)}. Send application/json.", code="unsupported_media_type")
    value = parse(await request.body())
    try:
        return operation.request.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        raise invalid(f"{place or 'The body'}: {first['msg']}.", place or None, first["type"]) from error


async def _answered(operation: Operation, call: Call) -> Response:
    """What the operation answers, as a response; of a stream, with its first piece."""
    answer = await operation.handler(call)
    if isinstance(answer, Stream):
        return await _streamed(answer)
    if isinstance(answer, Plain):
        content = _json(answer.content) if isinstance(answer.content, BaseModel) else answer.content
        return Response(content, answer.status, answer.headers, answer.media_type)
    return Response(_json(answer), media_type="application/json")


async def _unless_gone(request: Request, work: Awaitable[Response]) -> Response:
    """The response; where the client leaves before it is there, its work is cancelled."""
    answering = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
            raise ApiError(499, "The client closed the connection.", code="client_closed_request")
        return answering.result()
    finally:
        leaving.cancel()
        answering.cancel()


async def _left(request: Request) -> None:
    await request.body()
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(answer: BaseModel) -> str:
    """Raises `ValueError` for NaN and Infinity: a client must not get what is no JSON, nor a gap in its place."""
    return strict_json.dumps(answer.model_dump(mode="python"), ensure_ascii=False)


async def _streamed(answer: Stream) -> Response:
    pieces = answer.pieces
    try:
        first = await anext(pieces)
    except StopAsyncIteration:
        first = None
    events = _events(first, pieces)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def _events(first: BaseModel | None, pieces: AsyncIterator[BaseModel]) -> AsyncIterator[str]:
    """Each piece as an event. An error in the middle is an event of its own, since the status is sent already."""
    try:
        if first is not None:
            yield f"data: {_json(first)}\n\n"
        async for piece in pieces:
            yield f"data: {_json(piece)}\n\n"
        yield DONE
    except ApiError as error:
        yield f"data: {error.body().model_dump_json()}\n\n"
    except Exception:
        LOGGER.exception("A stream failed.")
        yield f"data: {crashed().body().model_dump_json()}\n\n"
    finally:
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()
