"""The sides of a comparison; each reads a slice and returns the time that it took."""

from __future__ import annotations

import http.client
import importlib.util
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlencode

import h5py
import hdf5plugin  # noqa: F401  # h5py reads what hdf5plugin decodes once that is imported
import numpy as np
from numpy.typing import NDArray

from bench.context import SETTLE_S, Volume
from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client
from dashboard.benchmarking.server import Server, free_port
from dashboard.settings import Settings

START_WITHIN_S = 30.0
PROBE_WITHIN_S = 120.0

Values = NDArray[Any]


class Side(Protocol):
    """One side of a comparison."""

    name: str

    def read(self, axis: int, index: int) -> tuple[float, Values]:
        """(seconds, the slice's values)."""

    def rest(self) -> None:
        """Wait until this side is idle, so that the next one has the machine."""


class Ours:
    """The server, over one kept connection; without a viewer's id, nothing is decoded ahead."""

    name = "lamella"

    def __init__(self, volume: Volume, server: Server, client: Client, file: str = "v") -> None:
        self._volume = volume
        self._server = server
        self._client = client
        self._file = file

    def read(self, axis: int, index: int) -> tuple[float, Values]:
        shown = self._volume.shown
        got = self._client.slice(
            self._file, shown.dataset, shown.selection(axis, index), format="npy"
        )
        if got.status != 200:
            raise RuntimeError(f"the server answered {got.status}: {got.body[:200]!r}")
        return got.ended - got.began, _from_npy(got.body)

    def rest(self) -> None:
        processes.wait_until_idle(self._server.pid, within_s=SETTLE_S)


class InProcess:
    """A reader in this process, whose `_dataset` is indexed as NumPy's arrays are."""

    _volume: Volume
    _dataset: Any

    def read(self, axis: int, index: int) -> tuple[float, Values]:
        at = _key(self._volume, axis, index)
        began = time.perf_counter()
        values: Values = self._dataset[at]
        return time.perf_counter() - began, values

    def rest(self) -> None:
        pass


class Plain(InProcess):
    """h5py in this process; the file is opened once."""

    def __init__(self, volume: Volume, file: h5py.File, name: str = "h5py") -> None:
        self.name = name
        self._volume = volume
        self._dataset = file[volume.shown.dataset]


class Hidefix(InProcess):
    """hidefix in this process; the index is built once."""

    name = "hidefix"

    def __init__(self, volume: Volume) -> None:
        import hidefix  # noqa: PLC0415  # no wheel for some versions of Python

        self._volume = volume
        self._index = hidefix.Index(str(volume.path))
        self._dataset = self._index.dataset(volume.shown.dataset.lstrip("/"))

    def read(self, axis: int, index: int) -> tuple[float, Values]:
        took, values = super().read(axis, index)
        return took, np.squeeze(values)


class Pyfive(InProcess):
    """pyfive, an HDF5 reader in Python, in this process; the file is opened once."""

    name = "pyfive"

    def __init__(self, volume: Volume) -> None:
        import pyfive  # noqa: PLC0415  # as hidefix is

        self._volume = volume
        self._dataset = pyfive.File(str(volume.path))[volume.shown.dataset]


class Virtual(InProcess):
    """Zarr in this process, over references to the file's chunks that VirtualiZarr lists once."""

    name = "VirtualiZarr"

    def __init__(self, volume: Volume) -> None:
        import zarr  # noqa: PLC0415  # as hidefix is
        from obspec_utils.registry import ObjectStoreRegistry  # noqa: PLC0415
        from obstore.store import LocalStore  # noqa: PLC0415
        from virtualizarr.parsers import HDFParser  # noqa: PLC0415

        self._volume = volume
        parse = HDFParser(group=str(PurePosixPath(volume.shown.dataset).parent))
        files = ObjectStoreRegistry({"file://": LocalStore()})
        store = parse(url=volume.path.as_uri(), registry=files)
        group = zarr.open_group(store, mode="r", zarr_format=3)
        self._dataset = group[PurePosixPath(volume.shown.dataset).name]


