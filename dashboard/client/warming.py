"""What a server was asked to decode into its cache, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dashboard.client.connection import ServerError

if TYPE_CHECKING:
    from dashboard.client.client import Client
    from dashboard.web.answers import WarmProgress

_FINAL: Final = ("done", "failed")
_POLL_S: Final = 0.5


class Warming:
    """What a server was asked to warm; `progress` is what it said last."""

    def __init__(self, client: Client, progress: WarmProgress) -> None:
        self._client = client
        self.progress = progress

    def refresh(self) -> WarmProgress:
        """How far it is now; raises `ServerError` (404) when it was cancelled."""
        for one in self._client.warming():
            if one["id"] == self.progress["id"]:
                self.progress = one
                return one
        if self.progress["state"] in _FINAL:
            return self.progress
        raise ServerError(404, "not_found", "What was to be warmed is not queued any more.")

    def wait(
        self,
        timeout_s: float | None = None,
        on_progress: Callable[[WarmProgress], object] | None = None,
    ) -> WarmProgress:
        """Wait until it is done; raises `TimeoutError`, and `ServerError` when it fails."""
        began = time.monotonic()
        while self.progress["state"] not in _FINAL:
            if timeout_s is not None and time.monotonic() - began >= timeout_s:
                raise TimeoutError("The volume is not warm yet.")
            time.sleep(_POLL_S)
            self.refresh()
            if on_progress is not None:
                on_progress(self.progress)
        if self.progress["state"] == "failed":
            raise ServerError(200, "failed", self.progress["message"])
        return self.progress

    def cancel(self) -> None:
        """Cancel it; what was decoded stays in the cache. `ServerError` (404) for what others asked for."""
        self._client.cancel_warming(self.progress["id"])
