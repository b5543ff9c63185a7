"""The description of the interface (OpenAPI): all of it is there, and what is there is so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from dashboard.web import openapi
from dashboard.web.openapi import routes
from dashboard.web.operation import operation, operation_of, returns
from dashboard.web.parameters import Parameter
from tests.web import HOST, App, running

FILE = {"file": "data/volume.h5", "dataset": "volume"}
# A request to each route with all of its parameters.
SPAN = {"from": "-60", "to": "0"}
PROJECTED = {"project": "mean:3", "axis": "0"}
GET: dict[str, dict[str, str]] = {
    "/api/v1/datasets": FILE,
    "/api/v1/slice": FILE
    | {"selection": "3,:,:", "format": "u8", "window": "slice", "viewer": "ann", "ahead": "0"}
    | PROJECTED,
    "/api/v1/value": FILE | {"index": "1,2,3"},
    "/api/v1/node": {"file": "data/volume.h5", "path": "/volume"},
    "/api/v1/rows": FILE | {"start": "0", "stop": "2", "columns": "0:2"},
    "/api/v1/cost": FILE | {"selection": "3,:,:"},
    "/api/v1/export": FILE | {"selection": "3,:,:", "format": "npy"},
    "/api/v1/histogram": FILE
    | {"selection": "3,:,:", "bins": "9", "range": "0,99", "points": "1,1,9,9"}
    | PROJECTED,
    "/api/v1/profile": FILE
    | {"selection": "3,:,:", "from": "1,1", "to": "9,9", "width": "2"}
    | PROJECTED,
    "/api/v1/region": FILE
    | {"selection": "3,:,:", "points": "1,1,9,9", "shape": "ellipse"}
    | PROJECTED,
    "/api/v1/column": FILE | {"axis": "0", "at": "3,1,1"},
    "/api/v1/residency": FILE | {"selection": "3,:,:", "axis": "0"},
    "/api/v1/stats": SPAN | {"by": "axis"},
    "/api/v1/stats/series": SPAN | {"by": "axis"},
    "/api/v1/slow": SPAN,
}


@pytest.fixture(scope="module")
def described(app: App) -> dict[str, Any]:
    response = app.get("/api/v1/openapi.json")
    assert response.content_type == "application/json"
    found: dict[str, Any] = response.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            yield path, method, one


def test_every_route_is_described(app: App, described: dict[str, Any]) -> None:
    server = app.client.application
    missing = [route.path for route in routes(server) if route.operation is None]
    assert not missing, "say what they are with @operation (dashboard/web/operation.py)"
    assert {(path, method) for path, method, _ in operations(described)} == {
        (route.path, route.method) for route in routes(server)
    }
    for path in ("/api/v1/slice", "/api/v1/openapi.json", "/metrics", "/healthz", "/readyz"):
        assert "get" in described["paths"][path]


def test_a_route_that_is_not_described_is_found() -> None:
    server = flask.Flask(__name__)
    server.add_url_rule("/api/v1/new", "new", lambda: "")
    server.add_url_rule("/api/v1/old/<path:name>", "old", operation(returns(str))(lambda name: ""))
    server.add_url_rule("/page", "page", lambda: "")
    found = {route.path: route.operation is not None for route in routes(server)}
    assert found == {"/api/v1/new": False, "/api/v1/old/{name}": True}


def test_all_texts_are_there(described: dict[str, Any]) -> None:
    for path, method, one in operations(described):
        assert one["summary"].endswith("."), (path, method)
        for parameter in one.get("parameters", []):
            assert parameter["description"].endswith("."), (path, parameter["name"])
            assert parameter["schema"], (path, parameter["name"])
        for status, response in one["responses"].items():
            assert response["description"], (path, status)
    identifiers = [one["operationId"] for _, _, one in operations(described)]
    assert len(set(identifiers)) == len(identifiers)


def test_every_route_says_how_it_fails(described: dict[str, Any]) -> None:
    for path, method, one in operations(described):
        assert {"400", "403", "413", "500", "503"} <= set(one["responses"]), (path, method)
        for status, response in one["responses"].items():
            if status >= "400" and path != "/readyz":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}, (path, status)
        assert "Retry-After" in one["responses"]["503"]["headers"]
    slice_ = described["paths"]["/api/v1/slice"]["get"]["responses"]
    assert {"200", "304", "401", "404", "409", "421", "422", "429"} <= set(slice_)
    assert "WWW-Authenticate" in slice_["401"]["headers"]


def test_parameters_have_types_and_defaults(described: dict[str, Any]) -> None:
    found = {p["name"]: p for p in described["paths"]["/api/v1/slice"]["get"]["parameters"]}
    schemas = described["components"]["schemas"]
    assert found["file"]["required"]
    assert not found["norm"]["required"]
    norm = found["norm"]["schema"]
    assert norm["default"] == "linear"
    named = schemas[norm["$ref"].rpartition("/")[2]] if "$ref" in norm else norm
    assert named["enum"] == ["linear", "log", "symlog", "sqrt", "asinh"]
    assert found["ahead"]["schema"] == {"enum": [0, 1], "type": "integer", "default": 0}
    assert found["If-None-Match"]["in"] == "header"
    most = {p["name"]: p for p in described["paths"]["/api/v1/slow"]["get"]["parameters"]}["n"]
    assert (most["schema"]["minimum"], most["schema"]["maximum"]) == (1, 200)


def test_what_is_read_is_declared_and_what_is_declared_is_read(
    app: App, described: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: dict[str, set[str]] = defaultdict(set)
    given = Parameter.given

    def recorded(self: Parameter) -> str | None:
        read[flask.request.path].add(self.name)
        return given(self)

    body = {"kind": "export", "selection": "3:5,:,:", **FILE}
    job = app.client.post("/api/v1/jobs", json=body, base_url=HOST).get_json()["id"]
    runner = app.services.runner()
    while runner.step():
        pass
    monkeypatch.setattr(Parameter, "given", recorded)
    for path, method, one in operations(described):
        if method != "get":
            continue
        response = app.get(path.replace("{id}", job), **GET.get(path, {}))
        assert response.status_code == 200 or path == "/readyz", (path, response.text)
        declared = {p["name"] for p in one.get("parameters", []) if p["in"] == "query"}
        assert set(GET.get(path, {})) <= declared
        # Either a window or a time span is given, and who sees everything need not say which viewer is one's own.
        unread = {"window", "viewer"} if path.startswith("/api/v1/stats") else {"viewer"}
        # Nor is what a load balancer reads.
        assert read[path] <= declared <= read[path] | unread | {"slab"}, path


def test_parameters_are_read_by_their_declarations_alone() -> None:
    folder = Path(openapi.__file__).parent
    for path in (folder / "routes").glob("*.py"):
        assert "request.args" not in path.read_text(), path.name


def test_headers_of_responses_are_declared(app: App, described: dict[str, Any]) -> None:
    ours = (
        "x-slice",
        "x-volume",
        "x-request",
        "etag",
        "cache-status",
        "server-timing",
        "content-disp",
    )
    for path, query in GET.items():
        response = app.get(path, **query)
        declared = described["paths"][path]["get"]["responses"]["200"].get("headers", {})
        sent = {name for name in dict(response.headers) if name.lower().startswith(ours)}
        assert sent <= set(declared), path
        required = {name for name, one in declared.items() if one["required"]}
        assert required <= sent, path
    tag = app.get("/api/v1/slice", **GET["/api/v1/slice"]).headers["ETag"]
    same = app.get("/api/v1/slice", {"If-None-Match": tag}, **GET["/api/v1/slice"])
    assert same.status_code == 304
    declared = described["paths"]["/api/v1/slice"]["get"]["responses"]["304"]["headers"]
    assert {"ETag", "Cache-Status", "X-Volume-Version"} <= set(declared)


def test_sign_in_and_prefix_are_described(tmp_path: Path, data: Path) -> None:
    token = "a-token-of-some-length"
    with running(tmp_path, data, token=token, url_prefix="/lamella") as closed:
        headers = {"Authorization": f"Bearer {token}"}
        found = closed.client.get("/lamella/api/v1/openapi.json", headers=headers, base_url=HOST)
        document = found.get_json()
    assert document["servers"] == [{"url": "/lamella"}]
    assert "/api/v1/slice" in document["paths"]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/api/v1/slice"]["get"]["security"] == [{"token": ["read"]}]
    assert document["paths"]["/api/v1/jobs"]["post"]["security"] == [{"token": ["warm"]}]
    assert document["paths"]["/api/v1/openapi.json"]["get"]["security"] == [{"token": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []


def test_an_open_server_asks_for_nothing(described: dict[str, Any]) -> None:
    assert "security" not in described["paths"]["/api/v1/slice"]["get"]
    assert described["servers"] == [{"url": "/"}]


def test_the_declaration_changes_nothing() -> None:
    def view() -> str:
        return "x"

    assert operation(returns(str))(view) is view
    assert operation_of(view) is not None


def test_a_route_for_another_method_says_which(app: App) -> None:
    response = app.get("/api/v1/prefetch")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    for path, methods in (
        ("/api/v1/prefetch", {"OPTIONS", "POST"}),
        ("/api/v1/jobs", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/api/v1/files", {"GET", "HEAD", "OPTIONS"}),
    ):
        response = app.client.options(path, base_url=HOST)
        assert set(response.headers["Allow"].split(", ")) == methods
    assert app.get("/api/v1/nothing").status_code == 404
    assert app.client.post("/api/v1/files", base_url=HOST).status_code == 405


@pytest.mark.parametrize("part", ["parameter", "header", "body", "field"])
def test_the_reference_has_all_of_it(described: dict[str, Any], part: str) -> None:
    text = (Path(openapi.__file__).parents[2] / "docs" / "reference" / "http.md").read_text()
    named: set[str] = set()
    schemas = described["components"]["schemas"]
    for _, _, one in operations(described):
        if part == "parameter":
            named |= {p["name"] for p in one.get("parameters", [])}
        for status, response in one["responses"].items():
            if part == "header":
                named |= set(response.get("headers", {}))
            if part == "field" and status == "200" and "application/json" in response["content"]:
                schema = response["content"]["application/json"]["schema"]
                fields = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
                named |= set(fields.get("properties", {}))
        if part == "body" and "requestBody" in one:
            schema = one["requestBody"]["content"]["application/json"]["schema"]
            found = schemas[schema["$ref"].rpartition("/")[2]]
            for kind in found.get("oneOf", [schema]):
                named |= set(schemas[kind["$ref"].rpartition("/")[2]]["properties"])
    assert named
    missing = {name for name in named if not re.search(rf"[`\"]{re.escape(name)}\b", text)}
    assert not missing
