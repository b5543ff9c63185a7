"""`dashboard.notebook`: one server for a process, with files as they come, which ends with the process."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h5py
import numpy as np
import pytest

from dashboard import notebook
from dashboard.client import Client
from dashboard.notebook import View, show
from tests import files
from tests.nightly import mostly
from tests.stress.test_serve import descendants, watched

pytestmark = pytest.mark.stress


@pytest.fixture(autouse=True)
def _own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("LAMELLA_BRICK_CACHE_BYTES", "64MiB")
    # Where to listen is not taken from the environment.
    monkeypatch.setenv("LAMELLA_PORT", "1")
    monkeypatch.setenv("LAMELLA_PUBLIC", "1")
    yield
    notebook.stop()


def client(view: View) -> Client:
    parts = urlsplit(view.url)
    return Client(f"http://{parts.netloc}", token=parse_qs(parts.query)["token"][0])


def test_a_file_is_shown_in_a_frame(volume: Path) -> None:
    view = show(volume, "/scan", axis=0, index=7, x=(1.0, 9.5), height=300)
    query = parse_qs(urlsplit(view.url).query)
    assert query["file"] == ["v.h5"]
    assert query["dataset"] == ["/scan"]
    assert (query["axis"], query["index"], query["x"]) == (["0"], ["7"], ["1.0,9.5"])
    html = view._repr_html_()
    assert re.fullmatch(r'<iframe src="http://127\.0\.0\.1:\d+/\?token=[^"]*" .*></iframe>', html)
    assert 'height="300"' in html
    assert "&amp;" in html
    assert query["token"][0] not in repr(view)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(view.url.partition("?")[0] + "api/v1/files")
    headers = http.client.HTTPConnection(urlsplit(view.url).netloc)
    headers.request("GET", "/sign-in")
    policy = headers.getresponse().headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview:" in policy
    headers.close()


def test_one_server_for_all_files(volume: Path, tmp_path: Path) -> None:
    first = show(volume)
    again = show(volume, "/scan")
    assert urlsplit(again.url).netloc == urlsplit(first.url).netloc
    other = files.write(tmp_path / "other" / "v.h5", scan=np.zeros((3, 4, 5), "u1"))
    second = show(other)
    assert parse_qs(urlsplit(second.url).query)["file"] == ["v-2.h5"]
    # The first one goes on, at the same address and with the same token.
    assert urlsplit(second.url).netloc == urlsplit(first.url).netloc
    with client(first) as found:
        assert {file["file"] for file in found.files()} == {"v.h5", "v-2.h5"}
        assert found.volume("v.h5", "/scan").shape == (40, 60, 50)
        assert found.volume("v-2.h5", "/scan").shape == (3, 4, 5)


def test_an_open_dataset_is_shown(volume: Path) -> None:
    with h5py.File(volume) as file:
        view = show(file["scan"])
        assert parse_qs(urlsplit(view.url).query)["dataset"] == ["/scan"]
        assert "dataset" not in parse_qs(urlsplit(show(file).url).query)
        with client(view) as found:
            np.testing.assert_array_equal(found.volume("v.h5", "/scan")[3], file["scan"][3])


def test_a_file_that_is_being_written_is_flushed(tmp_path: Path) -> None:
    values = np.arange(60, dtype="u2").reshape(3, 4, 5)
    with h5py.File(tmp_path / "new.h5", "w") as file:
        dataset = file.create_dataset("made", data=values, chunks=(1, 4, 5))
        with pytest.warns(UserWarning, match="open for writing") as warned:
            view = show(dataset)
        assert warned[0].filename == __file__
        with client(view) as found:
            np.testing.assert_array_equal(found.volume("new.h5", "/made")[2], values[2])
            dataset[2] = 7
            file.flush()
            assert found.volume("new.h5", "/made")[2].max() == 7


def test_a_file_that_nobody_else_can_open(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "new.h5", "w", libver="latest") as file:
        dataset = file.create_dataset("made", data=np.ones((3, 4, 5)), chunks=(1, 4, 5))
        with pytest.raises(ValueError, match="swmr_mode"):
            show(dataset)
        file.swmr_mode = True
        with pytest.warns(UserWarning, match="open for writing"):
            view = show(dataset)
        with client(view) as found:
            assert found.volume("new.h5", "/made")[2].tolist() == dataset[2].tolist()


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.h5 is no file"):
        show(tmp_path / "no.h5")
    with (
        h5py.File("memory", "w", driver="core", backing_store=False) as file,
        pytest.raises(FileNotFoundError, match="in memory"),
    ):
        show(file)


def test_a_server_that_does_not_start_says_why(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMELLA_WEB_THREADS", "none")
    with pytest.raises(RuntimeError, match="LAMELLA_WEB_THREADS"):
        show(volume)


def test_the_server_is_that_of_a_hub(volume: Path) -> None:
    view = show(volume, base_url="https://hub.example/user/ann/")
    parts = urlsplit(view.url)
    assert parts.netloc == "hub.example"
    found = re.fullmatch(r"/user/ann/proxy/absolute/(\d+)/", parts.path)
    assert found is not None
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]))
    # As the proxy sends it.
    connection.request(
        "GET",
        f"{parts.path}api/v1/files",
        headers={
            "Host": "hub.example",
            "X-Forwarded-Proto": "https",
            "Authorization": f"Bearer {parse_qs(parts.query)['token'][0]}",
        },
    )
    assert connection.getresponse().status == 200
    connection.close()


NOTEBOOK = """
import sys, threading
from dashboard.notebook import show
views = []
cell = threading.Thread(target=lambda: views.append(show(sys.argv[1])))
cell.start()
cell.join()
print(views[0].url, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", mostly([False, True], [False]))
def test_it_ends_with_the_process(volume: Path, killed: bool) -> None:
    kernel = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, str(volume)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    url = kernel.stdout.readline().strip()
    processes = list(descendants(kernel.pid))
    assert len(processes) >= 3
    with watched(processes) as left:
        # The thread that showed it has ended, and the server has not.
        with urllib.request.urlopen(f"http://{urlsplit(url).netloc}/healthz") as response:
            assert response.status == 200
        if killed:
            os.kill(kernel.pid, signal.SIGKILL)
        else:
            kernel.stdin.close()
        assert left() == []
    kernel.wait()
    kernel.stdout.close()
    if killed:
        kernel.stdin.close()


@pytest.mark.nightly
def test_a_fork_has_a_server_of_its_own(volume: Path, tmp_path: Path) -> None:
    here = show(volume)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            there: Any = show(volume)
            status = int(urlsplit(there.url).netloc == urlsplit(here.url).netloc)
            notebook.stop()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with client(here) as found:
        assert found.volume("v.h5", "/scan").ndim == 3
