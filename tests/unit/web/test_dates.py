"""The page's dates are those of the server, which has them of cftime."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dashboard.meaning.coordinates import dates_of

DATES = Path(__file__).parents[2] / "js" / "print-dates.mjs"
CALENDARS = (
    "",
    "standard",
    "gregorian",
    "proleptic_gregorian",
    "julian",
    "noleap",
    "365_day",
    "all_leap",
    "366_day",
    "360_day",
)
UNITS = (
    "days since 2001-01-01",
    "hours since 1582-10-04 12:30",
    "d since 1-1-1 00:00:0.0",
    "seconds since 1970-01-01T00:00:00Z",
    "minutes since 1999-12-31 23:59:30.25 +05:30",
    "msec since 1900-3-1 -0800",
    "microseconds since 2000-02-28",
    "Hours since 0004-02-28 UTC",
    "common_years since 2001-01-01",
    "months since 2001-01-30",
    "days since 2001-02-29",
    "days since 2001-02-30",
    "fortnights since 2001-01-01",
    "days since 0000-01-01",
)


def dates_of_page(asked: list[dict[str, object]]) -> list[list[str] | None]:
    from deno import find_deno_bin

    done = subprocess.run(
        [find_deno_bin(), "run", "--quiet", "--no-remote", DATES],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str] | None] = json.loads(done.stdout)
    return found


def test_dates_are_those_of_the_server() -> None:
    # Quarters are exact in any unit; the last ones pass leap days, centuries and the reform of the calendar.
    many = np.random.default_rng(8).integers(-60_000, 400_000, 200)
    all_values = np.concatenate([np.arange(-40, 400) / 4, many])
    asked: list[dict[str, object]] = []
    expected: list[list[str] | None] = []
    for calendar in CALENDARS:
        for unit in UNITS:
            # Of years before the first one calendars have different numbers, and CF has none.
            least = 0 if re.search(r" 0*[14]-", unit) else -60_000
            most = 1_000 if unit.startswith(("common", "months")) else 400_000
            values = all_values[(all_values >= max(least, -most)) & (all_values <= most)]
            if unit.startswith("micro"):
                values = np.round(values)
            dates = dates_of(values, unit, calendar)
            asked.append({"unit": unit, "calendar": calendar, "values": values.tolist()})
            expected.append(None if dates is None else [*dates["text"]])
    found = dates_of_page(asked)
    for query, page, server in zip(asked, found, expected, strict=True):
        if server is None:
            assert page is None, query
            continue
        assert page is not None, query
        assert [shortest(text) for text in page] == [shortest(text) for text in server]
    assert sum(one is not None for one in expected) > 80


def shortest(text: str) -> str:
    """The same text from both, whose fractions end with more or fewer zeros."""
    return text.replace(" ", "T").rstrip("0") if "." in text else text.replace(" ", "T")


@pytest.mark.parametrize("unit", ["nanoseconds since 1970-01-01", "ns since 2000-01-01 00:00:00.5"])
def test_nanoseconds_are_those_of_the_server(unit: str) -> None:
    values = np.random.default_rng(4).integers(0, 2**52, 20) // 1000 * 1000
    dates = dates_of(values, unit, "proleptic_gregorian")
    assert dates is not None
    (page,) = dates_of_page([{"unit": unit, "calendar": "", "values": values.tolist()}])
    assert page is not None
    assert [shortest(text) for text in page] == [shortest(text) for text in dates["text"]]
