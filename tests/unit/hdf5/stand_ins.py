"""The only child of a pool, and programs that replace it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.hdf5 import pool as module
from dashboard.hdf5.pool import Hdf5WorkerPool

ROOT = str(Path(module.__file__).resolve().parents[2])


def running(pool: Hdf5WorkerPool) -> subprocess.Popen[bytes]:
    """The process of the only child."""
    (process,) = pool.idle()
    return process


@contextmanager
def stand_in(pool: Hdf5WorkerPool, program: str) -> Iterator[None]:
    """Children that are started meanwhile run this instead.

    `receive()` gives requests, `send({'reply': …})` answers.
    """
    text = f"""
import os, signal, socket, sys
sys.path.insert(0, {ROOT!r})
from dashboard.hdf5 import protocol
send = lambda head, body=b"": protocol.send(sys.stdout.buffer, head, body)
requests = socket.socket(fileno=0)
receive = lambda: protocol.receive_request(requests)[0]
{program}
"""
    pool.command = (sys.executable, "-c", text)
    yield
    pool.command = module.COMMAND


def preceded(pool: Hdf5WorkerPool, change: str) -> None:
    """Children that are started from now on run this before their loop.

    `links` is the module that opens objects, `confine` the one that confines the process.
    """
    text = (
        "import os, runpy, signal, sys, time\n"
        "from dashboard.hdf5.worker import confine, links\n"
        f"{change}\n"
        "runpy.run_module('dashboard.hdf5.worker', run_name='__main__', alter_sys=True)\n"
    )
    pool.command = (sys.executable, "-c", text)


READY = "send({'confined': True}); request = receive()\n"
