"""Bytes read from disks and written to them, as the kernel counts them."""

from __future__ import annotations

from pathlib import Path

from dashboard.telemetry.disk_traffic import DiskTraffic

COUNTS = "rchar: 9\nwchar: 9\nread_bytes: {}\nwrite_bytes: {}\ncancelled_write_bytes: 5\n"


def test_what_was_added_since_the_last_call_is_counted(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    source = tmp_path / "io"
    source.write_text(COUNTS.format(4096, 8192))
    traffic = DiskTraffic(lambda name, amount: seen.append((name, amount)), source)
    traffic.count()
    assert seen == []
    source.write_text(COUNTS.format(5096, 8192))
    traffic.count()
    source.write_text(COUNTS.format(5096, 8200))
    traffic.count()
    assert seen == [("disk.read_bytes", 1000.0), ("disk.written_bytes", 8.0)]


def test_a_kernel_that_does_not_say_is_no_error(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    source = tmp_path / "io"
    traffic = DiskTraffic(lambda name, amount: seen.append((name, amount)), source)
    traffic.count()
    # What was read before it could be said is nobody's.
    source.write_text(COUNTS.format(4096, 8192))
    traffic.count()
    source.write_text(COUNTS.format(4097, 8192))
    traffic.count()
    assert seen == [("disk.read_bytes", 1.0)]
