"""Limits of the bricks of single roots, so that one root's files cannot fill the brick cache."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.bricks.contents import owned
from dashboard.bricks.store import BrickStore
from dashboard.storage.bytes_cache import CacheRow


def enforce(store: BrickStore, quotas: Mapping[str, int]) -> None:
    """Evict the least recently used bricks of each root that has more than its quota (bytes, by root name).

    A periodic task: until it runs, a root may have what was decoded since, within the limit of the whole cache.
    """
    if not quotas:
        return
    rows: dict[str, list[CacheRow]] = {}
    for row, (volume, _), _ in owned(store):
        root = volume.partition("/")[0]
        if root in quotas:
            rows.setdefault(root, []).append(row)
    for root, found in rows.items():
        over = sum(row.size for row in found) - quotas[root]
        for row in found:
            if over <= 0:
                break
            if store.evict(row):
                over -= row.size
