"""What a kind of job is made of: its slabs, a plain function over each of them, and what its results come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

# What a function over a slab takes and returns: plain values, which another process can be sent.
Plain = dict[str, Any]


class Work(Protocol):
    """A job that is worked on, by one thread at a time.

    `is_portable`: `compute` may be called by another process, for the same job as it is begun there.
    """

    is_portable: bool

    def slabs(self) -> Iterator[Plain | None]:
        """All slabs, in order; None for one that was done before, whose results are known."""

    def compute(self, slab: Plain) -> Plain:
        """The result of one slab, whatever was computed before.

        In it, `decoded` says that something was decoded, `failed` that not all could be read, as `message` says.
        Raises `Busy` where it can be tried again, and `CannotShow` where other slabs may be readable.
        """

    def merge(self, result: Plain) -> None:
        """Take a result into account, once; results may come in any order."""

    def keep(self) -> None:
        """Keep what was merged, so that a job that is begun anew resumes from it."""

    def finish(self) -> Plain | None:
        """The result of the whole job, when all slabs are done."""

    def close(self) -> None:
        """Close what is open."""
