"""Reports of slices that were painted before the server answered the newest request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.addressing.selection import parse
from dashboard.runtime.container import Services
from tests.services import figures, later
from tests.unit.runtime.test_reports import body, opened, report, row


@pytest.fixture
def services(make: Callable[..., Services]) -> Services:
    made = make()
    opened(made)
    return made


def request(services: Services, *indexes: int) -> None:
    """Requests of a viewer, which the page had not painted yet when it reported last."""
    (volume,) = services.metadata.known("data/a.h5", "/x")
    for index in indexes:
        services.activity.viewed("v", volume, parse(f"{index},:,:", volume.shape))


def test_a_late_report_of_slices_on_the_way_is_no_reversal(services: Services) -> None:
    request(services, 3, 8)
    services.activity.report(report("4,:,:", "5,:,:", "6,:,:", "7,:,:"))
    later(services)
    (plan,) = services.plans.plans()
    assert [sample.position[0] for sample in plan.trajectory] == [3, 7, 8]
    # Here the page says itself that it went back.
    rows = [row("8,:,:", source="miss"), row("7,:,:"), row("6,:,:")]
    services.activity.report(body(*rows))
    later(services)
    assert services.plans.plans()[0].position == (6,)


def test_what_the_server_answered_last_is_where_the_viewer_is(services: Services) -> None:
    request(services, 3, 8, 9)
    services.activity.report(body(row("7,:,:"), *(row(f"{n},:,:", source="miss") for n in (8, 9))))
    later(services)
    (plan,) = services.plans.plans()
    assert plan.position == (9,)
    assert figures(services)["demand"]["ring"] == 1
