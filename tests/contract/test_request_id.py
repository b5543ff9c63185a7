"""Ids of requests: in responses, in the log, and in the message of an error that is in the log alone."""

from __future__ import annotations

import logging

import pytest

from dashboard.log_format import TextFormatter, request_id
from dashboard.web.request_id import RequestIdMiddleware
from tests.web import HOST, App

PATHS = ("/", "/healthz", "/api/v1/files", "/api/v1/slice", "/api/v1/nothing", "/assets/main.mjs")


def test_each_response_has_one(app: App) -> None:
    found = []
    for path in PATHS * 2:
        response = app.get(path)
        response.close()
        found.append(response.headers["X-Request-ID"])
    assert len(set(found)) == len(found)
    assert all(len(one) == 16 for one in found)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("0123456789abcdef0123456789abcdef", True),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", True),
        ("short", False),
        ("x" * 65, False),
        ("with spaces in it", False),
        ("<script>alert</script>", False),
        ("ümläuts-and-more", False),
        ("first-one,second-one", False),
    ],
)
def test_a_trusted_proxy_gives_it(given: str, taken: bool) -> None:
    assert (answered(given, {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "7"}) == given) == taken
    assert (answered(given, {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "0"}) == given) == taken


@pytest.mark.parametrize("port", ["0", "7"])
@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.2", "::1"])
def test_nobody_else_gives_it(app: App, address: str, port: str) -> None:
    over = {"REMOTE_ADDR": address, "REMOTE_PORT": port}
    response = app.client.get(
        "/healthz",
        headers={"X-Request-ID": "chosen-elsewhere"},
        base_url=HOST,
        environ_overrides=over,
    )
    (identifier,) = response.headers.getlist("X-Request-ID")
    assert identifier != "chosen-elsewhere"


def answered(given: str, peer: dict[str, str]) -> str:
    """The id of a response, where the proxies are 192.0.2.1 and those of the socket file."""
    seen: list[tuple[str, str]] = []
    application = RequestIdMiddleware(lambda _, start: start("200 OK", []), {"192.0.2.1", "unix"})
    application(peer | {"HTTP_X_REQUEST_ID": given}, lambda _, headers: seen.extend(headers))
    ((_, identifier),) = seen
    return identifier


def test_the_log_and_the_message_of_a_failure_name_it(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("/secret")

    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines()
    handler.setFormatter(TextFormatter())
    logging.getLogger("dashboard").addHandler(handler)
    monkeypatch.setattr(app.services.health, "readiness", fail)
    try:
        response = app.get("/readyz")
    finally:
        logging.getLogger("dashboard").removeHandler(handler)
    identifier = response.headers["X-Request-ID"]
    assert response.status_code == 500
    assert identifier in response.get_json()["error"]["message"]
    assert "/secret" not in response.get_data(as_text=True)
    assert len(lines) == 1
    assert f"[{identifier}]" in lines[0]
    assert request_id.get() == identifier
