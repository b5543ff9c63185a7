"""Planes of other views while a viewer's brick is in flight: their bricks are in memory beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.bricks import in_flight
from dashboard.bricks.brick import FileBrick, SinglePlaneBrick
from dashboard.bricks.loader import LoadedBrick
from dashboard.decoding.progressive import ProgressiveBrick
from tests import files
from tests.parts import Parts
from tests.small_volume import HOW, NBYTES, VALUES, brick

pytestmark = pytest.mark.usefixtures("volume_file", "part_by_part")

# Bricks across the two other axes.
SIDE_NBYTES = 12 * 10 * 30 * 2


@pytest.fixture
def here(make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Parts that decode bricks of any size progressively, one at a time."""
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
    return make_parts(arena_bytes=2**20)


@pytest.fixture
def in_the_way(here: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A viewer's brick across the first axis is in flight, until the event is set."""
    go_on = threading.Event()
    write = here.decoder.write_planes

    def slow(*arguments: Any) -> None:
        assert go_on.wait(60)
        write(*arguments)

    monkeypatch.setattr(here.decoder, "write_planes", slow)
    assert here.load(brick(here, 6), plane=2, counted=True).outcome == "miss"
    yield go_on
    go_on.set()


def across(here: Parts, axis: int, at: int) -> BrickAddress:
    """The brick that contains a plane across another axis."""
    (address,) = here.bricks(
        "data/a.h5", "x", (":,:,:"[: 2 * axis] + str(at) + ":,:,:"[2 * axis + 1 :])
    )
    assert isinstance(address, BrickAddress)
    return address


def plane(axis: int, at: int) -> np.ndarray[Any, Any]:
    """The plane as it is in the file."""
    return VALUES.take(at, axis)


def is_in_flight(found: LoadedBrick) -> bool:
    """Whether its plane comes from memory."""
    return isinstance(found.brick, SinglePlaneBrick)


def test_planes_do_not_wait_for_the_brick_in_flight(
    here: Parts, in_the_way: threading.Event
) -> None:
    addresses = [across(here, axis, 14) for axis in (1, 2)]
    for axis, address in zip((1, 2), addresses, strict=True):
        found = here.load(address, plane=4, counted=True)
        assert found.outcome == "miss"
        assert is_in_flight(found)
        np.testing.assert_array_equal(found.brick.plane(4), plane(axis, 14))
        assert found.brick.mark_accessed(4).first_plane_access is False
        assert not here.loader.has(address)
        # Another plane is there at once.
        found = here.load(address, plane=3, counted=True)
        assert found.outcome == "hit"
        np.testing.assert_array_equal(found.brick.plane(3), plane(axis, 13))
    in_the_way.set()
    here.loader.close()
    for axis, address in zip((1, 2), addresses, strict=True):
        kept = here.store.get(address, np.dtype("u2"))
        assert kept is not None
        for number in range(10):
            np.testing.assert_array_equal(kept.plane(number), plane(axis, 10 + number))
        accessed = [not kept.mark_accessed(number).first_plane_access for number in range(10)]
        assert accessed == [number in (3, 4) for number in range(10)]
    counted = here.ledger.counted
    assert counted["bricks.decoded"] == counted["bricks.first_wanted"] == 3
    assert counted["bricks.decoded_bytes"] == NBYTES + 2 * SIDE_NBYTES
    assert list((here.home / "locks").iterdir()) == []
    assert list((here.home / "partial").iterdir()) == []
    assert not here.loader.in_use


@pytest.mark.parametrize("case", ["same axis", "another viewer", "a script", "another way to read"])
def test_whole_bricks_otherwise(here: Parts, in_the_way: threading.Event, case: str) -> None:
    address = across(here, 1, 14)
    if case == "same axis":
        address = brick(here, 0)
    elif case == "another way to read":
        (address,) = here.bricks("data/a.h5", "b", ":,14,:")
    viewer = {"another viewer": "w", "a script": None}.get(case, "v")
    volume = here.library.volume("data/a.h5", address.volume.dataset)
    found = here.loader.load(volume, address, Requester(Purpose.DEMAND, viewer), plane=0)
    assert isinstance(found.brick, FileBrick)
    assert not in_the_way.is_set()


def test_another_brick_of_a_view_beside_is_decoded_as_a_whole(
    here: Parts, in_the_way: threading.Event
) -> None:
    assert is_in_flight(here.load(across(here, 1, 14), plane=4, counted=True))
    assert not is_in_flight(here.load(across(here, 1, 4), plane=4, counted=True))
    assert is_in_flight(here.load(across(here, 2, 4), plane=4, counted=True))
    assert not in_the_way.is_set()


def test_another_volume_is_another_view(
    here: Parts, in_the_way: threading.Event, data: Path
) -> None:
    files.write(data / "b.h5", x=(VALUES, HOW))
    (address,) = here.bricks("data/b.h5", "x", "1,:,:")
    found = here.load(address, plane=1, counted=True)
    assert is_in_flight(found)
    np.testing.assert_array_equal(found.brick.plane(1), VALUES[1])
    assert not in_the_way.is_set()


def test_no_more_than_a_few(here: Parts, in_the_way: threading.Event, data: Path) -> None:
    files.write(data / "b.h5", x=(VALUES, HOW), y=(VALUES, HOW))
    addresses = [here.bricks("data/b.h5", name, "1,:,:")[0] for name in ("x", "y")]
    addresses.append(across(here, 1, 4))
    found = [is_in_flight(here.load(one, plane=1, counted=True)) for one in addresses]
    assert found == [True] * in_flight.MAX_BESIDE + [False]
    assert not in_the_way.is_set()


def test_what_is_not_written_waits_while_a_plane_is_decoded(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "YIELD_S", 60.0)
    begun, go_on, written = threading.Event(), threading.Event(), threading.Event()
    decode, write = here.decoder.decode_to, here.decoder.write_planes

    def slow_decode(file: Any, brick: ProgressiveBrick, depth: int) -> int:
        if brick.address.order[0] == 1 and not begun.is_set():
            begun.set()
            assert go_on.wait(60)
        return decode(file, brick, depth)

    def noted(*arguments: Any) -> None:
        written.set()
        write(*arguments)

    monkeypatch.setattr(here.decoder, "decode_to", slow_decode)
    monkeypatch.setattr(here.decoder, "write_planes", noted)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(here.load, across(here, 1, 14), plane=4, counted=True)
        assert begun.wait(60)
        first = here.load(brick(here, 6), plane=2, counted=True)
        np.testing.assert_array_equal(first.brick.plane(2), VALUES[6])
        assert not written.wait(0.2)
        go_on.set()
        np.testing.assert_array_equal(second.result(60).brick.plane(4), plane(1, 14))
    assert written.wait(60)
    here.loader.close()
    assert here.loader.has(brick(here, 6))
