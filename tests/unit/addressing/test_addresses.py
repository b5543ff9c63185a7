"""Equal things have one key, and different things never share one."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from dashboard.addressing.addresses import BrickAddress, Fingerprint, VolumeAddress, digest

PRINT = Fingerprint(11, 22, 33, 44)
VOLUME = VolumeAddress("root/a.h5", "/data", PRINT)
BRICK = BrickAddress(VOLUME, 2, 0, (0, 4, 10, 7), (5, 8, 30, 9))


def test_a_digest_tells_its_parts_apart() -> None:
    parts = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("a,b", "c"),
        ("a", "b,c"),
        ('a","b', "c"),
        (1, "c"),
        ("1", "c"),
        ([1, 2], 3),
        ([1], [2, 3]),
        (None,),
        ("null",),
        (True,),
        (1,),
        ("é",),
        ("e\u0301",),
    ]
    assert len({digest(*part) for part in parts}) == len(parts)
    assert all(len(digest(*part)) == 40 for part in parts)


def test_a_fingerprint_is_inode_size_and_both_times(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"123")
    stat = path.stat()
    found = Fingerprint.of(stat)
    assert found.as_list() == [stat.st_ino, 3, stat.st_mtime_ns, stat.st_ctime_ns]


def test_a_fingerprint_notices_what_sets_the_times_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"123")
    old = path.stat()
    before = Fingerprint.of(old)
    (tmp_path / "b").write_bytes(b"456")
    os.utime(tmp_path / "b", ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace(tmp_path / "b", path)
    after = Fingerprint.of(path.stat())
    assert (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
    assert after != before


def test_every_field_of_an_address_changes_its_key() -> None:
    volumes = [
        VOLUME,
        replace(VOLUME, file="root/b.h5"),
        replace(VOLUME, dataset="/data2"),
        replace(VOLUME, sources="x"),
        *(
            replace(VOLUME, fingerprint=replace(PRINT, **{name: 99}))
            for name in ("inode", "size", "mtime_ns", "ctime_ns")
        ),
    ]
    bricks = [
        BRICK,
        *(replace(BRICK, volume=volume) for volume in volumes[1:]),
        replace(BRICK, rows=0, cols=2),
        replace(BRICK, rows=1),
        replace(BRICK, start=(0, 4, 10, 8)),
        replace(BRICK, stop=(5, 8, 30, 10)),
    ]
    assert len({v.key for v in volumes}) == len(volumes)
    assert len({b.key for b in bricks}) == len(bricks)


def test_equal_addresses_have_equal_keys() -> None:
    again = BrickAddress(
        VolumeAddress("root/a.h5", "/data", Fingerprint(11, 22, 33, 44)),
        2,
        0,
        (0, 4, 10, 7),
        (5, 8, 30, 9),
    )
    assert again == BRICK
    assert again.key == BRICK.key


def test_a_brick_has_the_sliced_dimensions_first() -> None:
    assert BRICK.extent == (5, 4, 20, 2)
    assert BRICK.order == (1, 3, 2, 0)
    assert BRICK.shape == (4, 2, 20, 5)
    assert BRICK.planes == 8
    assert BRICK.nbytes(2) == 5 * 4 * 20 * 2 * 2


def test_planes_are_numbered_in_the_order_in_which_they_lie() -> None:
    values = np.arange(5 * 4 * 20 * 2).reshape(5, 4, 20, 2)
    stored = values.transpose(BRICK.order).reshape(8, 20, 5)
    seen = set()
    for at, last in itertools.product(range(4, 8), range(7, 9)):
        number = BRICK.plane_number({1: at, 3: last})
        seen.add(number)
        np.testing.assert_array_equal(stored[number], values[:, at - 4, :, last - 7].T)
    assert seen == set(range(8))


def test_a_plane_of_rank_two_is_number_zero() -> None:
    flat = BrickAddress(VOLUME, 0, 1, (0, 0), (3, 4))
    assert flat.planes == 1
    assert flat.plane_number({}) == 0
