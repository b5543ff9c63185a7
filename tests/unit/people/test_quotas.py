"""Quotas: what is beyond them is refused with the time to wait, and one person's use is not another's."""

from __future__ import annotations

import pytest

from dashboard.errors import TooManyRequests
from dashboard.people.quotas import MINUTE_S, REQUESTS_WINDOW_S, Limits, Quotas
from tests.clock import Clock

MIB = 2**20


def test_requests_beyond_the_quota_wait_and_then_go_on() -> None:
    clock = Clock()
    quotas = Quotas(Limits(requests_per_second=2), clock)
    for _ in range(int(2 * REQUESTS_WINDOW_S)):
        quotas.admit_request("ada")
    with pytest.raises(TooManyRequests, match="2 requests a second") as refused:
        quotas.admit_request("ada")
    assert refused.value.retry_after_s == REQUESTS_WINDOW_S
    quotas.admit_request("grace")
    clock.pass_(REQUESTS_WINDOW_S)
    quotas.admit_request("ada")


def test_decoded_bytes_beyond_the_quota_wait_for_the_minute() -> None:
    clock = Clock()
    quotas = Quotas(Limits(cold_bytes_per_minute=100 * MIB), clock)
    quotas.charge("ada", 60 * MIB)
    clock.pass_(10.0)
    quotas.charge("ada", 60 * MIB)
    with pytest.raises(TooManyRequests, match="100 MiB decoded a minute") as refused:
        quotas.charge("ada", MIB)
    assert refused.value.retry_after_s == MINUTE_S - 10
    quotas.charge("grace", MIB)
    clock.pass_(MINUTE_S - 10)
    quotas.charge("ada", MIB)


def test_a_brick_larger_than_the_quota_is_decoded_once_a_minute() -> None:
    quotas = Quotas(Limits(cold_bytes_per_minute=MIB), Clock())
    quotas.charge("ada", 250 * MIB)
    with pytest.raises(TooManyRequests):
        quotas.charge("ada", 1)


def test_what_is_decoded_later_is_counted_unless_the_quota_is_used_up() -> None:
    quotas = Quotas(Limits(cold_bytes_per_minute=MIB), Clock())
    quotas.charge_ahead("ada", lambda: 0)
    quotas.charge_ahead("ada", lambda: 2 * MIB)
    counted: list[str] = []

    def nbytes() -> int:
        counted.append("again")
        return 0

    with pytest.raises(TooManyRequests, match="1 MiB decoded a minute") as refused:
        quotas.charge_ahead("ada", nbytes)
    assert refused.value.retry_after_s == MINUTE_S
    quotas.charge_ahead("", nbytes)
    Quotas(Limits()).charge_ahead("ada", nbytes)
    assert not counted
    quotas.charge_ahead("grace", nbytes)
    assert counted


def test_without_a_name_or_a_limit_nothing_is_refused() -> None:
    strict, none = Quotas(Limits(1, 1), Clock()), Quotas(Limits(), Clock())
    for _ in range(50):
        strict.admit_request("")
        strict.charge("", MIB)
        none.admit_request("ada")
        none.charge("ada", MIB)
