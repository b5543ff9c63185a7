"""The description of the HTTP interface (OpenAPI 3.1), made of its routes, their declarations and their types.

    rule of the URL map ─ path, method        docstring of its function ─ summary
    `@operation` ─ parameters, body, responses, errors, headers ─▶ JSON Schema of their types, by pydantic

Nothing of it takes part in a request for anything else.
"""

from __future__ import annotations

import http
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

import flask
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from werkzeug.routing import Rule

from dashboard import __version__, errors
from dashboard.people.person import Scope
from dashboard.settings import Settings
from dashboard.web.answers import Error
from dashboard.web.headers import REQUEST_ID
from dashboard.web.operation import JSON, Header, Operation, Returns, operation_of
from dashboard.web.parameters import Parameter
from dashboard.web.scopes import needed as scopes_of

VERSION: Final = "3.1.0"
# What any request may be answered with; to open routes without those about who asks.
ALL: Final[tuple[type[errors.LamellaError], ...]] = (
    *(errors.BadRequest, errors.Unauthorized, errors.Forbidden, errors.TooLarge, errors.WrongHost),
    *(errors.TooManyRequests, errors.LamellaError, errors.Busy),
)
OPEN: Final[frozenset[type[errors.LamellaError]]] = frozenset(
    {errors.Unauthorized, errors.WrongHost, errors.TooManyRequests}
)

DESCRIPTION: Final = (
    "Slices, values and statistics of HDF5 volumes. Errors have one form: a code, and a sentence that says what"
    " is wrong and what to do. Requests that are no valid HTTP, or too long, get it with 400, 408, 413, 414, 417,"
    " 431, 501 or 505 before they reach a route; a method that an address does not have gets 405. HEAD is as GET,"
    " without the content."
)
_INTERFACE = re.compile(r"/(api/|(metrics|healthz|readyz|status)$)")
_NOT_OURS = frozenset({"HEAD", "OPTIONS"})
# The route that refuses every other address below `/api/`.
_REST = "api.nothing"

RETRY_AFTER = Header("Retry-After", "Seconds after which the request may be sent again.", int)
CHALLENGE = Header("WWW-Authenticate", "How to sign in.", required=True)


class Route(NamedTuple):
    """A route of the interface: path without the prefix, method, function, and what is said of it."""

    path: str
    method: str
    rule: Rule
    view: Callable[..., Any]
    operation: Operation | None


def routes(server: flask.Flask, prefix: str = "") -> Iterator[Route]:
    """All routes of the interface; those without an `operation` are missing in its description."""
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]*:)?([^<>]*)>", r"{\1}", rule.rule.removeprefix(prefix))
        if not _INTERFACE.match(path) or rule.endpoint == _REST:
            continue
        view = server.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - _NOT_OURS):
            yield Route(path, method.lower(), rule, view, operation_of(view))


def document(server: flask.Flask, settings: Settings) -> dict[str, Any]:
    """The description of the interface of `server`."""
    described = [
        (route, route.operation)
        for route in routes(server, settings.url_prefix)
        if route.operation is not None
    ]
    schemas = _Schemas(kind for _, one in described for kind in _types_of(one))
    paths: dict[str, dict[str, Any]] = {}
    for route, one in described:
        paths.setdefault(route.path, {})[route.method] = _operation(route, one, schemas, settings)
    made: dict[str, Any] = {
        "openapi": VERSION,
        "info": {
            "title": "Lamella",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": settings.url_prefix or "/"}],
        "paths": paths,
        "components": {"schemas": schemas.named},
    }
    if settings.asks_sign_in:
        made["components"]["securitySchemes"] = {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token with one of the scopes; a browser that is signed in has a cookie.",
            }
        }
    return made


def _operation(
    route: Route, one: Operation, schemas: _Schemas, settings: Settings
) -> dict[str, Any]:
    text = inspect.getdoc(route.view) or ""
    made: dict[str, Any] = {
        "operationId": route.rule.endpoint.rpartition(".")[2].strip("_"),
        "tags": [route.view.__module__.rpartition(".")[2]],
        "summary": text.partition("\n")[0],
    }
    if settings.asks_sign_in:
        # One of several scopes is enough.
        scopes = scopes_of(route.rule.endpoint, settings.url_prefix)
        needed = [] if scopes == frozenset(Scope) else sorted(scopes)
        made["security"] = (
            [] if one.is_open else [{"token": [s]} for s in needed] or [{"token": []}]
        )
    parameters = [
        *(
            _parameter(p, "path" if p.name in route.rule.arguments else "query", schemas)
            for p in one.parameters
        ),
        *({"name": h.name, "in": "header", **_header(h, schemas)} for h in one.request_headers),
    ]
    if parameters:
        made["parameters"] = parameters
    if one.body is not None:
        content = {JSON: {"schema": schemas.of(one.body, "validation")}}
        made["requestBody"] = {"required": True, "content": content}
    made["responses"] = _responses(one, schemas)
    return made


