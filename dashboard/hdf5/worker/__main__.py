"""Request loop of an HDF5 worker, under limits on memory and processor time."""

from __future__ import annotations

import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

# Closed before libhdf5 is loaded: no plug-in is taken from the file system (hdf5plugin registers
# its own), and external raw data is looked for beside the file, not in the working directory.
os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
os.environ["HDF5_EXTFILE_PREFIX"] = "${ORIGIN}"
os.environ.pop("HDF5_PLUGIN_PATH", None)
os.environ.pop("HDF5_VDS_PREFIX", None)
os.environ.pop("HDF5_EXT_PREFIX", None)

from dashboard.files.roots import UNREACHABLE_ERRNOS, SourceFile
from dashboard.hdf5 import protocol
from dashboard.hdf5.messages import REQUESTS, Envelope, Failure, Ready
from dashboard.hdf5.worker import confine, cut_out, describe, node, progress, read, rows
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import UNREACHABLE, machine_at_fault
from dashboard.hdf5.worker.refused import ObjectRefused
from dashboard.time_slice import compute_in_long_slices

NO_MEMORY = "The server has no memory to read it just now; try again in a moment."

OPERATIONS: dict[str, Callable[[Any, Job], tuple[object, bytes]]] = {
    "list": describe.list_datasets,
    "describe": describe.describe_one,
    "node": node.describe_node,
    "rows": rows.read_rows,
    "index": read.chunk_index,
    "stored": read.stored_chunks,
    "brick": read.brick,
    "boxes": read.boxes,
    "sample": read.sample,
    "cut_out": cut_out.make,
}


# Address space left free for the interpreter when the available memory is probed.
_SLACK_BYTES = 4 * 2**20


def limit_memory(extra_bytes: int) -> None:
    """Allow `extra_bytes` of address space beyond what the interpreter and its libraries take now.

    A lower limit that the server was started with stays in force.
    """
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    total = address_space() + extra_bytes
    if hard != resource.RLIM_INFINITY:
        total = min(total, hard)
    resource.setrlimit(resource.RLIMIT_AS, (total, total))


def machine_lacks_memory(extra_bytes: int, at_start: int) -> bool:
    """Whether the machine has less memory than this process is allowed, so that its own limit was not the cause.

    `at_start` is the address space (bytes) of the process when `extra_bytes` were allowed.
    """
    left = at_start + extra_bytes - address_space() - _SLACK_BYTES
    if left <= 0:
        return False
    try:
        # Mapped and unmapped without touching a page.
        mmap.mmap(-1, left, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return True
    return False


def address_space() -> int:
    """Address space of this process (bytes)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def allow_descriptors() -> None:
    """Raise the limit of open files to the hard limit, since a virtual dataset opens all its sources."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit_seconds(seconds: float) -> None:
    """Allow this many seconds of processor time from now on; the kernel kills the process after them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def answer(
    envelope: Envelope, job: Job, lacks_memory: Callable[[], bool] = lambda: False
) -> tuple[object | Failure, bytes]:
    """Handle a request; every error becomes a failure with a sentence."""
    try:
        progress.begin(envelope.skip)
        request = REQUESTS[envelope.op](**envelope.request)
        return OPERATIONS[envelope.op](request, job)
    except ObjectRefused as refused:
        return Failure(refused.code, refused.message), b""
    except MemoryError:
        if lacks_memory():
            return Failure("busy", NO_MEMORY), b""
        return Failure("cannot_show", "Reading it takes more memory than is allowed."), b""
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if machine_at_fault(str(error)) or getattr(error, "errno", None) in UNREACHABLE_ERRNOS:
            return Failure("busy", UNREACHABLE), b""
        if "Cannot allocate memory" in str(error) and lacks_memory():
            return Failure("busy", NO_MEMORY), b""
        return Failure("unreadable", "The HDF5 library could not read it.", detail), b""


def serve(connection: socket.socket, sink: BinaryIO, extra_bytes: int) -> None:
    """Serve requests until the other side closes the connection."""
    at_start = address_space()
    while True:
        try:
            envelope, descriptors = protocol.receive_request(connection)
        except EOFError:
            return
        limit_seconds(envelope.seconds)
        job = Job(Path(envelope.path), tuple(envelope.roots), envelope.seconds)
        with ExitStack() as opened:
            if descriptors:
                source = opened.enter_context(SourceFile(job.path, *descriptors[:2]))
                job = replace(job, source=source, out=descriptors[-1])
            for fd in descriptors[2:]:
                opened.callback(os.close, fd)
            found, body = answer(envelope, job, lambda: machine_lacks_memory(extra_bytes, at_start))
        key = "failure" if isinstance(found, Failure) else "reply"
        protocol.send(sink, {key: found}, body)


def main() -> None:
    """Serve requests from standard input, a socket: arguments are bytes of memory, a descriptor, the roots."""
    extra_bytes, shared, roots = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    allow_descriptors()
    compute_in_long_slices()
    connection, sink = socket.socket(fileno=os.dup(0)), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 0)
    os.dup2(2, 1)  # Output of libraries must not get into the responses.
    progress.share(shared)
    confined = confine.confine(map(Path, roots))
    limit_memory(extra_bytes)
    protocol.send(sink, Ready(confined))
    serve(connection, sink, extra_bytes)


if __name__ == "__main__":
    main()
