"""Requests that a test keeps from the server for a while."""

from __future__ import annotations

import re
from typing import Any


class Withheld:
    """Requests for the last slice, 39, from now on; the page may fetch it ahead before its key is pressed."""

    def __init__(self, viewer: Any) -> None:
        self._routes: list[Any] | None = []
        viewer.page.route(re.compile(r"/slice\?.*selection=39,"), self._take)

    def _take(self, route: Any) -> None:
        if self._routes is None:
            route.continue_()
        else:
            self._routes.append(route)

    def end(self) -> list[Any]:
        """Those withheld so far, which the caller answers; later ones are let through."""
        routes, self._routes = self._routes, None
        assert routes
        return routes
