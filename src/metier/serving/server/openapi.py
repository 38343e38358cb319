"""The OpenAPI document and a page of it for people, both made from the operations."""

import html
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel

from metier.serving.server.errors import ErrorBody
from metier.serving.server.operations import Call, Operation, Plain

VERSION = "3.1.0"
ALWAYS = {
    400: "The request is malformed.",
    403: "The Host or Origin header is not allowed.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    500: "The server failed; its log says why.",
    503: "The server loads its models, is about to stop, or has too many connections.",
    504: "The answer took too long.",
}
WITH_TOKEN = {401: "The token is missing or wrong."}
WITH_BODY = {
    404: "There is no such model.",
    415: "The body is not application/json.",
    422: "The body has another form, or cannot be answered.",
    429: "Too many rows are waiting; Retry-After says when to try again.",
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
pre { background: #f4f4f4; padding: .75rem; overflow-x: auto; font-size: 13px }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd } code { font-size: 14px }
"""


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document (OpenAPI 3.1): every path, its schemas and all its errors."""
    from pydantic.json_schema import models_json_schema

    requests: set[type[BaseModel]] = {one.request for one in operations if one.request}
    responses: set[type[BaseModel]] = {
        ErrorBody,
        *(one.response for one in operations if one.response),
        *(kind for one in operations for kind in one.other.values()),
    }
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((kind, "validation") for kind in sorted(requests, key=_name)),
        *((kind, "serialization") for kind in sorted(responses, key=_name)),
    ]
    refs, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, refs)
    return {
        "openapi": VERSION,
        "info": {"title": "metier serve", "version": version("metier"), "description": "Finished runs at work."},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _name(kind: type[BaseModel]) -> str:
    return kind.__name__


def _operation(one: Operation, refs: Any) -> dict[str, Any]:
    errors = ALWAYS | (WITH_TOKEN if one.token else {}) | (WITH_BODY if one.request else {})
    failed = {str(status): _response(why, refs[(ErrorBody, "serialization")]) for status, why in errors.items()}
    content: dict[str, Any] = {
        one.media_type: {"schema": refs[(one.response, "serialization")]} if one.response else {}
    }
    if one.streaming:
        content["text/event-stream"] = {}  # events: OpenAPI 3.1 has no schema for one of them
    described: dict[str, Any] = {
        "summary": one.summary,
        "operationId": f"{one.method.lower()}{one.path.replace('/', '_').replace('.', '_')}",
        "security": [{"token": []}] if one.token else [],
        "responses": {"200": {"description": "The answer.", "content": content}, **failed},
    }
    for status, kind in one.other.items():
        either = {"anyOf": [refs[(kind, "serialization")], refs[(ErrorBody, "serialization")]]}
        described["responses"][str(status)] = _response("Not now.", either)
    if one.request:
        schema = refs[(one.request, "validation")]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _response(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def page(operations: Sequence[Operation]) -> str:
    """The operations with their schemas and a curl command each, in one HTML file that loads nothing."""
    document = openapi(operations)
    parts = [_section(one) for one in operations]
    schemas = "".join(
        f'<h3 id="{html.escape(name)}">{html.escape(name)}</h3><pre>{html.escape(json.dumps(schema, indent=2))}</pre>'
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>metier serve</title>'
        f"<style>{STYLE}</style></head><body><h1>metier serve</h1>"
        "<p>Set <code>METIER_TOKEN</code> to the token that the server printed. "
        '<a href="openapi.json">openapi.json</a> is the same for programs.</p>'
        f"{''.join(parts)}<h2>Schemas</h2>{schemas}</body></html>\n"
    )


def _section(one: Operation) -> str:
    linked = [("Request", one.request), ("Answer", one.response)]
    schemas = [f'{what}: <a href="#{kind.__name__}">{kind.__name__}</a>' for what, kind in linked if kind]
    head = f"<h2><code>{one.method} {html.escape(one.path)}</code></h2>"
    return f"{head}<p>{html.escape(one.summary)} {', '.join(schemas)}</p><pre>{html.escape(_curl(one))}</pre>"


def _curl(one: Operation) -> str:
    words = ["curl", f"http://127.0.0.1:8000{one.path}"]
    if one.token:
        words.append('-H "Authorization: Bearer $METIER_TOKEN"')
    if one.request:
        body = json.dumps(one.example or {}).replace("'", "'\\''")
        words.append(f"-H 'Content-Type: application/json' -d '{body}'")
    return " \\\n  ".join([" ".join(words[:2]), *words[2:]])


def described(operations: Sequence[Operation]) -> list[Operation]:
    """The operations with two more: /openapi.json and /docs, which describe them all."""

    @cache  # both are made at the first request, and the same from then on
    def text() -> str:
        return json.dumps(openapi(everything))

    @cache
    def shown() -> str:
        return page(everything)

    async def document(call: Call) -> Plain:
        return Plain(text())

    async def for_people(call: Call) -> Plain:
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Plain(shown(), "text/html", headers=headers)

    everything = [
        *operations,
        Operation("/openapi.json", "GET", "This description, for programs.", document, token=False),
        Operation("/docs", "GET", "The same for people.", for_people, media_type="text/html", token=False),
    ]
    return everything
