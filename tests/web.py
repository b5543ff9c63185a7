"""The application in the test's process, behind Flask's test client."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from flask.testing import FlaskClient
from numpy.typing import NDArray
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.runtime.container import Services
from dashboard.settings import Settings
from dashboard.web import modules
from tests.services import add_up

HOST = "http://127.0.0.1"

# How long the end of a server in this process may take (s); of the standard library it would be 0.5.
POLL_S = 0.01

# They are the same for all applications of a run, and take as long as everything else at the start of one.
_module_tags = cache(modules.module_tags)


@dataclass
class App:
    """A running application: its client and what is behind it."""

    client: FlaskClient
    services: Services

    def get(
        self, path: str, /, headers: dict[str, str] | None = None, **query: Any
    ) -> TestResponse:
        """GET `path` with a query."""
        return self.client.get(path, query_string=query, headers=headers, base_url=HOST)

    def slice(
        self,
        file: str,
        dataset: str,
        selection: str,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> TestResponse:
        """GET a slice."""
        asked = {"file": file, "dataset": dataset, "selection": selection, **query}
        response = self.get("/api/v1/slice", headers, **asked)
        response.get_data()
        # As a server does when the last byte is sent: what comes after the answer is done now.
        response.close()
        return response

    def values(self, file: str, dataset: str, selection: str, **query: Any) -> NDArray[Any]:
        """The values of a slice as its headers describe them."""
        response = self.slice(file, dataset, selection, **query)
        assert response.status_code == 200, response.get_data(as_text=True)
        return array(response)

    def stats(self) -> dict[str, Any]:
        """The figures since the ledger began, what was counted just now included."""
        add_up(self.services)
        found: dict[str, Any] = self.get("/api/v1/stats", window="all").get_json()
        return found


def array(response: TestResponse) -> NDArray[Any]:
    """A slice's body by its headers."""
    shape = tuple(int(n) for n in response.headers["X-Slice-Shape"].split(","))
    dtype = np.dtype(response.headers["X-Slice-Dtype"]).newbyteorder("<")
    return np.frombuffer(response.get_data(), dtype).reshape(shape)


def timing(response: TestResponse) -> dict[str, float]:
    """`Server-Timing` as stage → ms."""
    found = {}
    for entry in response.headers["Server-Timing"].split(","):
        name, duration = entry.strip().split(";dur=")
        found[name] = float(duration)
    return found


@contextmanager
def running(folder: Path, *roots: Path | str, **given: Any) -> Iterator[App]:
    """An application over `roots`, its caches below `folder`."""
    settings = Settings(
        data=tuple(map(str, roots)), cache_dir=folder / "cache", free_floor_bytes=0, **given
    )
    with mock.patch.object(modules, "module_tags", _module_tags):
        app = create_app(settings)
    services: Services = app.server.extensions["lamella"]
    try:
        yield App(app.server.test_client(), services)
    finally:
        services.close()


@contextmanager
def listening(application: Any) -> Iterator[str]:
    """A WSGI application at the address that is returned."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def assert_error(response: Any, status: int) -> str:
    """An error by the contract: the status, and one sentence without a path of the server."""
    assert response.status_code == status, response.get_data(as_text=True)
    error = response.get_json()["error"]
    assert set(error) == {"code", "message"}
    message: str = error["message"]
    assert re.fullmatch(r"\S.*[.!…]", message, re.DOTALL), message
    assert "\n" not in message
    assert "/tmp" not in message
    assert "Traceback" not in message
    return message
