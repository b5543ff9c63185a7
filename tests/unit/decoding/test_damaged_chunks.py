"""No chunk makes a decoder access memory out of bounds or return stale memory.

Each group of decoders gets its chunks in a process of its own, which a byte too many would end. FUZZ_CASES and
FUZZ_SEED in the environment ask for more of them, and others (`.ci/nightly`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.codecs import compiled
from tests import fuzzing

ROOT = Path(__file__).parents[3]
CASES = int(os.environ.get("FUZZ_CASES", "2000"))
SEED = os.environ.get("FUZZ_SEED", "1")
# Their decoders read no client data, or none that is not judged in the chunk's own header.
STREAMS = {"pairs": compiled.inflates, "lzf streams": compiled.available}
UNJUDGED = {"bzip2", "lz4", "zstd", *STREAMS}


@pytest.mark.parametrize("group", [*fuzzing.GROUPS, *STREAMS])
def test_damaged_chunks_are_harmless(group: str) -> None:
    if group in STREAMS and not STREAMS[group]():
        pytest.skip("not compiled on this machine")
    module = "tests.fuzzed_streams" if group in STREAMS else "tests.fuzzing"
    done = subprocess.run(
        [sys.executable, "-m", module, group, str(CASES), SEED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    outcomes = json.loads(done.stdout)
    tried = outcomes["damaged"] + outcomes["decoded"]
    assert tried + outcomes.get("refused", 0) + outcomes.get("left", 0) == CASES
    # Most that is done to a chunk is noticed, and not all of it where there is no checksum.
    assert outcomes["damaged"] > tried / (8 if group == "shuffle" else 4)
    assert (outcomes.get("refused", 0) > CASES / 10) == (group not in UNJUDGED)
    assert outcomes["decoded" if group in STREAMS else "sound"] > 0


@pytest.mark.parametrize("byte", ["read", "write"])
@pytest.mark.parametrize("at_end", [True, False])
def test_a_byte_too_many_ends_the_process(byte: str, at_end: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BYTE_TOO_MANY, byte, str(int(at_end))],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode < 0


BYTE_TOO_MANY = """
import ctypes, sys
from tests.guarded import Guarded
array = Guarded(100).take(100, sys.argv[2] == "1")
array[:] = 1
address = array.ctypes.data + (100 if sys.argv[2] == "1" else -1)
if sys.argv[1] == "read":
    ctypes.string_at(address, 1)
else:
    ctypes.memset(address, 0, 1)
"""
