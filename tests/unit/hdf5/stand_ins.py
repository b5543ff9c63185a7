"""The only child of a pool, and programs that stand in for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.hdf5 import pool as module
from dashboard.hdf5.pool import Hdf5WorkerPool

ROOT = str(Path(module.__file__).resolve().parents[2])


def running(pool: Hdf5WorkerPool) -> subprocess.Popen[bytes]:
    """The process of the only child."""
    (process,) = pool.idle()
    return process


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """From now on children run this instead: `receive()` gives requests, `send(...)` answers."""
    text = f"""
import os, signal, socket, sys
sys.path.insert(0, {ROOT!r})
from dashboard.hdf5 import protocol
send = lambda head, body=b"": protocol.send(sys.stdout.buffer, head, body)
requests = socket.socket(fileno=0)
receive = lambda: protocol.receive_request(requests)[0]
{program}
"""
    popen = subprocess.Popen

    def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        return popen([sys.executable, "-c", text], **how)

    monkeypatch.setattr(module.subprocess, "Popen", start)


READY = "send({'ready': True}); request = receive()\n"
