"""Parameters of requests: each is declared once, read by its declaration, and described from it.

`web/openapi.py` makes the description of the interface of the declarations that `@operation` gives to the
functions of routes; reading a parameter costs what `flask.request.args` costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

import flask
from pydantic import Field

from dashboard.errors import BadRequest

T = TypeVar("T", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the query string; `type` is the one whose JSON Schema describes its values.

    `default` is what is assumed without it, for the description alone; None where there is nothing to say.
    """

    name: str
    text: str
    type: Any = str
    required: bool = False
    default: str | int | None = None
    example: str | int | None = None

    def given(self) -> str | None:
        """What the request in hand has for it, the first of several values; None without one."""
        args = flask.request.args
        # `get` raises and catches an exception for each that is missing.
        return args.get(self.name) if self.name in args else None


@dataclass(frozen=True, kw_only=True)
class Required(Parameter):
    """A parameter that has to be given."""

    required: bool = True

    def value(self) -> str:
        """The text; raises `BadRequest` without one."""
        text = self.given()
        if not text:
            raise BadRequest(f"The parameter {self.name!r} is missing.")
        return text


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter, Generic[T]):
    """A parameter with the values of an enumeration; `first` is its default, unless it is `optional`."""

    first: T
    optional: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", type(self.first))
        if not self.optional:
            object.__setattr__(self, "default", str(self.first))

    def value(self) -> T:
        """The member; raises `BadRequest` for anything else."""
        text = self.given()
        if text is None:
            return self.first
        kind = type(self.first)
        try:
            return kind(text)
        except ValueError:
            allowed = ", ".join(kind)
            raise BadRequest(f"The parameter {self.name!r} is one of {allowed}.") from None


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """A parameter that is 0 (the default) or 1."""

    type: Any = Literal[0, 1]
    default: str | int | None = 0

    def value(self) -> bool:
        """Whether it is 1; raises `BadRequest` for anything but 0 and 1."""
        text = self.given()
        if text is None:
            return False
        if text not in ("0", "1"):
            raise BadRequest(f"The parameter {self.name!r} is 0 or 1.")
        return text == "1"


@dataclass(frozen=True, kw_only=True)
class WholeNumber(Parameter):
    """A parameter that is a whole number from 1 to `largest`."""

    largest: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", Annotated[int, Field(ge=1, le=self.largest)])

    def value(self) -> int | None:
        """The number, None without one; raises `BadRequest` for anything else."""
        text = self.given()
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not 1 <= int(text) <= self.largest:
            raise BadRequest(
                f"The parameter {self.name!r} is a whole number from 1 to {self.largest}."
            )
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Count(Parameter):
    """A parameter that is a whole number from 0 to `largest`, which has at most 18 digits."""

    largest: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", Annotated[int, Field(ge=0, le=self.largest)])

    def value(self) -> int | None:
        """The number, None without one; raises `BadRequest` for anything else."""
        text = self.given()
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or int(text) > self.largest:
            raise BadRequest(
                f"The parameter {self.name!r} is a whole number from 0 to {self.largest}."
            )
        return int(text)
