"""The client: what a server has, slices as arrays, values, statistics, jobs, and bookmarks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack
from urllib.parse import urlencode

import numpy as np
import urllib3
from numpy.typing import NDArray

from dashboard.addressing.slabs import slab_of
from dashboard.client.columns import arrays, lines_of
from dashboard.client.connection import Connection
from dashboard.client.export import Format, Progress, download, format_of, receive
from dashboard.client.figures import Figures
from dashboard.client.job import RunningJob
from dashboard.client.options import ColumnOptions, DisplayOptions, Part, SliceOptions, query_of
from dashboard.client.volume import Volume

if TYPE_CHECKING:
    from dashboard.catalog.description import PublicDataset
    from dashboard.telemetry.summaries import Snapshot
    from dashboard.web.answers import (
        ColumnLine,
        ListedBookmark,
        ListedFile,
        Value,
    )
    from dashboard.web.job_answers import JobDetails, JobProgress


@dataclass(frozen=True)
class Scaled:
    """A slice as it is shown: uint8 values (rows, columns), and the window that is mapped to them."""

    values: NDArray[np.uint8]
    window: tuple[float, float]


class Client(Figures):
    """A server at `address`; connections are kept open until `close`, and threads may share the client.

    `token` is that of a server that asks for sign-in. Over plain HTTP it is sent to this machine alone, unless
    `insecure_http` allows more (ValueError).

    A busy server is asked again, up to `retries` times and when its `Retry-After` says so, and one that cannot be
    reached with a back-off. Whatever the server says, no
    wait is longer than `longest_wait_s` seconds.
    With `viewer` (letters, digits, `-` and `_`), slices count as a viewer's, and the next ones are prefetched.

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
        longest_wait_s: float = 30.0,
        insecure_http: bool = False,
    ) -> None:
        self._viewer = viewer
        self._thickness: dict[tuple[str, str], list[int]] = {}
        self._connection = Connection(
            address,
            token=token,
            timeout_s=timeout_s,
            retries=retries,
            longest_wait_s=longest_wait_s,
            insecure_http=insecure_http,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._connection.close()

    def files(self) -> list[ListedFile]:
        """The files: name (`file`), `size` (bytes), and when they were `modified` (Unix time, s)."""
        found: list[ListedFile] = self._connection.get_json("/api/v1/files")["files"]
        return found

    def datasets(self, file: str) -> list[PublicDataset]:
        """The datasets of a file with name, shape, type and storage; those not `browsable` say why (`reason`)."""
        return self._datasets(file)

    def volume(self, file: str, dataset: str) -> Volume:
        """A dataset that can be sliced; raises ValueError with the reason for one that cannot."""
        (found,) = self._datasets(file, dataset=dataset)
        if not found["browsable"] or found["shape"] is None:
            raise ValueError(f"{dataset} cannot be shown: {found['reason']}")
        shape, dtype = tuple(found["shape"]), np.dtype(found["dtype"])
        return Volume(self, file, found["dataset"], shape, dtype)

    def slice(
        self, file: str, dataset: str, selection: str, **options: Unpack[SliceOptions]
    ) -> NDArray[Any]:
        """A slice in the dataset's own type, an array (rows, columns).

        `selection` is as in the interface, such as `700,:,:`. Options are those of `SliceOptions`.
        """
        query = query_of(file, dataset, selection, options)
        response = self._slice(query | {"format": "npy"})
        values: NDArray[Any] = np.load(io.BytesIO(response.data), allow_pickle=False)
        return values

    def scaled(
        self, file: str, dataset: str, selection: str, **options: Unpack[DisplayOptions]
    ) -> Scaled:
        """A slice as the page shows it: values of a window as 0…254, missing ones as 255.

        Options are those of `DisplayOptions`.
        """
        query = query_of(file, dataset, selection, options)
        response = self._slice(query | {"format": "u8"})
        rows, cols = map(int, response.headers["X-Slice-Shape"].split(","))
        low, high = map(float, response.headers["X-Slice-Window"].split(","))
        values = np.frombuffer(response.data, np.uint8).reshape(rows, cols)
        return Scaled(values, (low, high))

    def image(
        self, file: str, dataset: str, selection: str, **options: Unpack[DisplayOptions]
    ) -> bytes:
        """A slice as a grey PNG of what `scaled` returns."""
        query = query_of(file, dataset, selection, options)
        return self._slice(query | {"format": "png"}).data

    def value(self, file: str, dataset: str, index: tuple[int, ...]) -> Value:
        """The exact value of a voxel (`text`), and the enum's `name` of it; an integer per dimension."""
        text = ",".join(str(int(one)) for one in index)
        found: Value = self._connection.get_json(
            "/api/v1/value", file=file, dataset=dataset, index=text
        )
        return found

    def column(
        self,
        file: str,
        dataset: str,
        axis: int,
        at: tuple[int, ...] | None = None,
        **options: Unpack[ColumnOptions],
    ) -> dict[str, NDArray[Any]]:
        """The values along an axis through a voxel, or figures of a region at each index, as arrays.

        `at` has an integer for each dimension, with or without that of the axis. Options are those of
        `ColumnOptions`. Keys are `value`, or `n`, `mean`, `sd`, `min` and `max`; missing is NaN.
        """
        return arrays(self.column_lines(file, dataset, axis, at, **options))

    def column_lines(
        self,
        file: str,
        dataset: str,
        axis: int,
        at: tuple[int, ...] | None = None,
        **options: Unpack[ColumnOptions],
    ) -> Iterator[ColumnLine]:
        """The same, line by line as the server reads them, those next to the start (`at`, `selection`) first."""
        query = query_of(file, dataset, options=options) | {"axis": str(axis)}
        if at is not None:
            query["at"] = ",".join(str(int(one)) for one in at)
        return lines_of(self._connection, query)

    def cutout(
        self,
        file: str,
        dataset: str,
        selection: str,
        *,
        decode: bool = False,
        on_progress: Progress | None = None,
    ) -> NDArray[Any]:
        """A part of a dataset as an array in its own type, such as that of `100:200,:,:`: at least two slices.

        `on_progress` is called with the bytes so far and the bytes in all.
        """
        query = query_of(file, dataset, selection, {"decode": decode, "format": "npy"})
        content = io.BytesIO()
        receive(self._connection, query, content, on_progress)
        content.seek(0)
        values: NDArray[Any] = np.load(content, allow_pickle=False)
        return values

    def export(
        self,
        file: str,
        dataset: str,
        selection: str,
        path: str | Path,
        *,
        file_format: Format | None = None,
        axis: int | None = None,
        decode: bool = False,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write a part of a dataset to a file, as NPY, TIFF, CSV or HDF5; returns its path.

        Without `file_format`, the suffix of `path` says it. `axis` is the dimension that is written first, such as
        that of a TIFF's pages. The file is there once it is complete, and an interrupted export leaves nothing;
        `on_progress` is as in `cutout`, and may raise to cancel it.
        """
        path = Path(path)
        chosen = {"decode": decode, "format": file_format or format_of(path)}
        query = query_of(file, dataset, selection, chosen)
        if axis is not None:
            query["axis"] = str(axis)
        download(self._connection, query, path, on_progress)
        return path

    def stats(self, window: float | Literal["all"] = 300) -> Snapshot:
        """Statistics of the last seconds, or of `all` time."""
        found: Snapshot = self._connection.get_json("/api/v1/stats", window=str(window))
        return found

    def warm(
        self, file: str, dataset: str, axis: str = "0", *, start: int = 0, stop: int | None = None
    ) -> RunningJob:
        """Have the bricks of slices across an axis decoded into the server's cache, when it has nothing else to
        do.

        `axis` is the dimension that these slices fix, such as `0`; of volumes with more than three dimensions
        several, such as `0,3`. `start` and `stop` are a range along the first of them.
        """
        return self._job("warm", file, dataset, axis=axis, start=start, stop=stop)

    def statistics(
        self,
        file: str,
        dataset: str,
        *,
        decode: bool = False,
        part: Part = "abs",
        bins: int = 256,
    ) -> RunningJob:
        """Have the statistics and the histogram of all values of a volume computed, when the server has nothing
        else to do: the job's `result`, once it is done.
        """
        return self._job("statistics", file, dataset, decode=decode, part=part, bins=bins)

    def export_job(
        self,
        file: str,
        dataset: str,
        selection: str,
        file_format: Literal["npy", "tiff", "h5"] = "npy",
        *,
        axis: int | None = None,
        decode: bool = False,
    ) -> RunningJob:
        """Have a part of a dataset written to a file on the server, when it has nothing else to do.

        The job's `save` fetches it, once it is done. Otherwise as `export`.
        """
        how = {"selection": selection, "format": file_format, "axis": axis, "decode": decode}
        return self._job("export", file, dataset, **how)

    def jobs(self) -> list[JobProgress]:
        """What the server was asked for, and how far it is; what was finished within the last hour as well."""
        found: list[JobProgress] = self._connection.get_json("/api/v1/jobs")["jobs"]
        return found

    def job(self, job: str) -> JobDetails:
        """A job by its `id`, with its result; raises `ServerError` (404) when it was cancelled."""
        found: JobDetails = self._connection.get_json(f"/api/v1/jobs/{job}")
        return found

    def save_job(self, job: str, path: str | Path, on_progress: Progress | None = None) -> Path:
        """Write the file of a job that exports, by its `id`, to `path`; as `export`."""
        download(self._connection, {}, Path(path), on_progress, f"/api/v1/jobs/{job}/file")
        return Path(path)

    def cancel_job(self, job: str) -> None:
        """Cancel what was asked for, by its `id`."""
        self._connection.delete(f"/api/v1/jobs/{job}")

    def _job(self, kind: str, file: str, dataset: str, **what: object) -> RunningJob:
        asked = {"kind": kind, "file": file, "dataset": dataset, **what}
        return RunningJob(self, json.loads(self._connection.post("/api/v1/jobs", asked).data))

    def bookmarks(self) -> list[ListedBookmark]:
        """The person's bookmarks, and those of the person's groups; `view` is the query of a page's address."""
        found: list[ListedBookmark] = self._connection.get_json("/api/v1/bookmarks")["bookmarks"]
        return found

    def add_bookmark(
        self, name: str, view: Mapping[str, object] | str, *, note: str = "", group: str = ""
    ) -> ListedBookmark:
        """Make a bookmark of a view, which the group sees too, if one is given.

        `view` is what a link to the page has: `{"file": "a.h5", "dataset": "/v", "axis": 0, "index": 7}`, or the
        query of its address.
        """
        query = view if isinstance(view, str) else urlencode(view)
        body = {"name": name, "view": query, "note": note, "group": group}
        response = self._connection.post("/api/v1/bookmarks", body, repeatable=False)
        made: ListedBookmark = json.loads(response.data)
        return made

    def delete_bookmark(self, bookmark: str) -> None:
        """Delete a bookmark, by its `id`."""
        self._connection.delete(f"/api/v1/bookmarks/{bookmark}")

    def _datasets(self, file: str, **one: str) -> list[PublicDataset]:
        found: list[PublicDataset] = self._connection.get_json(
            "/api/v1/datasets", file=file, **one
        )["datasets"]
        for record in found:
            thick = record.get("slab")
            if thick is not None:
                self._thickness[file, record["dataset"]] = thick
        return found

    def _slice(self, query: dict[str, str]) -> urllib3.BaseHTTPResponse:
        name = "/" + query["dataset"].strip("/")
        query |= _slab_query(query, name, self._thickness.get((query["file"], name)))
        if self._viewer is not None:
            query["viewer"] = self._viewer
        return self._connection.get("/api/v1/slice", **query)


def _slab_query(query: Mapping[str, str], name: str, thick: Sequence[int] | None) -> dict[str, str]:
    """What has a load balancer send slices of one chunk to one machine, where that is known."""
    fixed = {d: item for d, item in enumerate(query["selection"].split(",")) if ":" not in item}
    if thick is None or not all(d < len(thick) and item.isdecimal() for d, item in fixed.items()):
        return {}
    numbers = {d: int(item) for d, item in fixed.items()}
    return {"slab": slab_of(query["file"], name, numbers, thick)}
