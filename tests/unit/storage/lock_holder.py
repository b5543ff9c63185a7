"""Another process that holds a lock until it is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from dashboard.storage.demand_signal import DemandSignal
from dashboard.storage.file_lock import file_lock
path = Path(sys.argv[1])
with {lock}:
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(lock: str, path: Path) -> subprocess.Popen[bytes]:
    """Start a process inside the context manager `lock`, an expression over `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(lock=lock), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, and wait for its end."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
