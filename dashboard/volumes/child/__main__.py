"""The child's loop: one request in, one answer out, under limits on memory and processor time."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Closed before libhdf5 is loaded: no plug-in is taken from the file system (hdf5plugin registers
# its own), and external raw data is looked for beside the file, not in the working directory.
os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
os.environ["HDF5_EXTFILE_PREFIX"] = "${ORIGIN}"
os.environ.pop("HDF5_PLUGIN_PATH", None)
os.environ.pop("HDF5_VDS_PREFIX", None)
os.environ.pop("HDF5_EXT_PREFIX", None)

from dashboard.volumes import wire
from dashboard.volumes.child import describe, read
from dashboard.volumes.child.walk import Refused

OPERATIONS: dict[str, Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]] = {
    "list": describe.list_datasets,
    "describe": describe.describe_one,
    "attributes": describe.attributes,
    "index": read.chunk_index,
    "brick": read.brick,
    "boxes": read.boxes,
    "sample": read.sample,
}


def limit_memory(extra_bytes: int) -> None:
    """Allow `extra_bytes` of address space beyond what the interpreter and its libraries take now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    total = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (total, total))


def limit_seconds(seconds: float) -> None:
    """Allow this many seconds of processor time from now; the kernel ends the process after them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Do what is asked; every trouble becomes a code and a sentence."""
    try:
        return OPERATIONS[request["op"]](request)
    except Refused as refused:
        return {"error": refused.code, "message": refused.message}, b""
    except MemoryError:
        return {
            "error": "cannot_show",
            "message": "Reading it takes more memory than is allowed.",
        }, b""
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return {
            "error": "unreadable",
            "message": "The HDF5 library could not read it.",
            "detail": detail,
        }, b""


def main() -> None:
    """Serve requests from standard input until it closes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(int(sys.argv[1]))
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get into the answers
    wire.send(sink, {"ready": True})
    while True:
        try:
            request, _ = wire.receive(source)
        except EOFError:
            return
        limit_seconds(float(request.get("seconds", 10.0)))
        wire.send(sink, *answer(request))


if __name__ == "__main__":
    main()
