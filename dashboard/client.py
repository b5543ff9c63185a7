"""A client of the HTTP interface for scripts and notebooks: slices of remote volumes as NumPy arrays.

from dashboard.client import Client

volume = Client("http://127.0.0.1:8050").volume("demo.h5", "/volume")
plane = volume[128]
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import urllib3
from numpy.typing import NDArray

from dashboard.settings import is_loopback

Index = int | slice | EllipsisType

# Statuses of a server that is busy, or that a client asks too often.
BUSY = (429, 503)


class ServerError(Exception):
    """The server refused a request; `status` is that of HTTP, `code` the error's name in the interface."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Client:
    """A server at `address`; connections are kept open, and threads may share the client.

    `token` is that of a server that asks for sign-in. Over plain HTTP it is sent to this machine alone, unless
    `insecure_http` allows more (ValueError).

    A busy server is asked again, up to `retries` times and when its `Retry-After` says so, and one that cannot be
    reached with a back-off. With `viewer` (letters, digits, `-` and `_`), slices count as a viewer's, and the next
    ones are prefetched.

    All methods raise `ServerError`, and `urllib3.exceptions.HTTPError` when no response comes in `timeout_s`
    seconds.
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8050",
        *,
        token: str | None = None,
        viewer: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 5,
        insecure_http: bool = False,
    ) -> None:
        self._address = address.rstrip("/")
        self._viewer = viewer
        retry = urllib3.Retry(
            total=retries, backoff_factor=0.2, status_forcelist=BUSY, raise_on_status=False
        )
        if token is not None and not re.fullmatch("[!-~]+", token):
            raise ValueError("A token has visible ASCII characters, without spaces.")
        if token is not None and not insecure_http and not _is_private(address):
            raise ValueError(
                "A token over plain HTTP can be read on the way: use https, or insecure_http."
            )
        # Not sent on to another host by a redirect.
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(timeout=timeout_s, retries=retry, headers=headers)

    def files(self) -> list[dict[str, Any]]:
        """The files that the server lists, each with its name (`file`) and size (`bytes`)."""
        found: list[dict[str, Any]] = self._json("/api/v1/files")["files"]
        return found

    def datasets(self, file: str) -> list[dict[str, Any]]:
        """The datasets of a file with name, shape, type and storage; those not `browsable` say why (`reason`)."""
        found: list[dict[str, Any]] = self._json("/api/v1/datasets", file=file)["datasets"]
        return found

    def volume(self, file: str, dataset: str) -> Volume:
        """A dataset that can be sliced; raises ValueError with the reason for one that cannot."""
        (found,) = self._json("/api/v1/datasets", file=file, dataset=dataset)["datasets"]
        if not found["browsable"]:
            raise ValueError(f"{dataset} cannot be shown: {found['reason']}")
        return Volume(self, file, found["dataset"], tuple(found["shape"]))

    def slice(self, file: str, dataset: str, selection: str, **options: str) -> NDArray[Any]:
        """A slice in the dataset's own type, an array (rows, columns).

        `selection` is as in the interface, such as `700,:,:`, and `options` are its other parameters, such as
        `pool="mean"`.
        """
        query = {"file": file, "dataset": dataset, "selection": selection, **options}
        if self._viewer is not None:
            query["viewer"] = self._viewer
        body = self._get("/api/v1/slice", query | {"format": "npy"})
        values: NDArray[Any] = np.load(io.BytesIO(body))
        return values

    def stats(self, window: str = "300") -> dict[str, Any]:
        """Statistics of the last seconds, or of `all` time."""
        found: dict[str, Any] = self._json("/api/v1/stats", window=window)
        return found

    def _json(self, path: str, **query: str) -> Any:
        return json.loads(self._get(path, query))

    def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        response = self._pool.request("GET", f"{self._address}{path}?{urlencode(query)}")
        if response.status != 200:
            raise _error(response)
        return response.data


@dataclass(frozen=True)
class Volume:
    """A dataset of a server, indexed as in h5py with two slices and otherwise integers."""

    client: Client
    file: str
    dataset: str
    shape: tuple[int, ...]

    def __getitem__(self, index: Index | tuple[Index, ...]) -> NDArray[Any]:
        """A slice, an array (rows, columns); raises `ServerError` for another number of slices."""
        items = index if isinstance(index, tuple) else (index,)
        return self.client.slice(self.file, self.dataset, selection_text(items, len(self.shape)))


def selection_text(items: tuple[Index, ...], ndim: int) -> str:
    """A NumPy index in the form of the interface: `(700, ..., slice(0, 9))` is `700,:,0:9` in three dimensions.

    Raises IndexError for too many items, TypeError for anything but integers, slices and one ellipsis.
    """
    dots = [at for at, item in enumerate(items) if item is Ellipsis]
    missing = ndim - len(items) + len(dots)
    if missing < 0 or len(dots) > 1:
        raise IndexError(f"The index has {len(items)} items, the dataset {ndim} dimensions.")
    at = dots[0] if dots else len(items)
    before, after = items[:at], items[at + len(dots) :]
    return ",".join(map(_item_text, (*before, *([slice(None)] * missing), *after)))


def _item_text(item: Index) -> str:
    if isinstance(item, slice):
        bounds = ["" if part is None else str(int(part)) for part in (item.start, item.stop)]
        step = "" if item.step is None else f":{int(item.step)}"
        return ":".join(bounds) + step
    if isinstance(item, int | np.integer):
        return str(int(item))
    raise TypeError(f"An index has integers and slices, not {item!r}.")


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(address)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def _error(response: urllib3.BaseHTTPResponse) -> ServerError:
    """The server's sentence, where the response is one of its own."""
    try:
        error = json.loads(response.data)["error"]
        return ServerError(response.status, str(error["code"]), str(error["message"]))
    except (ValueError, LookupError, TypeError):
        return ServerError(response.status, "unknown", f"The server answered {response.status}.")
