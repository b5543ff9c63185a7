"""The client for scripts, over a real connection."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from urllib3.exceptions import HTTPError
from werkzeug.wrappers import Response

from dashboard.addressing.slabs import slab_of
from dashboard.cli.commands import lamella
from dashboard.client import Client, ServerError, selection_text
from dashboard.errors import SetupError
from dashboard.runtime.container import build_services
from tests.contract.conftest import VOLUME
from tests.web import App, listening


@pytest.fixture(scope="module")
def address(app: App) -> Iterator[str]:
    with listening(app.client.application) as found:
        yield found


def test_volumes_are_indexed_as_arrays(address: str) -> None:
    client = Client(address + "/")
    volume = client.volume("data/volume.h5", "volume")
    assert volume.shape == VOLUME.shape
    for index in (3, -1, (slice(None), 5), (..., 7), np.s_[2, 3:9, ::4], np.int64(4)):
        found = volume[index]  # type: ignore[index]
        assert found.dtype == VOLUME.dtype
        np.testing.assert_array_equal(found, VOLUME[index])  # type: ignore[index]
    np.testing.assert_array_equal(
        client.slice("data/volume.h5", "/volume", "3,::2,::2", pool="nearest"), VOLUME[3, ::2, ::2]
    )


def test_slices_as_they_are_shown(address: str) -> None:
    client = Client(address)
    shown = client.scaled("data/volume.h5", "volume", "3,:,:", window=(0.0, 4000.0))
    assert shown.window == (0.0, 4000.0)
    expected = np.floor(254 * (VOLUME[3] / 4000) + 0.5)
    np.testing.assert_array_equal(shown.values, expected)
    volume = client.volume("data/volume.h5", "volume")
    assert (volume.ndim, volume.dtype) == (3, VOLUME.dtype)
    own = volume.scaled((3, ...), window="slice", norm="sqrt")
    assert own.window == (float(VOLUME[3].min()), float(VOLUME[3].max()))
    picture = Image.open(io.BytesIO(volume.image(3, window=(0.0, 4000.0))))
    np.testing.assert_array_equal(np.asarray(picture), shown.values)


def test_blocks_are_pooled(address: str) -> None:
    volume = Client(address).volume("data/volume.h5", "volume")
    found = volume.slice(np.s_[3, ::4, ::5], pool="max")
    np.testing.assert_array_equal(found, VOLUME[3].reshape(10, 4, 10, 5).max((1, 3)))
    assert volume.slice(np.s_[3, ::4, ::5], pool="mean").dtype == np.float32
    complex_ = Client(address).volume("data/volume.h5", "complex")
    assert complex_.slice(1, part="imag").dtype == np.float32


def test_a_voxel_has_its_exact_value(address: str) -> None:
    found = Client(address).volume("data/volume.h5", "volume").value(3, -1, 7)
    assert found["text"] == str(VOLUME[3, -1, 7])
    assert found["index"] == [3, 39, 7]


@pytest.fixture
def working(app: App) -> Iterator[None]:
    """A prefetch worker of the server."""
    worker = build_services(app.services.settings, role="worker")
    stop = threading.Event()
    thread = threading.Thread(target=worker.worker().run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()
    worker.close()


@pytest.mark.usefixtures("working")
def test_a_volume_is_warmed(address: str) -> None:
    with Client(address) as client:
        volume = client.volume("data/volume.h5", "many")
        warming = volume.warm(0)
        assert warming.progress["what"] == {"axis": "0,1", "start": 0, "stop": volume.shape[0]}
        done = warming.wait(timeout_s=60)
        assert (done["state"], done["done"]) == ("done", done["of"])
        assert warming.result is None
        assert [one["id"] for one in client.jobs()] == [done["id"]]
        warming.cancel()
        assert client.jobs() == []
        assert warming.refresh()["state"] == "done"
        counting = client.volume("data/volume.h5", "volume").statistics(bins=16)
        counting.wait(timeout_s=60)
        assert counting.result is not None
        assert counting.result["sum"] == int(VOLUME.sum(dtype="u8"))
        assert len(counting.result["counts"]) == 16


def command(address: str, *given: str) -> str:
    """What `lamella job` prints."""
    done = CliRunner().invoke(lamella, ["job", "--url", address, *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("working")
def test_the_command_line_has_jobs_done(address: str, tmp_path: Path) -> None:
    names = ("data/volume.h5", "volume")
    counted = json.loads(command(address, "statistics", *names, "--bins", "16", "--wait"))
    assert counted["sum"] == int(VOLUME.sum(dtype="u8"))
    out = tmp_path / "part.npy"
    exporting = command(address, "export", *names, "2:5,:,:").strip()
    assert json.loads(command(address, "wait", exporting, "--out", str(out)))["name"]
    np.testing.assert_array_equal(np.load(out), VOLUME[2:5])
    with pytest.raises(SetupError, match=r"none/part\.npy cannot be written: No such file"):
        command(address, "wait", exporting, "--out", str(tmp_path / "none" / "part.npy"))
    lines = command(address, "list").splitlines()
    assert lines[0].split()[:2] == ["id", "kind"]
    # Other tests have had jobs done before.
    assert [line.split()[1] for line in lines[-2:]] == ["statistics", "export"]
    assert f"Cancelled {exporting}." in command(address, "cancel", exporting)
    assert exporting not in command(address, "list", "--json")
    with pytest.raises(SetupError, match="no job with this id"):
        command(address, "cancel", exporting)


def test_warming_that_is_cancelled_or_fails_is_an_error(address: str, app: App) -> None:
    with Client(address) as client:
        warming = client.volume("data/volume.h5", "volume").warm(1, 0, 5)
        with pytest.raises(TimeoutError):
            warming.wait(timeout_s=0.0)
        warming.cancel()
        with pytest.raises(ServerError, match="no job with this id"):
            warming.refresh()


def test_bookmarks(address: str) -> None:
    with Client(address) as client:
        view = {"file": "data/volume.h5", "dataset": "/volume", "axis": 0, "index": 7}
        made = client.add_bookmark("a vessel & more", view, note="see below")
        assert made["file"] == "data/volume.h5"
        assert "index=7" in made["view"]
        again = client.add_bookmark("the same", made["view"])
        assert again["view"] == made["view"]
        assert {one["name"] for one in client.bookmarks()} == {"a vessel & more", "the same"}
        for one in (made, again):
            client.delete_bookmark(one["id"])
        assert client.bookmarks() == []
        with pytest.raises(ServerError) as caught:
            client.delete_bookmark(made["id"])
        assert caught.value.status == 404


def test_what_may_have_been_done_is_not_done_twice() -> None:
    seen = []

    def torn(environ: Any, start: Any) -> Any:
        seen.append(environ["REQUEST_METHOD"])
        start("200 OK", [("Content-Length", "100")])
        return [b"short"]

    with listening(torn) as address:
        client = Client(address, retries=2)
        with pytest.raises(HTTPError):
            client.add_bookmark("a", "file=x")
    assert seen == ["POST"]


def test_what_is_cut_off_is_asked_for_again() -> None:
    seen = []
    file = io.BytesIO()
    np.save(file, np.zeros((2, 3), "<u2"))
    body = file.getvalue()

    def torn(environ: Any, start: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body if len(seen) > 1 else body[:5]]

    with listening(torn) as address, Client(address, retries=1) as client:
        assert client.slice("a.h5", "/x", "3,:,:").shape == (2, 3)
    assert seen == ["/api/v1/slice"] * 2


def test_files_and_datasets_are_listed(address: str) -> None:
    client = Client(address)
    assert "data/volume.h5" in [file["file"] for file in client.files()]
    assert "/group/floats" in [one["dataset"] for one in client.datasets("data/volume.h5")]
    assert client.stats()["resolution_s"] == 1


def test_slices_of_a_viewer_are_counted(address: str, app: App) -> None:
    before = sum(app.stats()["demand"].values())
    Client(address, viewer="notebook").volume("data/volume.h5", "volume")[9]
    Client(address).volume("data/volume.h5", "volume")[9]
    assert sum(app.stats()["demand"].values()) == before + 1


@pytest.mark.parametrize(
    ("ask", "status", "text"),
    [
        (lambda client: client.slice("data/no.h5", "/x", "0,:,:"), 404, "no.h5"),
        (lambda client: client.volume("data/volume.h5", "volume")[:], 400, "two slices"),
        (lambda client: client.volume("data/volume.h5", "volume")[99], 400, "99"),
    ],
)
def test_what_the_server_refuses_is_its_sentence(
    address: str, ask: Callable[[Client], object], status: int, text: str
) -> None:
    with pytest.raises(ServerError, match=text) as caught:
        ask(Client(address))
    assert caught.value.status == status
    assert caught.value.code


def test_a_dataset_that_cannot_be_shown_says_why(address: str) -> None:
    client = Client(address)
    (name, *_) = [d["dataset"] for d in client.datasets("data/unshowable.h5") if d["reason"]]
    with pytest.raises(ValueError, match="cannot be shown: "):
        client.volume("data/unshowable.h5", name)


def test_a_token_is_not_sent_where_it_could_be_read() -> None:
    with pytest.raises(ValueError, match="https"):
        Client("http://far.example", token="x" * 16)
    Client("http://far.example", token="x" * 16, insecure_http=True)
    for address in ("https://far.example", "http://localhost:8050", "http://[::1]:8050"):
        Client(address, token="x" * 16)


def test_a_busy_server_is_asked_again() -> None:
    statuses = iter([503, 429, 200])
    seen = []

    def busy(environ: Any, start: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        status = next(statuses)
        headers = {} if status == 200 else {"Retry-After": "0"}
        return Response('{"files": []}', status, headers)(environ, start)

    with listening(busy) as address:
        assert Client(address).files() == []
    assert seen == ["/api/v1/files"] * 3


def test_no_wait_is_longer_than_the_client_wants() -> None:
    statuses = iter([429, 200])

    def busy(environ: Any, start: Any) -> Any:
        status = next(statuses)
        return Response('{"files": []}', status, {"Retry-After": "3600"})(environ, start)

    with listening(busy) as address:
        assert Client(address, longest_wait_s=0.01).files() == []
    with listening(Response("", 429, {"Retry-After": "3600"})) as address:
        with pytest.raises(ServerError) as caught:
            Client(address, retries=0).files()
        assert caught.value.retry_after_s == 3600


def test_a_server_that_stays_busy_is_an_error() -> None:
    with (
        listening(Response("busy", 503, {"Retry-After": "0"})) as address,
        pytest.raises(ServerError, match="The server answered 503") as caught,
    ):
        Client(address, retries=2).files()
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ((700,), "700,:,:"),
        ((..., 3), ":,:,3"),
        ((slice(1, -2, 3), ..., slice(None, 4)), "1:-2:3,:,:4"),
        ((1, 2, slice(5, None)), "1,2,5:"),
    ],
)
def test_an_index_as_text(index: Any, text: str) -> None:
    assert selection_text(index, 3) == text


@pytest.mark.parametrize(
    ("index", "error"),
    [
        ((1, 2, 3, 4), IndexError),
        ((..., ...), IndexError),
        (("a",), TypeError),
        ((1.5,), TypeError),
    ],
)
def test_what_is_no_index(index: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        selection_text(index, 3)


def test_slices_of_one_chunk_have_one_slab(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(address)
    asked: list[dict[str, str]] = []
    connection = client._connection  # noqa: SLF001  # what is sent
    get = connection.get
    monkeypatch.setattr(
        connection, "get", lambda path, **query: asked.append(query) or get(path, **query)
    )
    client.slice("data/volume.h5", "/volume", "3,:,:")
    volume = client.volume("data/volume.h5", "volume")
    for index in (0, 7, 8, -1):
        volume[index]
    client.slice("data/volume.h5", "volume", "7,0:9,:")
    slabs = [query.get("slab") for query in asked if "selection" in query]
    assert slabs[0] is None
    assert slabs[1] == slabs[2] == slabs[5] == slab_of("data/volume.h5", "/volume", {0: 0}, [8])
    assert slabs[3] not in (None, slabs[1])
    assert slabs[4] is None
