"""Bytes decoded ahead are used, wasted or undecided, whichever process decodes, decides, uses and is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose, Waste
from dashboard.telemetry.prefetching import PrefetchStats
from dashboard.telemetry.statistics import Stats
from tests import database
from tests.parts import Parts
from tests.small_volume import NBYTES, brick

pytestmark = pytest.mark.usefixtures("volume_file")

# Decodes bricks ahead, decides on one, and waits to be killed; what is decoded last is not in the ledger yet.
WORKER = """
import sys
from pathlib import Path
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose, Waste
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.runtime.engine import build_engine
from dashboard.settings import Settings
engine = build_engine(Settings(cache_dir=Path(sys.argv[1]), data=(sys.argv[2],), free_floor_bytes=0), "worker")
for name in sys.argv[3:]:
    dataset, _, plane = name.partition(":")
    volume = engine.metadata.volume("data/a.h5", dataset)
    (brick,) = volume.bricks(parse(f"{plane},:,:", volume.shape))
    engine.loader.load(volume, brick, Requester(Purpose.PREFETCH_MOVING))
engine.bricks.waste(brick.key, Waste.TURNED)
engine.ledger.flush()
print("ready", flush=True)
sys.stdin.read()
"""


def decode_ahead_and_be_killed(home: Path, data: Path, *names: str) -> None:
    """Decode in a process that is killed, after it decided that the last brick is wasted."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), f"data={data}", *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)


def named(here: Parts, name: str) -> BrickAddress:
    """The brick of a dataset and a plane, `x:4`."""
    dataset, _, plane = name.partition(":")
    found: BrickAddress = brick(here, int(plane), dataset)
    return found


def account(here: Parts) -> PrefetchStats:
    here.ledger.flush()
    return Stats(here.ledger.rows).snapshot(None)["prefetch"]


def undecided_in_cache(here: Parts, names: Sequence[str], wasted: int) -> int:
    """Bytes of the bricks in the cache that were decoded ahead and neither used nor, `wasted` of them, decided."""
    unused = [here.store.is_unused_prefetch(named(here, name)) for name in names]
    return (sum(unused) - wasted) * NBYTES


def obeys(found: PrefetchStats) -> bool:
    return found["decoded_bytes"] == (
        found["used_bytes"] + found["wasted_bytes"] + found["undecided_bytes"]
    )


def test_no_byte_is_lost_or_counted_twice(
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path
) -> None:
    names = ("x:0", "x:4", "x:8", "b:4")
    decode_ahead_and_be_killed(tmp_path / "home", data, *names)
    here = make_parts()
    found = account(here)
    assert (found["decoded"], found["decoded_bytes"]) == (4, 4 * NBYTES)
    assert found["undecided_bytes"] == undecided_in_cache(here, names, wasted=1) == 3 * NBYTES
    assert obeys(found)
    # Another process uses one, and the one that was wasted.
    for name in ("x:0", "b:4", "x:0", "b:4"):
        here.load(named(here, name), counted=True)
    found = account(here)
    assert (found["used_bytes"], found["wasted_bytes"]) == (2 * NBYTES, 0)
    assert found["undecided_bytes"] == undecided_in_cache(here, names, wasted=0) == 2 * NBYTES
    assert obeys(found)
    # A restart, and each brick has been decided on before it is evicted, or not.
    again = make_parts(limit=1)
    again.store.waste(named(again, "x:4").key, Waste.LEFT)
    database.touch(again.disk, 5.0)
    again.store.trim()
    again.store.waste(named(again, "x:8").key, Waste.LEFT)
    found = account(again)
    assert found["wasted"] == dict.fromkeys(Waste, 0) | {"left": NBYTES, "evicted": NBYTES}
    assert found["undecided_bytes"] == undecided_in_cache(again, names, wasted=0) == 0
    assert found["accuracy"] == 0.5
    assert obeys(found)


def test_bricks_removed_by_hand_are_decided(here: Parts) -> None:
    for plane in (0, 4, 8):
        here.load(brick(here, plane), Purpose.PREFETCH_MOVING)
    here.load(brick(here, 0), counted=True)
    here.store.waste(brick(here, 4).key, Waste.LEFT)
    rows = list(here.disk.rows_by_eviction_order())
    # The same entries are seen by two callers at the same time.
    assert [here.store.drop(row) for row in [*rows, *rows]] == [True] * 3 + [False] * 3
    found = account(here)
    assert found["wasted"] == dict.fromkeys(Waste, 0) | {"left": NBYTES, "dropped": NBYTES}
    assert found["undecided_bytes"] == 0
    assert obeys(found)
    counted = here.ledger.counted
    assert counted["bricks.dropped"] == 3
    assert not [name for name in counted if name.startswith(("evicted.", "bricks.evictions"))]
    assert here.store.history.of(brick(here, 0)) is None
    # Decoded again and evicted, it has a history again.
    here.load(brick(here, 0))
    assert here.store.history.of(brick(here, 0)) is not None


@pytest.mark.parametrize("first", ["drop", "evict"])
def test_one_that_is_dropped_while_it_is_evicted_is_counted_once(
    here: Parts, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    here.load(brick(here, 0), Purpose.PREFETCH_MOVING)
    (row,) = here.disk.rows_by_eviction_order()
    delete, removed = here.disk.delete, []
    second = here.store.evict if first == "drop" else here.store.drop

    def while_deleting(key: str) -> bool:
        # What the first call knows of the brick, the second one does as well.
        monkeypatch.setattr(here.disk, "delete", delete)
        removed.append(second(row))
        return delete(key)

    monkeypatch.setattr(here.disk, "delete", while_deleting)
    removed.append(getattr(here.store, first)(row))
    assert removed == [True, False]
    counted = {name: count for name, count in here.ledger.counted.items() if count}
    assert sum(counted.get(name, 0) for name in ("bricks.dropped", "bricks.evictions")) == 1
    assert counted.get("bricks.evictions", 0) == counted.get("evicted.unused", 0)
    past = here.store.history.of(brick(here, 0))
    assert (past is not None) == ("bricks.evictions" in counted)
    found = account(here)
    assert found["wasted_bytes"] == NBYTES
    assert obeys(found)


def test_what_was_not_in_the_ledger_leaves_no_debt(here: Parts) -> None:
    here.load(brick(here, 0), Purpose.PREFETCH_MOVING)
    # As if its process had been killed before its first row.
    here.ledger._new.counts.clear()  # noqa: SLF001
    here.load(brick(here, 0), counted=True)
    here.load(brick(here, 4), Purpose.PREFETCH_MOVING)
    here.store.waste(brick(here, 4).key, Waste.TURNED)
    found = account(here)
    assert found["undecided_bytes"] == 0
    assert found["used_bytes"] == found["wasted_bytes"] == NBYTES
