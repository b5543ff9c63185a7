"""The client for scripts, over a real connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from werkzeug.wrappers import Response

from dashboard.client import Client, ServerError, selection_text
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
