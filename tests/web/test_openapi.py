from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.web.nodes import client, make_node, serving
from web.app import build, declared_routes
from web.openapi import document
from web.policy import Access

DOCUMENT: dict[str, Any] = document(declared_routes(), version="1", cookie="tongtang")


def test_the_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


async def test_every_route_of_the_application_that_is_no_page_is_in_it(tmp_path: Path) -> None:
    """Read from aiohttp's own router, so that a route cannot be added past the records."""
    pages = {(route.method, route.path) for route in declared_routes() if route.page}
    paths = {route.path: route.open_path for route in declared_routes()}
    served = set()
    for route in build(make_node(tmp_path)).router.routes():
        info = route.resource.get_info() if route.resource else {}
        formatted = info.get("formatter") or info["path"]
        served.add((route.method, formatted))
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == served - {(method, paths[path]) for method, path in pages}


def test_operations_are_named_and_say_who_may_call_them() -> None:
    operations = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"].strip()
        public = operation["x-access"] == Access.PUBLIC.value
        assert (operation["security"] == []) is public


def test_errors_and_times_are_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["ErrorDetail"]["properties"]) == {"code", "message"}
    create = DOCUMENT["paths"]["/api/lectures"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/LectureIn"}
    assert "201" in create["responses"]
    venue = DOCUMENT["paths"]["/api/venues/{venue}"]["get"]["parameters"][0]
    assert (venue["in"], venue["schema"]["type"]) == ("path", "integer")
    lecture = DOCUMENT["paths"]["/whip/{lecture}"]["post"]
    assert lecture["parameters"][0]["schema"]["type"] == "string"
    assert "application/sdp" in lecture["requestBody"]["content"]


async def test_it_is_served_to_anybody(tmp_path: Path) -> None:
    async with serving(make_node(tmp_path)) as server, client(server.url) as caller:
        answer = await caller("GET", "/api/openapi.json")
        assert answer.status == 200
        assert json.loads(json.dumps(answer.body))["paths"].keys() == DOCUMENT["paths"].keys()
