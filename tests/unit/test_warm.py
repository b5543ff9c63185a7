"""`lamella warm`: the bricks that it decodes, their keys, and that it never evicts its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.chunk_grid import ChunkGrid
from dashboard.addressing.requester import WARMUP, Requester
from dashboard.app import create_app
from dashboard.bricks.loader import BrickLoader, CacheFull
from dashboard.catalog.volume import Volume
from dashboard.cli import warm
from dashboard.errors import CannotShow
from dashboard.runtime.container import build_services
from dashboard.settings import Settings
from dashboard.storage import direct_io, eviction
from tests import terminal

MakeSettings = Callable[..., Settings]

BRICK = 8 * 40 * 30 * 2


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "below" / "v.h5"
    path.parent.mkdir(parents=True)
    values = np.arange(32 * 40 * 30, dtype="u2").reshape(32, 40, 30)
    with h5py.File(path, "w") as file:
        file.create_dataset("scan", data=values, chunks=(8, 16, 16), compression="gzip")
        file["words"] = "no volume"
    return path


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `lamella warm`: (exit status, standard output, standard error)."""

    cache = str(tmp_path / "cache")
    return lambda *arguments: terminal.run(
        capsys, "warm", "--cache-dir", cache, *map(str, arguments)
    )


def ask(settings: Settings, file: str, selection: str) -> Any:
    app = create_app(settings)
    services = app.server.extensions["lamella"]
    try:
        return app.server.test_client().get(
            "/api/v1/slice",
            query_string={
                "file": file,
                "dataset": "/scan",
                "selection": selection,
                "viewer": "v",
            },
        )
    finally:
        services.close()


@pytest.mark.parametrize(
    ("served", "file"),
    [("data/below/v.h5", "v.h5"), ("data", "data/below/v.h5"), ("n=data", "n/below/v.h5")],
)
def test_the_server_finds_what_was_decoded(
    run: Any, make_settings: MakeSettings, volume: Path, tmp_path: Path, served: str, file: str
) -> None:
    name, equals, below = served.rpartition("=")
    root = f"{name}{equals}{tmp_path / below}"
    status, out, _ = run(volume, "--root", root)
    assert status == 0
    assert out.startswith(f"4 of 4 bricks of {file}, /scan are in the cache")
    answer = ask(make_settings(data=(root,)), file, "9,:,:")
    assert answer.headers["Cache-Status"] == "bricks; hit; detail=prefetched, frames; fwd=miss"
    with h5py.File(volume) as opened:
        assert answer.data == opened["scan"][9].tobytes()


def test_it_goes_on_where_it_ended(run: Any, volume: Path) -> None:
    assert "2 of 2 bricks" in run(volume, "--start", 7, "--stop", 9)[1]
    out = run(volume)[1]
    assert "4 of 4 bricks" in out
    assert "2 decoded now" in out
    assert "; 0 decoded now" in run(volume)[1]
    assert "2 decoded now" in run(volume, "--axis", 2)[1], "each axis has bricks of its own"


def test_it_never_puts_out_what_it_has_put_in(
    run: Any, monkeypatch: pytest.MonkeyPatch, make_settings: MakeSettings, volume: Path
) -> None:
    monkeypatch.setenv("LAMELLA_BRICK_CACHE_BYTES", str(2 * BRICK + 1000))
    monkeypatch.setattr(eviction, "IN_USE_S", -1.0)
    status, out, err = run(volume)
    assert status == 2
    assert "2 of 4 bricks" in out
    assert "LAMELLA_BRICK_CACHE_BYTES" in err
    assert run(volume)[1].startswith("2 of 4 bricks")
    assert "; 0 decoded now" in run(volume)[1]
    assert "2 decoded now" in run(volume, "--start", 16)[1], "others' bricks may leave"
    assert "2 decoded now" in run(volume)[1]
    monkeypatch.setenv("LAMELLA_BRICK_CACHE_BYTES", "10000")
    status, out, err = run(volume)
    assert (status, out) == (2, "")
    assert "one brick takes" in err


