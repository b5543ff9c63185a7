"""The demand signal, between descriptors and between processes."""

from __future__ import annotations

from pathlib import Path

from dashboard.storage.demand_signal import DemandSignal
from tests.files import open_below
from tests.unit.storage.lock_holder import end, hold


def test_it_is_not_idle_during_a_demand(tmp_path: Path) -> None:
    signal = DemandSignal(tmp_path / "signal")
    assert signal.is_idle()
    with signal.demand():
        assert not signal.is_idle()
        with signal.demand():
            assert not signal.is_idle()
        assert not signal.is_idle()
    assert signal.is_idle()
    signal.close()


def test_testing_for_a_demand_signals_none(tmp_path: Path) -> None:
    signal, other = DemandSignal(tmp_path / "signal"), DemandSignal(tmp_path / "signal")
    assert signal.is_idle()
    assert other.is_idle()
    with other.demand():
        assert not signal.is_idle()
    signal.close()
    other.close()


def test_it_is_idle_again_when_the_demanding_process_is_killed(tmp_path: Path) -> None:
    signal = DemandSignal(tmp_path / "signal")
    process = hold("DemandSignal(path).demand()", tmp_path / "signal")
    assert not signal.is_idle()
    end(process)
    assert signal.is_idle()
    signal.close()


def test_descriptors_are_closed(tmp_path: Path) -> None:
    before = len(open_below(tmp_path))
    signal = DemandSignal(tmp_path / "signal")
    with signal.demand():
        assert not signal.is_idle()
    signal.close()
    assert len(open_below(tmp_path)) <= before


def test_it_works_again_after_its_file_was_deleted(tmp_path: Path) -> None:
    signal = DemandSignal(tmp_path / "signal")
    (tmp_path / "signal").unlink()
    with signal.demand():
        assert not signal.is_idle()
    assert signal.is_idle()
    signal.close()
