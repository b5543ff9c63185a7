"""Processors of the machine, and numbers of processes and threads that follow from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

MOST_WEB_PROCESSES: Final = 4
# Settings that say that several people come.
_SHARED: Final = (
    "public",
    "token",
    "sign_in",
    "people",
    "people_node",
    "proxy_header",
    "oidc_issuer",
)


def cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def web_processes(settings: Mapping[str, Any]) -> int:
    """As many as cores where several people come, for one person half as many: each has an interpreter lock of its
    own, and takes some 110 MB. `settings` are values by name."""
    shared = any(settings.get(name) for name in _SHARED)
    return max(1, min(MOST_WEB_PROCESSES, cores() if shared else cores() // 2))
