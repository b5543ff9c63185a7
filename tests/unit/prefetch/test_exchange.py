"""Planned bricks are sent to the machines that will be asked for their slices, and decoded there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.addressing.slabs import slab_of
from dashboard.errors import SetupError
from dashboard.prefetch import exchange as module
from dashboard.prefetch.balancer import Balancer
from dashboard.prefetch.exchange import AskedBrick, AskedBricks, Exchange, Taken, asked_of
from dashboard.prefetch.worker import Task
from dashboard.runtime.container import Services, build_services
from dashboard.settings import Settings, load_settings
from tests import files
from tests.clock import Clock
from tests.rows import MemoryRows
from tests.web import listening, running

TOKEN = "the-token-of-machines"


class Wire:
    """What is sent; `failing` is what happens to it."""

    def __init__(self) -> None:
        self.sent: list[tuple[AskedBrick, str]] = []
        self.failing: OSError | None = None
        self.taken = Taken.WAITS

    def __call__(self, asked: AskedBrick, slab: str) -> Taken:
        if self.failing is not None:
            raise self.failing
        self.sent.append((asked, slab))
        return self.taken


@pytest.fixture
def services(tmp_path: Path, make_settings: Callable[..., Settings]) -> Iterator[Services]:
    values = np.arange(24 * 40 * 40, dtype="<u4").reshape(24, 40, 40)
    how = {"chunks": (4, 20, 20), "compression": "gzip"}
    files.write(tmp_path / "data" / "a.h5", x=(values, how))
    settings = make_settings(data=(str(tmp_path / "data"),), free_floor_bytes=0, children=1)
    built = build_services(settings, "web")
    yield built
    built.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(1e9)


@pytest.fixture
def asked(clock: Clock) -> AskedBricks:
    return AskedBricks(MemoryRows(clock), clock)


@pytest.fixture
def task(services: Services, clock: Clock) -> Callable[..., Task]:
    def make(index: int, due_s: float = 1.0) -> Task:
        volume = services.metadata.volume("data/a.h5", "x")
        (address,) = volume.bricks(parse(f"{index},:,:", volume.shape))
        purpose = Purpose.PREFETCH_MOVING
        return Task("v", volume, address, clock.now + due_s, purpose, "viewer:v", "v")

    return make


def test_what_is_planned_here_is_decoded_where_its_slices_are_asked_for(
    services: Services, clock: Clock, asked: AskedBricks, task: Callable[..., Task]
) -> None:
    wire = Wire()
    here = Exchange(AskedBricks(MemoryRows(clock), clock), wire, services.metadata.volume)
    there = Exchange(asked, Wire(), services.metadata.volume)
    assert here([task(9, 2.0), task(5, 1.0)], clock.now) == []
    assert [slab for _, slab in wire.sent] == [
        slab_of("data/a.h5", "/x", {0: index}, [4, 20, 20]) for index in (4, 8)
    ]
    for brick, _ in wire.sent:
        assert asked.add(AskedBrick.model_validate_json(brick.model_dump_json()))
    found = sorted(there([], clock.now), key=lambda one: one.due)
    assert found == [task(5, 1.0), task(9, 2.0)]
    for one in found:
        there.done(one.address.key)
    assert there([], clock.now) == []


@pytest.mark.parametrize("chunks", [(1, 40, 40), (24, 20, 20), (4, 20, 20), None])
def test_bricks_are_sent_where_the_page_asks_for_them(
    services: Services, tmp_path: Path, chunks: tuple[int, ...] | None
) -> None:
    values = np.zeros((24, 40, 40), "<u2")
    files.write(tmp_path / "data" / "b.h5", x=(values, {"chunks": chunks} if chunks else {}))
    (record,) = services.metadata.datasets("data/b.h5")
    thick = record["slab"]
    assert thick is not None
    volume = services.metadata.volume("data/b.h5", "x")
    for axis, index in ((0, 9), (1, 33), (2, 21)):
        text = ",".join(str(index) if dim == axis else ":" for dim in range(3))
        for brick in volume.bricks(parse(text, volume.shape)):
            slab = module.slab_of_brick(volume, brick)
            assert slab == slab_of("data/b.h5", "/x", {axis: brick.start[axis]}, thick)
            if chunks is not None:
                assert slab == slab_of("data/b.h5", "/x", {axis: index}, thick)


def test_a_brick_is_sent_once_in_a_while_and_the_earliest_first(
    services: Services,
    clock: Clock,
    asked: AskedBricks,
    task: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_SENT", 1)
    wire = Wire()
    exchange = Exchange(asked, wire, services.metadata.volume)
    planned = [task(9, 2.0), task(5, 1.0)]
    for _ in range(3):
        exchange(planned, clock.now)
    assert [brick.start[0] for brick, _ in wire.sent] == [4, 8]
    clock.pass_(module.SENT_S)
    exchange(planned, clock.now)
    assert len(wire.sent) == 2


def test_a_brick_that_waits_is_sent_again_when_it_is_planned_sooner_or_is_late(
    services: Services, clock: Clock, asked: AskedBricks, task: Callable[..., Task]
) -> None:
    wire = Wire()
    exchange = Exchange(asked, wire, services.metadata.volume)
    exchange([task(5, 30.0)], clock.now)
    exchange([task(5, 1.0)], clock.now)
    assert len(wire.sent) == 1, "not at once"
    clock.pass_(module.SENT_S)
    exchange([task(5, 30.0)], clock.now)
    assert len(wire.sent) == 1, "a viewer at rest plans it later and later"
    exchange([task(5, 1.0)], clock.now)
    assert [brick.due for brick, _ in wire.sent[1:]] == [clock.now + 1.0]
    clock.pass_(1.0 + module.LATE_S)
    exchange([task(5, 1.0)], clock.now)
    assert len(wire.sent) == 3


@pytest.mark.parametrize(
    ("taken", "after_s"), [(Taken.CACHED, module.CACHED_S), (Taken.REFUSED, module.SENT_S)]
)
def test_a_brick_that_does_not_wait_there_is_sent_again_after_some_time(
    services: Services,
    clock: Clock,
    asked: AskedBricks,
    task: Callable[..., Task],
    taken: Taken,
    after_s: float,
) -> None:
    wire = Wire()
    wire.taken = taken
    exchange = Exchange(asked, wire, services.metadata.volume)
    exchange([task(5, 5.0)], clock.now)
    clock.pass_(after_s - 1.0)
    exchange([task(5, 1.0)], clock.now)
    assert len(wire.sent) == 1
    clock.pass_(1.0)
    exchange([task(5, 5.0)], clock.now)
    assert len(wire.sent) == 2


def test_a_balancer_that_is_gone_is_left_alone(
    services: Services,
    clock: Clock,
    asked: AskedBricks,
    task: Callable[..., Task],
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire()
    wire.failing = OSError("refused")
    exchange = Exchange(asked, wire, services.metadata.volume)
    exchange([task(5)], clock.now)
    assert "the load balancer cannot be used" in caplog.text
    wire.failing = None
    exchange([task(5)], clock.now)
    assert wire.sent == []
    clock.pass_(module.PAUSE_S)
    exchange([task(5, 9.0)], clock.now)
    assert len(wire.sent) == 1


def test_the_queue_is_bounded_and_its_bricks_expire(
    clock: Clock, asked: AskedBricks, task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    assert asked.add(asked_of(task(5)))
    assert asked.add(asked_of(task(5, 2.0)))
    assert not asked.add(asked_of(task(9)))
    clock.pass_(2.0 + module.LATE_S)
    assert asked.waiting() == []
    assert asked.add(asked_of(task(9)))
    assert asked.add(asked_of(task(13, -2 * module.LATE_S))), "it is too late for it"
    assert len(asked.waiting()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": (1, 2, 3, 4), "key": "0" * 40},
        {"file": "data/none.h5"},
        {"dataset": "/none"},
        {"start": (99, 0, 0)},
        {"start": (0, 0)},
        {"rows": 0, "cols": 1},
    ],
)
def test_what_this_machine_does_not_have_is_dropped(
    services: Services, clock: Clock, asked: AskedBricks, task: Callable[..., Task], changed: Any
) -> None:
    asked.add(asked_of(task(5)).model_copy(update=changed))
    assert Exchange(asked, Wire(), services.metadata.volume)([], clock.now) == []
    assert asked.waiting() == []


def test_a_planted_row_is_skipped(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    rows = MemoryRows(clock)
    rows.set(f"{module.ASKED}x", b"\x80\x04planted")
    assert AskedBricks(rows, clock).waiting() == []
    assert "a brick was skipped" in caplog.text


@pytest.mark.parametrize("signs_in", [False, True])
def test_bricks_travel_with_the_token_of_the_machines(
    task: Callable[..., Task], tmp_path: Path, signs_in: bool
) -> None:
    given = {"token": "kT9vQ2mL7xZ4wB8n"} if signs_in else {}
    with running(tmp_path / "there", tmp_path / "data", node_token=TOKEN, **given) as app:
        due = task(5, app.services.shared.clock() - 1e9 + 5.0)
        with listening(app.client.application) as address:
            send = Balancer(address, TOKEN)
            assert send(asked_of(due), "00000000") is Taken.WAITS
            assert [brick.key for brick in app.services.asked.waiting()] == [due.address.key]
            requester = Requester(Purpose.PREFETCH_MOVING, "v")
            app.services.loader.load(due.volume, due.address, requester)
            assert send(asked_of(due), "00000000") is Taken.CACHED
            with pytest.raises(OSError, match="401"):
                Balancer(address, "another-token-of-others")(asked_of(due), "")
            url, pause = f"{address}/api/v1/prefetch", b'{"viewer": "v", "pause_s": 0.0}'
            paused = urllib3.request("POST", url, body=pause).status
            assert paused == (401 if signs_in else 204)
        with pytest.raises(OSError, match="NewConnectionError"):
            send(asked_of(due), "")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"balancer": "http://127.0.0.1"}, "give --cluster"),
        ({"balancer": "http://127.0.0.1", "cluster": "redis://127.0.0.1"}, "LAMELLA_NODE_TOKEN"),
        (
            {
                "balancer": "http://scans.example",
                "cluster": "redis://127.0.0.1",
                "node_token": TOKEN,
            },
            "unencrypted",
        ),
        ({"balancer": "scans.example"}, "begins with http"),
        ({"node_token": "short"}, "16 to 1024"),
        (
            {"cluster": "redis://127.0.0.1", "token": "kT9vQ2mL7xZ4wB8n"},
            "share sign-ins have to know each other",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        load_settings(given)
