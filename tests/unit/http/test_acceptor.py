"""Web processes that listen on the same socket take about as many connections each."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from dashboard.http import acceptor
from dashboard.http.acceptor import MARGIN, PLACES, ConnectionCounts
from tests.unit.http.applications import GET, echo, eventually
from tests.unit.http.conftest import running


def test_new_connections_go_to_the_process_with_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "YIELD_S", 2.0)  # enough on a busy machine
    counts = ConnectionCounts()
    listener = socket.create_server(("127.0.0.1", 0))
    with running(echo, listener=listener, share=counts.share([])) as first:
        for _ in range(30):
            first.connect()
        eventually(first, lambda: len(first.worker.connections) == 30)
        with running(echo, listener=listener.dup(), share=counts.share([0])) as second:
            # Until its loop runs, it does not count, and nothing is left to it.
            eventually(second, lambda: second.worker.acceptor.accepting)
            for _ in range(24):
                # Answered, so that it is accepted before the next one is opened.
                assert second.connect().send(GET).reply().status == 200
            assert len(first.worker.connections) <= 31
            assert len(second.worker.connections) >= 23


def test_a_process_that_takes_nothing_is_not_waited_for() -> None:
    counts = ConnectionCounts()
    hangs = counts.share([0])
    hangs.have(0)
    with running(echo, share=counts.share([])) as other:
        for _ in range(3 * MARGIN):
            assert other.connect().send(GET).reply().status == 200


def test_a_process_that_finishes_counts_no_more() -> None:
    counts = ConnectionCounts()
    one, other = counts.share([]), counts.share([0])
    one.have(100)
    assert not one.too_many()
    other.have(0)
    assert one.too_many()
    other.leave()
    assert not one.too_many()


@pytest.mark.parametrize(
    ("own", "least", "too_many"),
    [(MARGIN, 0, False), (MARGIN + 1, 0, True), (84, 72, False), (86, 72, True), (0, 9, False)],
)
def test_a_margin_is_left(own: int, least: int, too_many: bool) -> None:
    counts = ConnectionCounts()
    one, other = counts.share([]), counts.share([0])
    one.have(own)
    other.have(least)
    assert one.too_many() is too_many


def test_places_are_of_one_process_each() -> None:
    counts = ConnectionCounts()
    shares: list[Any] = []
    for _ in range(PLACES):
        shares.append(counts.share(one.place for one in shares))
    assert len({one.place for one in shares}) == PLACES
    assert counts.share(one.place for one in shares if one.place != 5).place == 5
