"""What a server was asked to do with a volume, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboard.client.connection import ServerError

if TYPE_CHECKING:
    from dashboard.client.client import Client
    from dashboard.web.job_answers import ExportedFile, JobProgress, VolumeStatistics

_FINAL: Final = ("done", "failed")
_POLL_S: Final = 0.5


class RunningJob:
    """What a server was asked for; `progress` is what it said last, `result` what the job has found."""

    def __init__(self, client: Client, progress: JobProgress) -> None:
        self._client = client
        self.progress: JobProgress = progress
        self.result: VolumeStatistics | ExportedFile | None = None

    def refresh(self) -> JobProgress:
        """How far it is now; raises `ServerError` (404) when it was cancelled."""
        try:
            found = self._client.job(self.progress["id"])
        except ServerError as error:
            if error.status == HTTPStatus.NOT_FOUND and self.progress["state"] in _FINAL:
                return self.progress
            raise
        self.progress, self.result = found, found["result"]
        return self.progress

    def wait(
        self,
        timeout_s: float | None = None,
        on_progress: Callable[[JobProgress], object] | None = None,
    ) -> JobProgress:
        """Wait until it is done; raises `TimeoutError`, and `ServerError` when it fails."""
        began = time.monotonic()
        while self.progress["state"] not in _FINAL:
            if timeout_s is not None and time.monotonic() - began >= timeout_s:
                raise TimeoutError("The job is not done yet.")
            time.sleep(_POLL_S)
            self.refresh()
            if on_progress is not None:
                on_progress(self.progress)
        if self.progress["state"] == "failed":
            raise ServerError(200, "failed", self.progress["message"])
        return self.progress

    def save(self, path: str | Path) -> Path:
        """Write the file of a job that exports to `path`; `ServerError` (404) until it is done."""
        return self._client.save_job(self.progress["id"], path)

    def cancel(self) -> None:
        """Cancel it; what was decoded stays in the cache. `ServerError` (404) for what others asked for."""
        self._client.cancel_job(self.progress["id"])