def _parameter(
    parameter: Parameter, where: Literal["path", "query"], schemas: _Schemas
) -> dict[str, Any]:
    schema = schemas.of(parameter.type, "validation")
    if parameter.default is not None:
        schema = {**schema, "default": parameter.default}
    made: dict[str, Any] = {
        "name": parameter.name,
        "in": where,
        "description": parameter.text,
        "required": parameter.required or where == "path",
        "schema": schema,
    }
    if parameter.example is not None:
        made["example"] = parameter.example
    return made


def _header(header: Header, schemas: _Schemas) -> dict[str, Any]:
    return {
        "description": header.text,
        "required": header.required,
        "schema": schemas.of(header.type, "serialization"),
    }


def _responses(one: Operation, schemas: _Schemas) -> dict[str, Any]:
    """All responses of a route by status; two of one status have both contents."""
    made: dict[str, Any] = {}
    for found in one.responses:
        made[str(found.status)] = _response(found, schemas)
    kinds = [kind for kind in ALL if not (one.is_open and kind in OPEN)]
    for kind in dict.fromkeys((*kinds, *one.errors)):
        response = _response(_returns_of(kind), schemas)
        before = made.setdefault(str(kind.status), response)
        if before is not response:
            content = before["content"].setdefault(JSON, {"schema": {"anyOf": []}})
            content["schema"] = {"anyOf": [content["schema"], schemas.of(Error, "serialization")]}
            before["headers"] = {**before.get("headers", {}), **response.get("headers", {})}
    return dict(sorted(made.items()))


def _returns_of(kind: type[errors.LamellaError]) -> Returns:
    """The response to an error."""
    headers: tuple[Header, ...] = (CHALLENGE,) if kind is errors.Unauthorized else ()
    if kind.retry_after_s is not None:
        headers += (RETRY_AFTER,)
    text = "The server failed." if kind is errors.LamellaError else inspect.getdoc(kind) or ""
    return Returns({JSON: Error}, text.partition("\n")[0], headers, kind.status)


def _response(found: Returns, schemas: _Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {"description": found.text or http.HTTPStatus(found.status).phrase}
    headers = (*found.headers, REQUEST_ID)
    made["headers"] = {header.name: _header(header, schemas) for header in headers}
    if found.content:
        made["content"] = {
            media: {} if kind is None else {"schema": schemas.of(kind, "serialization")}
            for media, kind in found.content.items()
        }
    return made


def _types_of(one: Operation) -> Iterator[tuple[Any, JsonSchemaMode]]:
    yield from ((parameter.type, "validation") for parameter in one.parameters)
    if one.body is not None:
        yield one.body, "validation"
    kinds = (*one.responses, *map(_returns_of, (*ALL, *one.errors)))
    for found in kinds:
        yield from ((kind, "serialization") for kind in found.content.values() if kind is not None)
        yield from ((header.type, "serialization") for header in found.headers)
    yield from ((header.type, "serialization") for header in (*one.request_headers, REQUEST_ID))


class _Generator(GenerateJsonSchema):
    """JSON Schema without titles that repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _Schemas:
    """The JSON Schemas of types; those with a name are in `named`, and referred to."""

    def __init__(self, kinds: Iterable[tuple[Any, JsonSchemaMode]]) -> None:
        # Annotated types have no hash, and the declarations keep them alive.
        found = {(id(kind), mode): kind for kind, mode in kinds}
        inputs = [(key, mode, TypeAdapter(kind)) for (key, mode), kind in found.items()]
        self._schemas, rest = TypeAdapter.json_schemas(
            inputs,
            ref_template="#/components/schemas/{model}",
            schema_generator=_Generator,
        )
        self.named: dict[str, Any] = rest.get("$defs", {})

    def of(self, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """The schema of a type, or a reference to it."""
        return dict(self._schemas[id(kind), mode])
