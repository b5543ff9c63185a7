"""Services of two machines that share a real Redis: plans, what is known of files, and figures."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.test import TestResponse

from dashboard.cli import lamella
from dashboard.errors import SetupError
from dashboard.jobs.job import Job, Warm, new_id
from dashboard.people.accounts import Accounts
from dashboard.people.person import Scope
from dashboard.people.store import open_people
from dashboard.people.tokens import Tokens
from dashboard.runtime.caches import open_caches, open_shared
from dashboard.runtime.container import Services
from dashboard.runtime.health import Part
from dashboard.settings import load_settings
from dashboard.storage.redis_store import PAUSE_S
from tests.redis_server import RedisServer
from tests.services import add_up, figures, later, view
from tests.web import HOST, App, assert_error, listening
from tests.web import running as running_app

Make = Callable[..., Services]
NODE_TOKEN = "pR3sD6fG1hJ5cV0b"
PASSWORD = "a long password of ann"
SAME = {"Sec-Fetch-Site": "same-origin"}


class Stoppable:
    """An application that listens, until it is closed."""

    def __init__(self, app: App) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(listening(app.client.application))
        self.close = self._stack.close


def signed_in(app: App) -> tuple[str, str]:
    """The name and value of the cookie of somebody who has just signed in."""
    form = {"name": "ann", "password": PASSWORD}
    response = app.client.application.test_client().post("/sign-in", data=form, base_url=HOST)
    assert response.status_code == 303, response.get_data(as_text=True)
    name, _, session = response.headers["Set-Cookie"].partition(";")[0].partition("=")
    return name, session


def post(app: App, path: str, body: dict[str, str]) -> TestResponse:
    """The answer to the page."""
    return app.client.post(path, json=body, headers=SAME, base_url=HOST)


@pytest.fixture
def node(make: Make, server: RedisServer, tmp_path: Path) -> Callable[[str], Services]:
    """The services of a machine of this name."""
    return lambda name, role="web": make(
        role, cluster=server.url, node=name, cache_dir=tmp_path / name
    )


def test_a_viewer_moves_on_over_two_machines(node: Callable[[str], Services]) -> None:
    a, b = node("a"), node("b")
    view(a, "3,:,:")
    view(b, "4,:,:")
    (plan,) = a.plans.plans()
    assert [position for _, position in plan.trajectory] == [(3,), (4,)]
    assert (a.plans.own_plans(), b.plans.own_plans()) == ([], [plan])
    view(a, "5,:,:")
    (plan,) = b.plans.plans()
    assert (a.plans.own_plans(), b.plans.own_plans()) == ([plan], [])
    assert b.plans.have_rows()


def test_a_file_is_described_once(node: Callable[[str], Services]) -> None:
    a, b = node("a"), node("b")
    a.metadata.volume("data/a.h5", "x")
    assert a.hdf5.started > 0
    assert b.metadata.volume("data/a.h5", "x").shape == (24, 40, 40)
    assert b.hdf5.started == 0


def test_the_figures_of_all_machines_are_one(node: Callable[[str], Services]) -> None:
    a, b = node("a"), node("b")
    for services in (a, b):
        services.ledger.count("bricks.decoded")
        services.ledger.gauge("bricks.bytes", lambda: 7.0)
        services.ledger.gauge("children.started", lambda: 1.0)
        services.ledger.flush()
    for services in (a, b):
        add_up(services)
        assert services.stats.totals().counts["bricks.decoded"] == 2
        assert services.stats.gauges()["bricks.bytes"] == 14.0
        assert services.stats.gauges()["children.started"] == 2.0
        assert len(services.stats.own_processes()) == 1
        assert len(services.stats.processes()) == 2


def test_a_worker_elsewhere_serves_nobody_here(
    node: Callable[..., Services], server: RedisServer
) -> None:
    web, elsewhere = node("a"), node("b", "worker")
    elsewhere.plans.mark_worker_alive()
    assert not web.health.readiness()["worker"]
    assert not web.plans.worker_is_alive()
    node("a", "worker").plans.mark_worker_alive()
    server.client.flushall()
    assert web.health.readiness()["worker"]


def test_a_queued_job_is_done_by_the_machine_that_was_asked(
    node: Callable[[str], Services],
) -> None:
    a, b = node("a"), node("b")
    job = Job(
        id=new_id(),
        file="data/a.h5",
        dataset="/x",
        fingerprint=(1, 2, 3, 4),
        what=Warm(fixed=(0,), start=0, stop=24),
        of=6,
        nbytes=153_600,
        asked_at=time.time(),
    )
    a.jobs.add(job, 10**9)
    assert [len(one.jobs.jobs()) for one in (a, b)] == [1, 1]
    assert [len(one.jobs.own_jobs()) for one in (a, b)] == [1, 0]


def test_nothing_is_lost_while_the_store_is_gone(
    node: Callable[[str], Services], server: RedisServer
) -> None:
    a = node("a")
    view(a, "3,:,:")
    a.ledger.count("bricks.decoded")
    a.ledger.flush()
    server.signal(signal.SIGSTOP)
    try:
        a.ledger.count("bricks.decoded")
        began = time.monotonic()
        a.ledger.flush()
        view(a, "4,:,:")
        later(a)
        assert time.monotonic() - began < PAUSE_S
        assert a.ledger.failing
        assert a.metadata.volume("data/a.h5", "x").shape == (24, 40, 40)
        assert {part.part: part.works for part in a.health.parts()}[Part.SHARED] is False
    finally:
        server.signal(signal.SIGCONT)
    time.sleep(PAUSE_S)
    assert figures(a)["prefetch"]["decoded"] == 0
    assert a.stats.totals().counts["bricks.decoded"] == 2
    assert not a.ledger.failing
    assert a.shared.answers()


def test_planted_facts_are_misses(
    node: Callable[[str], Services], server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    node("a").metadata.volume("data/a.h5", "x")
    for key in server.client.scan_iter("lamella:v1:facts:*"):
        server.client.set(key, b"\x80\x04planted")
    b = node("b")
    assert b.metadata.volume("data/a.h5", "x").shape == (24, 40, 40)
    assert b.hdf5.started > 0
    assert "its checksum does not match" in caplog.text


def test_all_machines_have_one_clock(
    node: Callable[[str], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = time.time
    a = node("a")
    monkeypatch.setattr(time, "time", lambda: wall() - 5.0)
    behind = node("b")
    assert abs(behind.shared.clock() - wall()) < 0.5
    view(behind, "3,:,:")
    monkeypatch.setattr(time, "time", wall)
    assert len(a.plans.plans()) == 1
    assert abs(a.plans.plans()[0].last_request_at - wall()) < 1.0


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.runtime.caches.find_spec", lambda _: None)
    settings = load_settings({"cluster": "redis://127.0.0.1", "cache_dir": tmp_path / "cache"})
    with pytest.raises(SetupError, match=r"lamella\[cluster\]"):
        open_shared(settings, open_caches(settings.cache_dir))


def test_what_no_setting_asks_for_is_not_imported(tmp_path: Path) -> None:
    script = (
        "import sys, dashboard.app, dashboard.cli\n"
        "from dashboard.runtime.caches import open_caches, open_shared\n"
        "from dashboard.settings import load_settings\n"
        "settings = load_settings({'cache_dir': sys.argv[1]})\n"
        "open_shared(settings, open_caches(settings.cache_dir))\n"
        "sys.exit(bool({'redis', 'hiredis', 'distributed', 'authlib', 'joserfc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "cache")], check=False)
    assert done.returncode == 0


def test_who_signs_in_at_one_machine_is_signed_in_at_all(
    server: RedisServer, data: Path, tmp_path: Path
) -> None:
    token = "kT9vQ2mL7xZ4wB8n"
    given = {
        "cluster": server.url,
        "token": token,
        "node_token": NODE_TOKEN,
        "people": tmp_path / "people.sqlite",
    }
    with (
        running_app(tmp_path / "a", data, node="a", **given) as a,
        running_app(tmp_path / "b", data, node="b", port=8051, **given) as b,
    ):
        signed_in = a.client.post("/sign-in", data={"token": token}, base_url=HOST)
        assert signed_in.status_code == 303
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        assert b.get("/api/v1/files").status_code == 401
        name, _, session = cookie.partition("=")
        b.client.set_cookie(name, session, domain="127.0.0.1")
        headers = {"Sec-Fetch-Site": "same-origin"}
        for app in (a, b):
            assert app.get("/api/v1/files", headers).status_code == 200
        server.signal(signal.SIGSTOP)
        try:
            assert b.get("/api/v1/files", headers).status_code == 200
            unknown = b.client.post("/sign-in", data={"token": token}, base_url=HOST)
            assert unknown.status_code == 503
            assert "Nobody can sign in for a moment" in unknown.get_data(as_text=True)
        finally:
            server.signal(signal.SIGCONT)


def test_accounts_are_no_way_into_several_machines(
    server: RedisServer, data: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people.sqlite"
    with closing(open_people(people)) as store:
        Accounts(store).add("ann", "a long password of ann")
    given = {"cluster": server.url, "people": people, "node_token": NODE_TOKEN}
    with (
        pytest.raises(SetupError, match="Accounts are known to one machine alone"),
        running_app(tmp_path / "a", data, **given),
    ):
        pass


def test_people_of_one_machine_sign_in_at_another(
    server: RedisServer, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "people" / "people.sqlite"
    with closing(open_people(file)) as store:
        Accounts(store).add("ann", PASSWORD)
        secret = Tokens(store).add("nightly", [Scope.READ], 9)
    shared = {"cluster": server.url, "node_token": NODE_TOKEN, "sign_in": True}
    given = shared | {"node": "a", "people": file, "people_node": "a=http://127.0.0.1:1"}
    with running_app(tmp_path / "a", data, **given) as a, closing(Stoppable(a)) as other:
        given = shared | {"node": "b", "people_node": f"a={other.url}", "port": 8051}
        given["people"] = tmp_path / "none" / "people.sqlite"
        with running_app(tmp_path / "b", data, **given) as b:
            assert not given["people"].exists()
            session = signed_in(b)
            for app in (a, b):
                app.client.set_cookie(*session, domain="127.0.0.1")
                assert app.get("/api/v1/files", SAME).status_code == 200
                bearer = {"Authorization": f"Bearer {secret}"}
                assert (
                    app.client.get("/api/v1/files", headers=bearer, base_url=HOST).status_code
                    == 200
                )
            made = post(b, "/api/v1/shares", {"view": "file=data/a.h5"})
            assert made.status_code == 201
            guest = a.client.application.test_client().get(made.get_json()["link"], base_url=HOST)
            assert guest.status_code == 303
            bookmark = {"view": "file=data/a.h5", "name": "left edge"}
            assert post(b, "/api/v1/bookmarks", bookmark).status_code == 201
            listed = a.get("/api/v1/bookmarks", SAME).get_json()["bookmarks"]
            assert b.get("/api/v1/bookmarks", SAME).get_json()["bookmarks"] == listed
            assert [one["name"] for one in listed] == ["left edge"]
            other.close()
            # Who is known goes on; changes wait with one sentence.
            assert b.get("/api/v1/files", SAME).status_code == 200
            assert b.get("/api/v1/bookmarks", SAME).get_json()["bookmarks"] == listed
            refused = post(b, "/api/v1/bookmarks", bookmark)
            assert "The machine a, which has the list of people" in assert_error(refused, 503)
            form = {"name": "ann", "password": PASSWORD}
            assert (
                b.client.application.test_client()
                .post("/sign-in", data=form, base_url=HOST)
                .status_code
                == 503
            )
            ready = b.get("/readyz").get_json()
            assert "sign_in" in str(ready["degraded"])


def test_none_but_machines_read_the_people_file(
    server: RedisServer, data: Path, tmp_path: Path
) -> None:
    given = {"cluster": server.url, "node_token": NODE_TOKEN, "token": "kT9vQ2mL7xZ4wB8n"}
    given |= {"people": tmp_path / "p" / "people.sqlite", "people_node": "a=http://a.example"}
    body = {"call": "copied", "arguments": {"known": ""}}
    where = {"base_url": "http://a.example", "json": body}
    with running_app(tmp_path / "a", data, node="a", allowed_hosts="x.example", **given) as a:
        for headers in ({}, {"X-Node-Token": "another-token-of-somebody"}, {"X-Node-Token": ""}):
            assert_error(a.client.post("/api/v1/people", headers=headers, **where), 401)
        operator = {"Authorization": f"Bearer {given['token']}"}
        assert_error(a.client.post("/api/v1/people", headers=operator, **where), 401)
        known = {"X-Node-Token": NODE_TOKEN}
        found = a.client.post("/api/v1/people", headers=known, **where)
        assert set(found.get_json()["answer"][1]) == {"person", "token", "share"}
    given["people_node"] = "b=http://b.example"
    with running_app(tmp_path / "a2", data, node="a", **given) as a:
        known = {"X-Node-Token": NODE_TOKEN}
        # As an address that is none.
        assert_error(a.client.post("/api/v1/people", headers=known, json=body, base_url=HOST), 401)


def test_sessions_at_several_machines_end_by_command(
    server: RedisServer, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people" / "people.sqlite"
    with closing(open_people(file)) as store:
        Accounts(store).add("ann", PASSWORD)
    given = {"cluster": server.url, "node_token": NODE_TOKEN, "people_node": "a=http://127.0.0.1:1"}
    with running_app(tmp_path / "a", data, node="a", people=file, **given) as a:
        signed_in(a)
        for name, value in {**given, "people": file, "node": "a"}.items():
            monkeypatch.setenv(f"LAMELLA_{name.upper()}", str(value))
        done = CliRunner().invoke(lamella, ["user", "sign-out", "ann"])
        assert done.output == "Ended 1 session of ann.\n", done.exception
        assert a.services.access is not None
        assert a.services.access.sessions.listed() == []
        monkeypatch.setenv("LAMELLA_NODE", "b")
        elsewhere = CliRunner().invoke(lamella, ["user", "sign-out", "ann"])
        assert "on the machine a; give the command there" in str(elsewhere.exception)
