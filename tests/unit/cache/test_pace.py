"""How fast volumes are decoded: measured by one process, known to all."""

from __future__ import annotations

import pytest

from dashboard.cache.pace import (
    BELIEVED_S,
    GUESSED_BYTES_PER_S,
    REMEMBERED,
    TOLD_EVERY_S,
    Paces,
)
from dashboard.storage.disk import BytesCache
from tests.clock import Clock


def test_until_it_was_measured_it_is_guessed(cache: BytesCache) -> None:
    assert Paces(cache).seconds("v", 1000) == 1000 / GUESSED_BYTES_PER_S


def test_the_newest_measurement_counts_for_a_third(cache: BytesCache) -> None:
    paces = Paces(cache)
    paces.timed("v", 1000, 2.0)
    assert paces.seconds("v", 500) == pytest.approx(1.0)
    paces.timed("v", 1000, 5.0)
    assert paces.seconds("v", 1000) == pytest.approx(3.0)
    assert paces.seconds("w", 1000) == 1000 / GUESSED_BYTES_PER_S


def test_another_process_hears_of_it(cache: BytesCache) -> None:
    clock = Clock()
    mine, theirs = Paces(cache, clock), Paces(cache, clock)
    assert mine.seconds("v", 1000) == 1000 / GUESSED_BYTES_PER_S
    theirs.timed("v", 1000, 2.0)
    assert mine.seconds("v", 1000) == 1000 / GUESSED_BYTES_PER_S
    clock.now += BELIEVED_S
    assert mine.seconds("v", 1000) == pytest.approx(2.0)


def test_the_others_are_told_once_a_second_at_most(cache: BytesCache) -> None:
    clock = Clock()
    mine = Paces(cache, clock)
    mine.timed("v", 1000, 2.0)
    mine.timed("v", 1000, 5.0)
    mine.timed("w", 1000, 7.0)
    assert mine.seconds("v", 1000) == pytest.approx(3.0)
    assert Paces(cache, clock).seconds("v", 1000) == pytest.approx(2.0)
    assert Paces(cache, clock).seconds("w", 1000) == pytest.approx(7.0)
    clock.now += TOLD_EVERY_S
    mine.timed("v", 1000, 3.0)
    assert Paces(cache, clock).seconds("v", 1000) == pytest.approx(3.0)


@pytest.mark.parametrize("planted", [b"null", b"nonsense", b"-1", b"NaN", b"[1]", b"1e9"])
def test_a_planted_figure_is_none(cache: BytesCache, planted: bytes) -> None:
    Paces(cache).timed("v", 1000, 2.0)
    for key in cache.keys_like(""):
        cache.set(key, planted)
    assert Paces(cache).seconds("v", 1000) == 1000 / GUESSED_BYTES_PER_S


def test_what_is_remembered_is_bounded(cache: BytesCache) -> None:
    paces = Paces(cache)
    for number in range(REMEMBERED + 10):
        paces.timed(str(number), 1, 0.1)
    assert len(paces._known) == len(paces._told) == REMEMBERED
