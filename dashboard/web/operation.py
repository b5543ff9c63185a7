"""What a route takes and returns, declared beside its function for `web/openapi.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from dashboard.errors import LamellaError
from dashboard.web.parameters import Parameter

View = TypeVar("View", bound=Callable[..., Any])

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a response, or of a request; `type` is the one whose JSON Schema describes it."""

    name: str
    text: str
    type: Any = str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Returns:
    """A response that is no error: its content is a media type with a type, None for bytes that have none."""

    content: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    headers: tuple[Header, ...] = ()
    status: int = 200


def returns(
    kind: Any, text: str = "", *, status: int = 200, headers: tuple[Header, ...] = ()
) -> Returns:
    """A response with JSON of the type `kind`."""
    return Returns({JSON: kind}, text, headers, status)


@dataclass(frozen=True, slots=True)
class Operation:
    """What `operation` says of a route."""

    responses: tuple[Returns, ...]
    parameters: tuple[Parameter, ...] = ()
    request_headers: tuple[Header, ...] = ()
    body: type[BaseModel] | None = None
    errors: tuple[type[LamellaError], ...] = ()
    is_open: bool = False


def operation(
    *responses: Returns,
    parameters: tuple[Parameter, ...] = (),
    request_headers: tuple[Header, ...] = (),
    body: type[BaseModel] | None = None,
    errors: tuple[type[LamellaError], ...] = (),
    is_open: bool = False,
) -> Callable[[View], View]:
    """Describe the function of a route, beside its docstring, whose first line is the summary.

    `errors` are those beyond the ones that any request may get (`openapi.ALL`). `is_open`: nobody needs to sign
    in.
    """

    def describe(view: View) -> View:
        view.operation = Operation(  # type: ignore[attr-defined]
            responses, parameters, request_headers, body, errors, is_open
        )
        return view

    return describe


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What is said of the function of a route."""
    found: Operation | None = getattr(view, "operation", None)
    return found
