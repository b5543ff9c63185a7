"""`dashboard.wsgi:application`, for WSGI servers other than the one that `lamella web` brings along.

The settings come from the environment. Nothing happens at import: the application is made when a server
asks for it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import flask


@functools.cache
def make_application() -> flask.Flask:
    """The Flask application with the environment's settings, one for each process."""
    from dashboard.app import create_app  # noqa: PLC0415
    from dashboard.cli.process import check_startup  # noqa: PLC0415
    from dashboard.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    check_startup(settings)
    server: flask.Flask = create_app(settings).server
    return server


def __getattr__(name: str) -> flask.Flask:
    if name == "application":
        return make_application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
