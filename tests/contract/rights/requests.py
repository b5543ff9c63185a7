"""Requests of the tests of rights, and what of a response may not tell hidden from absent."""

from __future__ import annotations

from typing import Any

from tests.contract.rights.conftest import Guarded

HIDDEN, ABSENT = "cobalt/volume.h5", "nowhere/volume.h5"


def report(guarded: Guarded, who: str, file: str) -> Any:
    row = {"file": file, "dataset": "cobalt_values", "selection": "3,:,:", "source": "ring"}
    body = {"viewer": f"tab-{who}", "slices": [{**row, "draw_ms": 2.0}]}
    return guarded.ask(who, "/api/v1/telemetry", "POST", json=body)


def attributes(guarded: Guarded, who: str, file: str) -> str:
    """What is said of a dataset's attributes."""
    query = {"file": file, "path": "/cobalt_values"}
    return guarded.ask(who, "/api/v1/node", query=query).get_data(as_text=True)


def comparable(response: Any, file: str) -> tuple[int, str, list[tuple[str, str]]]:
    headers = [
        (name, value)
        for name, value in response.headers.items()
        if name not in ("Server-Timing", "Content-Length", "X-Request-ID")
    ]
    return response.status_code, response.get_data(as_text=True).replace(file, "FILE"), headers
