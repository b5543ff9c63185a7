"""The databases of a cache directory, the limits of the two large ones, and what machines share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.cluster.nodes import Nodes
from dashboard.errors import SetupError
from dashboard.people.shared_sessions import ReadableRows
from dashboard.settings import Settings
from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.eviction import LruEvictor
from dashboard.storage.private_directory import ensure_private_directory
from dashboard.storage.rows import DiskRows, Rows, RowsUnavailable, open_rows

if TYPE_CHECKING:
    from dashboard.storage.redis_store import RedisStore


@dataclass(frozen=True)
class Caches:
    """What processes share in the cache directory `home`; the evictors' limits are set by their users."""

    home: Path
    locks: Path
    bricks: BytesCache
    frames: BytesCache
    metadata: DiskRows
    plans: DiskRows
    ledger: DiskRows
    brick_evictor: LruEvictor
    frame_evictor: LruEvictor


def open_caches(folder: Path) -> Caches:
    """Open or make the caches below `folder`; `SetupError` where that is not possible."""
    home = ensure_private_directory(folder)
    locks = home / "locks"
    locks.mkdir(exist_ok=True, mode=0o700)
    bricks, frames = open_cache(home / "bricks"), open_cache(home / "frames")
    return Caches(
        home=home,
        locks=locks,
        bricks=bricks,
        frames=frames,
        metadata=open_rows(home / "facts"),
        plans=open_rows(home / "board"),
        ledger=open_rows(home / "ledger"),
        brick_evictor=LruEvictor(bricks, 0, locks / "bricks.room"),
        frame_evictor=LruEvictor(frames, 0, locks / "frames.room"),
    )


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all processes of a service share: those of one cache directory, or of several machines.

    `facts` is what is known of files. `clock` gives the Unix time (s) that all of them agree on, `node` names this
    machine, and is empty where there is no other one. `sessions` are those of browsers, None for those in the
    people file. `follow` is called once in a while. `answers` says whether the store did so last,
    `is_asked_to_leave` whether this machine is to leave.
    """

    plans: Rows
    ledger: Rows
    facts: Rows
    clock: Callable[[], float] = time.time
    node: str = ""
    sessions: ReadableRows | None = None
    follow: Callable[[], None] = nothing
    answers: Callable[[], bool] = lambda: True
    is_asked_to_leave: Callable[[], bool] = lambda: False


def open_store(settings: Settings) -> RedisStore:
    """The store that several machines share; `SetupError` where none is named, or its packages are missing."""
    if settings.cluster is None:
        raise SetupError("Name the store that the machines share with --cluster (LAMELLA_CLUSTER).")
    if find_spec("redis") is None:
        raise SetupError("--cluster needs more packages; install lamella[cluster].")
    from dashboard.storage.redis_store import RedisStore  # noqa: PLC0415

    return RedisStore(settings.cluster.get_secret_value())


def open_shared_sessions(settings: Settings) -> ReadableRows:
    """The rows of sessions that several machines share; `SetupError` as `open_store`."""
    store = open_store(settings)
    from dashboard.storage.redis_rows import RedisRows  # noqa: PLC0415

    return RedisRows(store, "sessions")


def open_shared(settings: Settings, caches: Caches) -> Shared:
    """Open what is shared; `SetupError` where the packages for several machines are missing."""
    if settings.cluster is None:
        return Shared(plans=caches.plans, ledger=caches.ledger, facts=caches.metadata)
    store = open_store(settings)
    from dashboard.storage.local_copies import LocalCopies  # noqa: PLC0415
    from dashboard.storage.redis_rows import RedisRows  # noqa: PLC0415

    nodes = Nodes(RedisRows(store, "nodes"))
    plans, ledger = RedisRows(store, "plans"), RedisRows(store, "ledger")
    facts = RedisRows(store, "facts")

    def follow() -> None:
        store.compare_clocks()
        for rows in (plans, facts):
            rows.remove_expired()

    with suppress(RowsUnavailable):
        store.compare_clocks()
    return Shared(
        plans=plans,
        ledger=ledger,
        facts=LocalCopies(facts, caches.metadata),
        clock=store.time,
        node=settings.node_name,
        sessions=RedisRows(store, "sessions"),
        follow=follow,
        answers=lambda: store.answers,
        is_asked_to_leave=lambda: nodes.is_asked_to_leave(settings.node_name),
    )