@pytest.mark.parametrize(("memory", "gathered"), [(16 * BRICK, 4), (20 * BRICK, 0)])
def test_more_than_the_page_cache_is_good_for_goes_past_it(
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    make_settings: MakeSettings,
    volume: Path,
    memory: int,
    gathered: int,
) -> None:
    written = []
    honest = direct_io.write

    def write(fd: int, data: memoryview) -> None:
        written.append(len(data))
        honest(fd, data)

    monkeypatch.setattr(direct_io, "memory_bytes", lambda: memory)
    monkeypatch.setattr(direct_io, "write", write)
    assert run(volume)[1].startswith("4 of 4 bricks")
    assert written == [BRICK] * gathered
    answer = ask(make_settings(data=(str(volume),)), "v.h5", "31,:,:")
    assert answer.headers["Cache-Status"] == "bricks; hit; detail=prefetched, frames; fwd=miss"
    with h5py.File(volume) as opened:
        assert answer.data == opened["scan"][31].tobytes()


def test_a_full_disk_is_said(run: Any, monkeypatch: pytest.MonkeyPatch, volume: Path) -> None:
    monkeypatch.setenv("LAMELLA_FREE_FLOOR_BYTES", "1000TB")
    monkeypatch.setenv("LAMELLA_BRICK_CACHE_BYTES", "1GB")
    status, _, err = run(volume)
    assert status == 2
    assert "0 of 4 bricks" in err
    assert "The disk of the cache is full" in err


def test_a_cache_full_of_viewed_bricks_is_reported(
    run: Any, monkeypatch: pytest.MonkeyPatch, volume: Path
) -> None:
    tries = []

    def refuse(*_: object, **__: object) -> None:
        tries.append(True)
        raise CacheFull("")

    monkeypatch.setattr(BrickLoader, "load", refuse)
    monkeypatch.setattr(warm, "IN_USE_S", 0.0)
    status, _, err = run(volume)
    assert status == 2
    assert len(tries) > 1, "what was used a moment ago may leave in the next"
    assert "bricks that are being viewed are not evicted" in err


def test_a_brick_that_cannot_be_read_does_not_stop_the_others(
    run: Any, monkeypatch: pytest.MonkeyPatch, volume: Path
) -> None:
    honest = BrickLoader.load

    def get(self: BrickLoader, volume: Volume, address: BrickAddress, requester: Requester) -> Any:
        assert requester == WARMUP
        if address.start[0] == 8:
            raise CannotShow("It is broken.")
        return honest(self, volume, address, requester)

    monkeypatch.setattr(BrickLoader, "load", get)
    status, out, err = run(volume)
    assert status == 2
    assert "3 of 4 bricks" in out
    assert "1 of them cannot be decoded: It is broken." in err


def test_damaged_chunks_are_counted(run: Any, volume: Path) -> None:
    with h5py.File(volume) as file:
        place = file["scan"].id.get_chunk_info(0).byte_offset
    with volume.open("r+b") as stream:
        stream.seek(place + 2)
        stream.write(b"\xff" * 20)
    status, out, err = run(volume)
    assert status == 0
    assert "4 of 4 bricks" in out
    assert "1 damaged chunks" in err


