"""The OpenAPI 3.1 document, made from the route records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web import auth
from web.errors import ErrorBody
from web.keys import ALL_ROUTES
from web.policy import Access
from web.routes import Route
from web.version import VERSION

_REF = "#/components/schemas/{model}"
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.NODE: [{"bearer": []}],
    Access.PUBLISH: [{"bearer": []}],
    Access.VIEW: [{"bearer": []}],
    Access.STREAM: [{"bearer": []}],
    Access.METRICS: [{"bearer": []}, {}],
}
_STAFF: list[dict[str, list[str]]] = [{"bearer": []}, {"session": []}]


def document(routes: Iterable[Route], *, version: str, cookie: str) -> dict[str, Any]:
    """`routes`: all of them; pages are left out. `cookie` is the name of the session cookie."""
    described = [route for route in routes if not route.page]
    schemas = _schemas(described)
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        paths.setdefault(route.open_path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tongtang",
            "version": version,
            "description": "A node of the lecture tree: venues, lectures, media sessions, attendance.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas["components"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


def _schemas(routes: list[Route]) -> dict[str, Any]:
    inputs = {model for route in routes for model in (route.body, route.query) if model}
    outputs = {route.answer for route in routes if route.answer} | {ErrorBody}
    ordered: list[tuple[type[BaseModel], Any]] = [
        *((model, "validation") for model in sorted(inputs, key=lambda each: each.__name__)),
        *((model, "serialization") for model in sorted(outputs, key=lambda each: each.__name__)),
    ]
    references, definitions = models_json_schema(ordered, ref_template=_REF)
    return {
        "references": {model: schema for (model, _), schema in references.items()},
        "components": definitions["$defs"],
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary or (route.handler.__doc__ or route.handler.__name__).strip().splitlines()[0],
        "tags": [_tag(route)],
        "security": _SECURITY.get(route.access, _STAFF),
        "x-access": route.access.value,
        "responses": _responses(route, schemas),
    }
    parameters = [_path_parameter(name, digits) for name, digits in route.parameters.items()]
    if route.query:
        parameters += _query_parameters(schemas["components"][_name(schemas["references"][route.query])])
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = {"application/json": {"schema": schemas["references"][route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.takes:
        operation["requestBody"] = {"required": True, "content": {route.takes: {"schema": {"type": "string"}}}}
    return operation


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    status = route.status
    if route.answer:
        good["content"] = {"application/json": {"schema": schemas["references"][route.answer]}}
    elif route.media:
        good["content"] = {route.media: {"schema": {"type": "string"}}}
    elif status == 200:
        status = 204
    error = {
        "description": "Refused: a stable code and a sentence in the caller's language.",
        "content": {"application/json": {"schema": schemas["references"][ErrorBody]}},
    }
    return {str(status): good, "default": error}


def _path_parameter(name: str, digits: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": 1} if digits else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rsplit("/", 1)[-1]


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.open_path)
    return "_".join([route.method.lower(), *words])


def _tag(route: Route) -> str:
    parts = [part for part in route.open_path.split("/") if part]
    return parts[1] if parts[:1] == ["api"] and len(parts) > 1 else parts[0] if parts else "pages"


async def serve_document(request: web.Request) -> web.Response:
    """This document."""
    routes: tuple[Route, ...] = request.app[ALL_ROUTES]
    content = document(routes, version=VERSION, cookie=auth.cookie_name(request))
    return web.json_response(content, headers={"Cache-Control": "no-cache"})


ROUTES = [
    Route("GET", "/api/openapi.json", serve_document, access=Access.PUBLIC, anonymous=True, media="application/json")
]
