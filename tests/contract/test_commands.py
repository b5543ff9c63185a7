"""The real commands: responses of `lamella serve`, and usage errors of all commands."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import files

WITHIN_S = 60.0
SHAPE = (24, 60, 70)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scans"
    made.mkdir()
    files.write_storages(made / "storages.h5", shape=(9, 20, 31))
    values = files.made_up("<u2", SHAPE)
    files.write(made / "volume.h5", x=(values, {"chunks": (4, 20, 20), "compression": "gzip"}))
    return made


def ask(url: str, path: str, **query: Any) -> tuple[Any, bytes]:
    """(headers, body) of an answer with 200."""
    text = urllib.parse.urlencode(query)
    with urllib.request.urlopen(f"{url}{path}?{text}", timeout=WITHIN_S) as answer:
        return answer.headers, answer.read()


def test_the_real_server_gives_the_real_values(serve: Callable[..., Any], folder: Path) -> None:
    server = serve(str(folder))
    listed = json.loads(ask(server.url, "/api/v1/files")[1])["files"]
    assert [entry["file"] for entry in listed] == ["scans/storages.h5", "scans/volume.h5"]
    stored = files.made_up("<u2", (9, 20, 31))
    found = json.loads(ask(server.url, "/api/v1/datasets", file="scans/storages.h5")[1])["datasets"]
    assert {record["dataset"] for record in found} > {f"/{name}" for name in files.CHUNKED}
    for record in found:
        query = {"file": "scans/storages.h5", "dataset": record["dataset"]}
        for text, expected in (("5,:,:", stored[5]), (":,3:17:2,-1", stored[:, 3:17:2, -1])):
            headers, body = ask(server.url, "/api/v1/slice", selection=text, **query)
            assert body == expected.tobytes(), record
            assert headers["X-Slice-Shape"] == "{},{}".format(*expected.shape)
            assert "total;dur=" in headers["Server-Timing"]


def test_fifty_who_come_at_once_to_two_processes_decode_once(
    serve: Callable[..., Any], folder: Path
) -> None:
    server = serve(str(folder), LAMELLA_WEB_PROCESSES="2", LAMELLA_PLAN_SECONDS="0.001")
    values = files.made_up("<u2", SHAPE)

    def one(number: int) -> tuple[str, bytes]:
        query = {"file": "scans/volume.h5", "dataset": "x", "selection": "9,:,:"}
        headers, body = ask(server.url, "/api/v1/slice", viewer=f"v{number}", **query)
        return headers["Cache-Status"], body

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert {body for _, body in answers} == {values[9].tobytes()}
    statuses = [status for status, _ in answers]
    assert statuses.count("bricks; fwd=miss; detail=first, frames; fwd=miss") == 1
    demand: dict[str, int] = {}
    while sum(demand.values()) < 50:
        # The ledger takes a second to hear of it.
        demand = json.loads(ask(server.url, "/api/v1/stats", window="all")[1])["demand"]
    assert demand["miss"] == 1
    assert sum(demand.values()) == 50


def test_what_is_planned_is_decoded_ahead(serve: Callable[..., Any], folder: Path) -> None:
    server = serve(str(folder))
    query = {"file": "scans/volume.h5", "dataset": "x"}
    values = files.made_up("<u2", SHAPE)
    for index in (0, 1, 2, 3):
        ask(server.url, "/api/v1/slice", selection=f"{index},:,:", viewer="v", **query)
    found: dict[str, Any] = {"ahead": []}
    while not found["ahead"]:
        body = ask(server.url, "/api/v1/residency", selection="3,:,:", axis=0, **query)[1]
        found = json.loads(body)
    index = found["ahead"][0][0]
    assert found["cached"][0][0] == 0
    headers, body = ask(server.url, "/api/v1/slice", selection=f"{index},:,:", viewer="v", **query)
    assert headers["Cache-Status"] == "bricks; hit; detail=prefetched, frames; fwd=miss"
    assert body == values[index].tobytes()


def test_a_brick_that_two_viewers_use_counts_once(serve: Callable[..., Any], folder: Path) -> None:
    # Plans outlive the test, so that no brick is wasted. There is room for all bricks of axis 0 (34 kB each), and
    # for none of the other axes.
    server = serve(str(folder), LAMELLA_PLAN_SECONDS="600", LAMELLA_PREFETCH_BYTES="225kB")
    query = {"file": "scans/volume.h5", "dataset": "x"}

    def view(index: int, viewer: str) -> None:
        ask(server.url, "/api/v1/slice", selection=f"{index},:,:", viewer=viewer, **query)

    def until(fulfilled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + WITHIN_S
        while True:
            body = ask(server.url, "/api/v1/stats", window="all")[1]
            found: dict[str, Any] = json.loads(body)["prefetch"]
            if fulfilled(found) or time.monotonic() > end:
                return found
            time.sleep(0.1)

    view(0, "ann")
    # Of six bricks, all but the one that was demanded.
    found = until(lambda stats: stats["decoded"] == 5)
    assert (found["decoded"], found["used"], found["accuracy"]) == (5, 0, None)
    view(8, "ann")
    view(11, "bob")
    view(12, "ann")
    found = until(lambda stats: stats["used"] >= 2)
    assert (found["used"], found["accuracy"]) == (2, None)
    assert found["lead"]["ready"] == 2
    view(16, "ann")
    found = until(lambda stats: stats["used"] >= 3)
    assert (found["used"], found["accuracy"]) == (3, 1.0)
    assert found["used_bytes"] * 5 == found["decoded_bytes"] * 3
    assert found["undecided_bytes"] * 5 == found["decoded_bytes"] * 2
    assert 0 < found["saved_s"] <= found["spent_s"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "{tmp}/missing.h5"], "does not exist"),
        (["serve", "{tmp}/text.h5"], "is not an HDF5 file"),
        (["serve", "--cache-dir", "{tmp}/text.h5", "{tmp}/scans"], "is a file"),
        (["web", "--port", "99999999", "{tmp}/scans"], "LAMELLA_PORT"),
        (["worker", "a={tmp}/scans", "a={tmp}"], "Two roots are called 'a'"),
        (["inspect", "{tmp}/missing.h5"], "does not exist"),
        (["inspect", "{tmp}/text.h5"], "not an HDF5 file"),
        (["inspect", "{tmp}/cut.h5"], "truncated"),
        (["sample", "{tmp}/new.h5", "--shape", "0,1,1"], "shape"),
    ],
    ids=" ".join,
)
def test_what_can_be_mended_ends_with_2_and_one_sentence(
    folder: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    content = (folder / "volume.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    before = np.fromiter((p.stat().st_mtime_ns for p in sorted(folder.iterdir())), np.int64)
    ended = subprocess.run(
        [sys.executable, "-m", "dashboard", *(a.format(tmp=tmp_path) for a in arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=WITHIN_S,
    )
    assert ended.returncode == 2, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(lines) <= 4, ended.stderr
    after = np.fromiter((p.stat().st_mtime_ns for p in sorted(folder.iterdir())), np.int64)
    assert (before == after).all(), "the data was touched"
