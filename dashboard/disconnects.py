"""Whether the client of the request that this thread works on has left, so that long work is given up.

The edge says how that is found out, `with client(has_left):`, and code that works for long calls `has_left()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from dashboard.errors import Busy

# Who waits for others looks this often (s) whether its client has left.
POLL_S: Final = 0.5


class ClientLeft(Busy):
    """The client of this work has left; others that want the same are not affected."""

    def __init__(self) -> None:
        super().__init__("The client that asked for this has left.")


_has_left: ContextVar[Callable[[], bool] | None] = ContextVar("lamella_has_left", default=None)


@contextmanager
def client(has_left: Callable[[], bool] | None) -> Iterator[None]:
    """Work for a client; `has_left` tells whether it has left, None where that is not known."""
    token = _has_left.set(has_left)
    try:
        yield
    finally:
        _has_left.reset(token)


def has_left() -> bool:
    """Whether the client has left; False outside of requests."""
    found = _has_left.get()
    return found is not None and found()


def check_client() -> None:
    """Raise `ClientLeft` when the client has left."""
    if has_left():
        raise ClientLeft