def test_ctrl_c_ends_it_in_good_order(
    run: Any, monkeypatch: pytest.MonkeyPatch, volume: Path, tmp_path: Path
) -> None:
    interrupted = []

    def interrupt(*arguments: Any, **named: Any) -> Any:
        interrupted.append(True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(warm, "wait", interrupt)
        status, out, err = run(volume)
    assert interrupted
    assert (status, out) == (130, "")
    assert "2 of 4 bricks" in err, "what was being decoded is finished and kept"
    assert not list((tmp_path / "cache" / "partial").iterdir())
    assert "2 decoded now" in run(volume)[1]


def test_contiguous_data_needs_none_of_it(run: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["plain"] = np.zeros((4, 5, 6), "f4")
    status, out, _ = run(tmp_path / "c.h5")
    assert status == 0
    assert "nothing to decode ahead" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--axis", "3"], "--axis is from 0 to 2"),
        (["--axis", "-1"], "--axis is from 0 to 2"),
        (["--start", "5", "--stop", "5"], "--start lies before --stop, both from 0 to 32"),
        (["--stop", "33"], "--start lies before --stop"),
        (["--dataset", "/other"], "/other"),
        (["--dataset", "/words"], "string"),
        (["--root", "/usr"], "under none of the roots"),
        (["--root", "/no/such/thing"], "does not exist"),
    ],
)
def test_what_can_be_mended(run: Any, volume: Path, arguments: Sequence[str], reason: str) -> None:
    status, out, err = run(volume, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_which_dataset_is_asked_for(run: Any, volume: Path) -> None:
    with h5py.File(volume, "a") as file:
        file["other"] = np.zeros((4, 5))
    status, _, err = run(volume)
    assert status == 2
    assert "/other, /scan" in err
    assert "4 of 4 bricks" in run(volume, "--dataset", "scan")[1]
    assert "is a folder" in run(volume.parent)[2]
    with h5py.File(volume, "w") as file:
        file["words"] = "no volume"
    assert "no dataset that can be browsed" in run(volume)[2]


class TestNames:
    """What the file is called by the server that is meant."""

    def test_alone_it_has_its_own_name(self, volume: Path) -> None:
        assert warm.resolve_served_name(str(volume), ()) == ((str(volume),), "v.h5")
        assert warm.resolve_served_name(f"n={volume}", ())[1] == "n"

    def test_below_what_is_configured(self, volume: Path, tmp_path: Path) -> None:
        data = (str(tmp_path / "data"),)
        assert warm.resolve_served_name(str(volume), (), data) == (data, "data/below/v.h5")
        assert warm.resolve_served_name(str(volume), (), ("/usr",)) == ((str(volume),), "v.h5")
        assert warm.resolve_served_name(str(volume), (str(volume),), data)[1] == "v.h5"

    def test_links_go_by_their_own_name(
        self, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "data" / "link.h5").symlink_to(volume)
        (tmp_path / "way").symlink_to(tmp_path / "data")
        data = (f"n={tmp_path / 'way'}",)
        assert warm.resolve_served_name(str(tmp_path / "way" / "link.h5"), data)[1] == "n/link.h5"
        monkeypatch.chdir(tmp_path)
        assert warm.resolve_served_name("way/link.h5", data)[1] == "n/link.h5"
        assert warm.resolve_served_name("./data/below/../below/v.h5", data)[1] == "n/below/v.h5"


def test_the_bricks_across_an_axis(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All positions of the dimensions that are not shown; of tiles, all."""
    path = tmp_path / "four.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (3, 20, 16, 16), "u1", chunks=(2, 8, 8, 8), compression="gzip")
    services = build_services(make_settings(data=(str(path),)), "cli")
    try:
        volume = services.metadata.volume("four.h5", "v")
    finally:
        services.close()
    found = warm.bricks_across(volume, 1, 9, 10)
    assert [(b.start, b.stop) for b in found] == [
        ((0, 8, 0, 0), (2, 16, 16, 16)),
        ((2, 8, 0, 0), (3, 16, 16, 16)),
    ]
    assert len(warm.bricks_across(volume, 0, None, None)) == 2 * 3
    monkeypatch.setattr(ChunkGrid, "_tile", lambda *_: (8, 16))
    assert len(warm.bricks_across(volume, 1, 9, 10)) == 4
    monkeypatch.setattr(warm, "MAX_BRICKS", 3)
    with pytest.raises(Exception, match="more than 3 bricks"):
        warm.bricks_across(volume, 1, 9, 10)
