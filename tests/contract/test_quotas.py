"""Quotas over HTTP: what is beyond them is 429 for that person alone, and what is cached is still served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial as bind
from pathlib import Path

import flask
import numpy as np
import pytest

from dashboard.bricks import contents, root_quotas
from dashboard.people.person import OPERATOR, Person, Scope, Shared
from dashboard.people.quotas import Quotas
from dashboard.runtime import container
from dashboard.web import person, quotas
from tests import files
from tests.clock import Clock
from tests.web import HOST, App, running

TOKEN = "correct-horse-battery-staple"
VALUES = np.random.default_rng(4).integers(0, 4000, (40, 48, 48)).astype("u2")
CHUNKED = {"chunks": (10, 16, 16), "compression": "gzip"}
BRICK = 10 * 48 * 48 * 2


@contextmanager
def people(folder: Path, configuration: str) -> Iterator[App]:
    """An application whose requests are those of the person in the header `X-Person`."""
    files.write(folder / "data" / "scan.h5", a=(VALUES, CHUNKED))
    path = folder / "lamella.toml"
    path.write_text(f'[roots.data]\npath = "data"\n{configuration}')
    path.chmod(0o600)
    with running(folder, config=path, token=TOKEN) as app:
        server = app.client.application

        @server.before_request
        def named() -> None:
            if "X-Person" in flask.request.headers:
                person.admit(requester(flask.request.headers["X-Person"]))

        # After the sign-in, and before the quotas.
        hooks = server.before_request_funcs[None]
        counting = next(n for n, hook in enumerate(hooks) if hook.__module__ == quotas.__name__)
        hooks.insert(counting, hooks.pop())
        yield app


def requester(name: str) -> Person:
    """Somebody by name; `share:ID of NAME` is a guest of that person's share."""
    guest, of, by = name.partition(" of ")
    sharer = OPERATOR if by == "the operator" else Person(by, scopes=frozenset(Scope))
    shared = Shared("data/scan.h5", sharer) if of else None
    return Person(guest, scopes=frozenset(Scope), shared=shared)


def ask(
    app: App, who: str | None, index: int, path: str = "/api/v1/slice"
) -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {TOKEN}"} | ({"X-Person": who} if who else {})
    query = {"file": "data/scan.h5", "dataset": "a", "selection": f"{index},:,:"}
    response = app.client.get(path, query_string=query, headers=headers, base_url=HOST)
    response.close()
    return response.status_code, response.headers.get("Retry-After")


@pytest.mark.parametrize("more", [{"stop": "20"}, {"format": "csv"}])
def test_rows_count_as_decoded(tmp_path: Path, more: dict[str, str]) -> None:
    with people(tmp_path, "[quotas]\ncold_bytes_per_minute = 1000\n") as app:
        query = {"file": "data/scan.h5", "dataset": "a", "columns": "0:10", **more}
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Person": "ann"}
        for status in (200, 429):
            response = app.client.get(
                "/api/v1/rows", query_string=query, headers=headers, base_url=HOST
            )
            assert response.status_code == status
            response.close()
        assert ask(app, "ann", 0)[0] == 429
        assert ask(app, "bob", 0)[0] == 200


def test_who_has_had_the_decoding_of_a_minute_still_gets_what_is_cached(tmp_path: Path) -> None:
    with people(tmp_path, f"[quotas]\ncold_bytes_per_minute = {BRICK + 1}\n") as app:
        assert ask(app, "ann", 0)[0] == 200
        assert ask(app, "ann", 10)[0] == 200, "the last one may exceed the quota"
        status, wait = ask(app, "ann", 20)
        assert status == 429
        assert 0 < int(wait or 0) <= 60
        assert ask(app, "ann", 3)[0] == 200, "cached"
        assert ask(app, "bob", 20)[0] == 200
        assert ask(app, "ann", 21)[0] == 200, "bob had it decoded"
        for index in (0, 10, 20, 30):
            assert ask(app, None, index)[0] == 200, "the operator has no quota"


def test_requests_are_counted_by_person_and_health_checks_are_not(tmp_path: Path) -> None:
    with people(tmp_path, "[quotas]\nrequests_per_second = 1\n") as app:
        answers = [ask(app, "ann", 0) for _ in range(8)]
        assert [status for status, _ in answers] == [200] * 5 + [429] * 3
        assert all(wait is not None for status, wait in answers if status == 429)
        assert ask(app, "bob", 0)[0] == 200
        assert ask(app, "ann", 0, "/healthz")[0] == 200


def test_guests_use_the_quota_of_who_shared_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "Quotas", bind(Quotas, clock=Clock()))
    quotas_ = f"[quotas]\nrequests_per_second = 1\ncold_bytes_per_minute = {BRICK}\n"
    with people(tmp_path, quotas_) as app:
        assert ask(app, "share:1 of ann", 0)[0] == 200
        for who in ("share:2 of ann", "ann"):
            assert ask(app, who, 10)[0] == 429, "had decoded for the first guest"
            assert ask(app, who, 1)[0] == 200, "cached"
        assert ask(app, "share:3 of ann", 1)[0] == 429, "the sixth request"
        assert ask(app, "bob", 1)[0] == 200
        # The operator has no quota, which is not one without a limit for everybody with a link.
        for who in ("share:4 of the operator", "share:5 of the operator"):
            assert [ask(app, who, 1)[0] for _ in range(6)] == [200] * 5 + [429]


def test_what_is_queued_to_be_warmed_is_charged_for_what_is_missing(tmp_path: Path) -> None:
    def warm(app: App, who: str | None, start: int, stop: int) -> int:
        asked = {"kind": "warm", "file": "data/scan.h5", "dataset": "/a", "axis": "0"}
        body = {**asked, "start": start, "stop": stop}
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({"X-Person": who} if who else {})
        response = app.client.post("/api/v1/jobs", json=body, headers=headers, base_url=HOST)
        if response.status_code == 429:
            assert 0 < int(response.headers["Retry-After"]) <= 60
            assert "decoded a minute" in response.get_json()["error"]["message"]
        return response.status_code

    with people(tmp_path, f"[quotas]\ncold_bytes_per_minute = {BRICK * 2}\n") as app:
        assert ask(app, "bob", 0)[0] == 200
        assert warm(app, "ann", 0, 20) == 202, "one brick of two is missing"
        assert warm(app, "ann", 0, 20) == 202, "the same is charged once"
        assert ask(app, "ann", 20)[0] == 200, "the second brick"
        assert warm(app, "ann", 30, 40) == 429
        assert ask(app, "ann", 30)[0] == 429
        assert len(app.services.jobs.jobs()) == 1
        assert warm(app, "bob", 0, 10) == 202, "all of it is cached, and costs nothing"
        assert warm(app, "bob", 30, 40) == 202
        assert warm(app, "bob", 10, 20) == 429
        assert warm(app, None, 10, 40) == 202, "the operator has no quota"


def test_a_root_keeps_its_most_recent_bricks_within_its_quota(tmp_path: Path) -> None:
    with people(tmp_path, "brick_cache_bytes = 120000\n") as app:
        for index in (0, 10, 20):
            assert ask(app, "ann", index)[0] == 200
        app.services.loader.close()
        store = app.services.bricks
        store.access_log.flush()
        root_quotas.enforce(store, app.services.brick_quotas)
        (left,) = contents.contents(store)
        assert left.bricks == 2
        assert left.bytes <= 120_000
        app.services.ledger.flush()
        app.services.stats.refresh()
        assert app.services.stats.totals().counts["bricks.evictions"] == 1
        root_quotas.enforce(store, {"other": 1})
        assert contents.contents(store) == [left]