class Grove:
    """h5grove's Flask server in separate processes, over one kept connection."""

    name = "h5grove"

    def __init__(self, volume: Volume, port: int) -> None:
        self._volume = volume
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120.0)

    def read(self, axis: int, index: int) -> tuple[float, Values]:
        shown = self._volume.shown
        query = {
            "file": self._volume.path.name,
            "path": shown.dataset,
            "selection": shown.selection(axis, index),
            "format": "npy",
        }
        began = time.perf_counter()
        self._connection.request("GET", "/data?" + urlencode(query))
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"it answers {answer.status}")
        return took, _from_npy(body)

    def rest(self) -> None:
        pass

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def grove(volume: Volume) -> Iterator[Grove]:
    """h5grove behind gunicorn, with the default numbers of processes and threads of Lamella."""
    settings = Settings()
    port = free_port()
    process = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "gunicorn",
                "bench.h5grove_app:application",
                "-b",
                f"127.0.0.1:{port}",
            ),
            *("-w", str(settings.web_processes), "-k", "gthread"),
            *("--threads", str(settings.web_threads), "--log-level", "error", "--timeout", "300"),
            *("--keep-alive", "300", "--no-control-socket"),
        ],
        env=os.environ | {"GROVE_FOLDER": str(volume.path.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port)
        side = Grove(volume, port)
        try:
            yield side
        finally:
            side.close()
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def peers(volume: Volume, remarks: list[str]) -> Iterator[list[Side]]:
    """h5py, and each other if it can read this dataset; otherwise the reason is added to `remarks`."""
    with ExitStack() as stack:
        file = stack.enter_context(h5py.File(volume.path, "r", locking=False))
        found: list[Side] = [Plain(volume, file)]
        if reason := _probed(volume):
            remarks.append(f"hidefix is left out: {reason}.")
        else:
            found.append(Hidefix(volume))
        for kind in (Pyfive, Virtual):
            if importlib.util.find_spec(kind.name.lower()) is None:
                remarks.append(f"{kind.name} is left out: it is not installed.")
                continue
            try:
                reader = kind(volume)
                _, values = reader.read(0, 0)
            except Exception as error:  # noqa: BLE001  # what they do not support ends in many kinds
                remarks.append(f"{kind.name} is left out: {_first_line(error)}.")
                continue
            if np.array_equal(values, found[0].read(0, 0)[1]):
                found.append(reader)
            else:
                remarks.append(f"{kind.name} is left out: it reads other values than h5py.")
        if importlib.util.find_spec("h5grove") is None:
            remarks.append("h5grove is left out: it is not installed.")
        else:
            side = stack.enter_context(grove(volume))
            try:
                side.read(0, 0)
            except (OSError, RuntimeError, ValueError) as error:
                remarks.append(f"h5grove is left out: {error}.")
            else:
                found.append(side)
        yield found


def interleaved(
    sides: Sequence[Side], picks: Sequence[tuple[int, int]]
) -> Mapping[str, list[float]]:
    """Times (s) of each side for each of `picks` (axis, index); the side that comes first rotates.

    Raises `RuntimeError` when two sides read different values.
    """
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for number, (axis, index) in enumerate(picks):
        first: Values | None = None
        turn = number % len(sides)
        for side in (*sides[turn:], *sides[:turn]):
            took, values = side.read(axis, index)
            side.rest()
            times[side.name].append(took)
            if first is None:
                first = values
            elif not np.array_equal(first, values):
                raise RuntimeError(f"{side.name} reads different values at axis {axis}, {index}")
    return times


def _probed(volume: Volume) -> str:
    """The reason why hidefix cannot read this file, or "". Tested in another process: it may not return."""
    if importlib.util.find_spec("hidefix") is None:
        return "it is not installed"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.probe", str(volume.path), volume.shown.dataset],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return "it does not come to an end with this file"
    if done.returncode == 0:
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else f"it ends with status {done.returncode} on this file"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _key(volume: Volume, axis: int, index: int) -> tuple[int | slice, ...]:
    return tuple(
        slice(*item) if isinstance(item, list) else item for item in volume.shown.box(axis, index)
    )


def _from_npy(body: bytes) -> Values:
    values: Values = np.load(io.BytesIO(body), allow_pickle=False)
    return values


def _await(port: int) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
