"""`functools.cached_property` without its lock, which Python 3.12 removed.

Before, one lock for all instances is held while a value is computed, and request threads waited for each other.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")

if TYPE_CHECKING or sys.version_info >= (3, 12):
    cached_property = functools.cached_property
else:

    class cached_property(Generic[T]):  # noqa: N801  # the name that it stands for
        """A property that is computed at its first use; two threads may both compute it."""

        def __init__(self, function: Callable[[Any], T]) -> None:
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            # Once it is in there, it is found before this is called.
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self._function(instance)
            return value
