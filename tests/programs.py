"""Programs that some tests need, which are no Python packages."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {
    "haproxy": "haproxy",
    "ip": "iproute2",
    "nginx": "nginx",
    "openssl": "openssl",
    "redis-server": "redis-server",
    "systemd-analyze": "systemd",
    "tc": "iproute2",
}

# Where Debian has what is for root.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"


def needed(name: str) -> str:
    """The path of a program; without it, the test is skipped, and fails where TEST_PROGRAMS is `all`, as in CI."""
    found = shutil.which(name, path=PATH)
    if found is not None:
        return found
    missing = f"{name} is not installed (Debian: the package {PACKAGES[name]})"
    if os.environ.get("TEST_PROGRAMS") == "all":
        pytest.fail(missing)
    pytest.skip(missing)
