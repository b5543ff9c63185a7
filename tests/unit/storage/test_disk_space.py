"""The cache's disk keeps a floor of free space."""

from __future__ import annotations

from pathlib import Path

from dashboard.storage import disk_space
from dashboard.storage.disk_space import DiskSpace, free_bytes


class Disk:
    """A disk with a given free space and clock; counts how often it was probed."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.now = 50.0
        self.looks = 0

    def free_now(self, path: Path) -> int:
        self.looks += 1
        return self.free

    def space(self, floor: int) -> DiskSpace:
        return DiskSpace(Path("/"), floor, clock=lambda: self.now, probe=self.free_now)


def test_free_bytes(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
    # A cache directory that was deleted is made again on the same disk.
    assert free_bytes(tmp_path / "gone" / "too") > 0
    (tmp_path / "file").touch()
    assert free_bytes(tmp_path / "file" / "below") == 0


def test_writing_stops_at_the_floor() -> None:
    disk = Disk(free=1000)
    space = disk.space(floor=400)
    assert space.reserve(600)
    assert not space.reserve(1)
    assert space.free() == 400


def test_what_was_allowed_is_counted_between_two_looks() -> None:
    disk = Disk(free=1000)
    space = disk.space(floor=0)
    assert space.reserve(700)
    assert not space.reserve(700)
    assert disk.looks == 1
    disk.now += disk_space.PROBE_INTERVAL_S
    assert space.reserve(700)
    assert disk.looks == 2


def test_after_a_full_disk_writing_rests() -> None:
    disk = Disk(free=10**9)
    space = disk.space(floor=0)
    assert space.reserve(1)
    space.report_full()
    assert not space.reserve(1)
    assert "no longer kept" in (space.degraded_message or "")
    disk.now += disk_space.REST_AFTER_FULL_S
    assert space.reserve(1)
    assert space.degraded_message is None


def test_the_banner_says_how_full_it_is() -> None:
    disk = Disk(free=100 * 2**20)
    space = disk.space(floor=512 * 2**20)
    assert "100 MiB free, 512 MiB are to stay free" in (space.degraded_message or "")
    disk.free = 600 * 2**20
    disk.now += disk_space.PROBE_INTERVAL_S
    assert space.degraded_message is None
