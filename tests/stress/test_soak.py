"""The load of `bench/soak` in short: restarts and hostile requests, and every slice is the one that h5py reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak import load
from bench.soak.__main__ import SLACK as SLACKS
from bench.soak.__main__ import faults, report
from bench.soak.resources import Sample, changes

SLACK = {"bytes": 10.0}


def test_growth_is_the_last_part_over_the_first() -> None:
    figures = [({"a.bytes": 100, "b.bytes": 100 + n * 4}) for n in range(11)]
    found = changes([Sample(float(n), one) for n, one in enumerate(figures)], 2.0, SLACK, 0.1)
    assert found["a.bytes"].flat
    assert (found["b.bytes"].first, found["b.bytes"].last, found["b.bytes"].most) == (104, 136, 140)
    assert not found["b.bytes"].flat


def test_a_soak_that_ended_early_shows_nothing() -> None:
    seen = load.Seen()
    assert faults(report(seen), 60.0, 10) == [
        "It ended after 0 of 60 s.",
        "0 of 10 slices were compared.",
    ]
    seen.samples += [Sample(float(n), {f"web.{name}": 1 for name in SLACKS}) for n in range(61)]
    seen.compared.equal = 9
    assert faults(report(seen), 60.0, 10) == []
    assert faults(report(seen), 3600.0, 10) == ["It ended after 60 of 3,600 s."]


@pytest.mark.nightly
@pytest.mark.stress
@pytest.mark.timeout(600)
def test_mixed_load_with_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "RESTART_EVERY_S", 4.0)
    sizes = load.Sizes(shape=(64, 200, 200), cold=(128, 256, 256))
    seen = load.Seen()
    load.soak(tmp_path, 60.0, 60, seen, round_s=20.0, sizes=sizes)
    found = report(seen)
    print(found)
    assert seen.compared.wrong == []
    assert seen.compared.equal >= 40
    assert sum(seen.restarts.values()) >= 6
    assert seen.swept["200"] >= 50
    assert not any(name.endswith(": 500") for name in seen.hostile), seen.hostile
    assert {"web.bytes", "prefetch.threads", "hdf5.descriptors", "cache.bricks.disk"} <= set(
        found["resources"]
    )
