"""Ten viewers with hostile files and requests beside them lose no answer; `bench/attacked` measures the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.attacked.load import measure

# Two servers start and come to rest in that time, on a machine that may be busy.
pytestmark = [pytest.mark.nightly, pytest.mark.stress, pytest.mark.timeout(400)]

SECONDS = 7.0


def test_viewers_lose_no_answer_to_hostile_requests(tmp_path: Path) -> None:
    result = measure(tmp_path, SECONDS, shape=(128, 200, 200))
    print(result.to_json())
    assert result.quiet.lost == {}
    assert result.attacked.lost == {}
    assert result.attacked.requested == result.quiet.requested > 200
    # That there was an attack, and that it was answered.
    for kind in (
        "slice with a shuffle width",
        "nested JSON: 400",
        "report of 1,000 names",
        "half a head",
    ):
        assert any(name.startswith(kind) for name in result.hostile), kind
    assert result.hostile["children stopped"] >= 1
    assert not any(name.endswith(": 500") for name in result.hostile), result.hostile
