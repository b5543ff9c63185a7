"""A machine joins others over a real Redis, or is refused with one sentence, and leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dashboard.cli import lamella
from dashboard.cluster.nodes import FileState, NodeCard, Nodes
from dashboard.errors import SetupError
from dashboard.runtime import membership as module
from dashboard.runtime.membership import Membership, card_of, fingerprints_of, join, open_nodes
from dashboard.settings import Settings
from dashboard.storage.rows import RowsUnavailable
from tests.conftest import unused_port
from tests.redis_server import RedisServer
from tests.waits import WITHIN_S

Card = Callable[..., NodeCard]
FOLDER = Path(__file__).parent


@pytest.fixture
def nodes(server: RedisServer, make_settings: Callable[..., Settings]) -> Nodes:
    return open_nodes(make_settings(cluster=server.url))


@pytest.fixture
def card(server: RedisServer, data: Path, make_settings: Callable[..., Settings]) -> Card:
    def make(name: str, **given: Any) -> NodeCard:
        known = {"cluster": server.url, "node": name, "data": (str(data),)}
        return card_of(make_settings(**(known | given)), f"start of {name}", time.time())

    return make


def unchanged(_: Iterable[str]) -> dict[str, FileState]:
    return {}


def test_machines_that_agree_are_together(nodes: Nodes, card: Card) -> None:
    join(nodes, card("a", token="correct-horse-battery"))
    join(nodes, card("b", token="correct-horse-battery", port=81, web_threads=3))
    assert [one.name for one in nodes.cards()] == ["a", "b"]
    assert list(nodes.cards()[0].files) == ["data/a.h5"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"max_brick_bytes": 2**26}, "LAMELLA_MAX_BRICK_BYTES is 67108864 on b and 268435456 on a"),
        ({"token": "another-secret-here"}, "LAMELLA_TOKEN is not the same secret on b and on a"),
        ({"public": True}, "LAMELLA_PUBLIC is True on b and False on a"),
        (
            {"people": FOLDER / "people.sqlite"},
            "The need to sign in is True on b and False on a",
        ),
        (
            {"roots": (f"data2={FOLDER}:lab",)},
            "b serves the roots data, data2 and a serves the root data",
        ),
    ],
)
def test_a_machine_that_differs_does_not_join(
    nodes: Nodes, card: Card, given: dict[str, Any], sentence: str
) -> None:
    # Both ask for sign-in where one has another token.
    token = {"token": "correct-horse-battery"} if "token" in given else {}
    join(nodes, card("a", **token))
    with pytest.raises(SetupError) as caught:
        join(nodes, card("b", **given))
    assert caught.value.message == f"b cannot join a: {sentence}."
    assert [one.name for one in nodes.cards()] == ["a"]


def test_a_machine_of_another_version_does_not_join(
    nodes: Nodes, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(nodes, card("a"))
    here = module.__version__
    monkeypatch.setattr(module, "__version__", "9.9")
    with pytest.raises(SetupError, match=f"b has version 9.9 and a has {here}"):
        join(nodes, card("b"))


def test_other_files_under_one_name_are_refused(
    nodes: Nodes, card: Card, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody renews the card of a, which would be gone before it is given up.
    monkeypatch.setattr(module, "CARD_S", 0.1)
    monkeypatch.setattr(module, "SAMPLE_EVERY_S", 0.1)
    join(nodes, card("a"))
    file = data / "a.h5"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content + b"more")
    with pytest.raises(SetupError, match=r"data/a\.h5 is not the same file on b and on a"):
        join(nodes, card("b"))


def test_a_machine_that_starts_waits_for_a_busy_store(
    nodes: Nodes, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, cards = iter((True, True, False)), nodes.cards

    def sometimes() -> list[NodeCard]:
        if next(busy):
            raise RowsUnavailable
        return cards()

    monkeypatch.setattr(nodes, "cards", sometimes)
    join(nodes, card("a"))
    assert [one.name for one in cards()] == ["a"]


def test_who_joins_after_files_were_replaced_has_the_ones_of_the_others(
    nodes: Nodes,
    card: Card,
    data: Path,
    server: RedisServer,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SAMPLE_EVERY_S", 0.05)
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    first = card("a")
    join(nodes, first)
    settings = make_settings(cluster=server.url, node="a", data=(str(data),))
    member = Membership(nodes, first, lambda: None, fingerprints_of(settings))
    member.start()
    try:
        replacement = data / "replacement"
        replacement.write_bytes((data / "a.h5").read_bytes() + b"more")
        replacement.replace(data / "a.h5")
        # At once, while the card of the other one still has what was there before.
        join(nodes, card("b"))
        assert [one.name for one in nodes.cards()] == ["a", "b"]
    finally:
        member.close()


def test_two_machines_have_two_names_and_a_restart_takes_over(
    nodes: Nodes, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(nodes, card("a"))
    began = time.monotonic()
    join(nodes, card("a"))  # What was there is not renewed any more.
    assert time.monotonic() - began < 5.0
    member = Membership(nodes, card("a"), lambda: None, unchanged)
    member.start()
    with pytest.raises(SetupError, match=r"Another machine is called a.*--node"):
        join(nodes, card("a"))
    member.close()
    assert nodes.cards() == []


def test_secrets_are_not_in_the_store(nodes: Nodes, card: Card, server: RedisServer) -> None:
    join(nodes, card("a", token="visible-secret-h3r3"))
    stored = server.client.get("lamella:v1:nodes:node:a") or b""
    assert b"LAMELLA_TOKEN" in stored
    assert b"visible-secret-h3r3" not in stored
    assert b"127.0.0.1" not in stored


def test_a_machine_leaves_when_it_is_asked_to(nodes: Nodes, card: Card) -> None:
    join(nodes, card("a"))
    left = threading.Event()
    member = Membership(nodes, card("a"), left.set, unchanged, leaves_after_s=1.0)
    member.start()
    nodes.ask_to_leave("a")
    end = time.monotonic() + WITHIN_S
    while not nodes.cards()[0].draining:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not left.is_set()
    assert left.wait(WITHIN_S)
    member.close()
    assert nodes.cards() == []
    assert not nodes.is_asked_to_leave("a")


def test_a_store_that_is_gone_is_said(
    make_settings: Callable[..., Settings], card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_WITHIN_S", 0.3)
    lost = open_nodes(make_settings(cluster="redis://127.0.0.1:1"))
    with pytest.raises(SetupError, match=r"--cluster .* cannot be used"):
        join(lost, card("a"))


def test_commands_tell_about_machines(nodes: Nodes, card: Card, server: RedisServer) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(lamella, ["cluster", *arguments, "--cluster", server.url])

    assert "No machine shares" in str(run("check").exception)
    nodes.renew(card("a"))
    nodes.renew(card("b"))
    assert run("check").output == "a, b: 2 agree, 1 file compared.\n"
    assert [line.split()[0] for line in run("status").output.splitlines()] == ["node", "a", "b"]
    assert '"state": "up"' in run("status", "--json").output
    nodes.renew(card("b", max_cells=5))
    different = run("check")
    assert different.exit_code == 1
    assert "LAMELLA_MAX_CELLS is 67108864 on a and 5 on b." in different.output
    assert "No machine is called c; there are a, b." in str(run("drain", "c").exception)
    left = threading.Event()
    member = Membership(nodes, card("a"), left.set, unchanged, leaves_after_s=0.0)
    member.start()
    ended = threading.Thread(target=lambda: left.wait(WITHIN_S) and member.close())
    ended.start()
    assert run("drain", "a").output == "a has left.\n"
    ended.join()


def test_a_machine_that_leaves_is_not_ready(
    make: Callable[..., Any], server: RedisServer, nodes: Nodes
) -> None:
    services = make(cluster=server.url, node="a")
    assert services.health.readiness()["stays"]
    nodes.ask_to_leave("a")
    assert not services.health.readiness()["stays"]
    assert "stays" not in make().health.readiness()


def test_the_service_is_not_started_where_it_differs(
    nodes: Nodes, card: Card, server: RedisServer, data: Path, tmp_path: Path
) -> None:
    join(nodes, card("a", max_cells=5))
    member = Membership(nodes, card("a", max_cells=5), lambda: None, unchanged)
    member.start()
    options = ["--port", str(unused_port()), "--cache-dir", str(tmp_path / "cache"), "--node", "b"]
    done = subprocess.run(
        [sys.executable, "-m", "dashboard", "serve", *options, str(data)],
        env=os.environ | {"LAMELLA_CLUSTER": server.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    member.close()
    assert done.returncode == 2
    sentence = "b cannot join a: LAMELLA_MAX_CELLS is 67108864 on b and 5 on a."
    assert done.stderr.splitlines()[-1] == f"lamella: {sentence}"
