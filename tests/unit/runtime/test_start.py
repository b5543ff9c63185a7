"""Start of the services: limits, checks, readiness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import errors
from dashboard.runtime import cache_limits as limits
from dashboard.runtime.cache_limits import brick_limit, frame_limit
from dashboard.runtime.container import Services, build_services
from dashboard.settings import Settings

GIB = 2**30


@pytest.mark.parametrize(
    ("given", "free", "used", "limit"),
    [
        (None, 80 * GIB, 0, 20 * GIB),
        (None, 80 * GIB, 40 * GIB, 30 * GIB),
        (None, 1000 * GIB, 0, 32 * GIB),
        (None, 0, 0, 0),
        ("5GiB", 1000 * GIB, 0, 5 * GIB),
        ("0", 1000 * GIB, 0, 0),
    ],
)
def test_the_limit_of_bricks(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    free: int,
    used: int,
    limit: int,
) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda _: free)
    settings = make_settings(**({} if given is None else {"brick_cache_bytes": given}))
    assert brick_limit(settings, Path("/"), used) == limit


@pytest.mark.parametrize(
    ("free", "used", "limit"),
    [(80 * GIB, 0, GIB), (4 * GIB, 0, GIB // 2), (3 * GIB, GIB, GIB // 2)],
)
def test_the_limit_of_frames(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    used: int,
    limit: int,
) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda _: free)
    assert frame_limit(make_settings(), Path("/"), used) == limit


def test_roots_and_cache_are_checked_first(
    tmp_path: Path, data: Path, make_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(errors.SetupError, match="does not exist"):
        build_services(make_settings(data=(str(tmp_path / "missing"),)), "web")
    (tmp_path / "taken").touch()
    with pytest.raises(errors.SetupError, match="is a file"):
        build_services(make_settings(data=(str(data),), cache_dir=tmp_path / "taken"), "web")


def test_the_caches_are_the_owner_s_alone(make: Callable[..., Services], tmp_path: Path) -> None:
    make()
    home = tmp_path / "cache"
    assert home.stat().st_mode & 0o777 == 0o700
    for path in home.iterdir():
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir(), path
