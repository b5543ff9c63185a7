"""Fuzzes the decoders in C under AddressSanitizer: `python -m tests.sanitized MODULE SECONDS SEED`.

MODULE is the extension as `.ci/fuzz` compiles it. It replaces the installed one for this process, which a
sanitizer ends at the first invalid access. Fails as well where an outcome differs from zlib's or liblzf's.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections import Counter
from pathlib import Path

BATCH = 500


def load(path: Path) -> None:
    """Load the extension at `path` as the one that `dashboard.codecs.compiled` imports."""
    name = "dashboard.codecs.compiled._native"
    assert b"__asan_report" in path.read_bytes(), "the module is compiled without AddressSanitizer"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def main(module: Path, seconds: float, seed: int) -> None:
    """Decode batches of streams, each with a seed of its own, for `seconds`."""
    load(module)
    # After `load`, which decides on the extension that this imports.
    from dashboard.codecs import compiled
    from tests import fuzzed_streams
    from tests.guarded import Exact

    assert compiled.inflates(), "this processor lacks AVX2, BMI1 or BMI2"
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while not outcomes or time.monotonic() < end:
        outcomes += fuzzed_streams.run_pairs(BATCH, seed, Exact)
        outcomes += fuzzed_streams.run_lzf(BATCH, seed, Exact)
        assert set(outcomes) <= {"decoded", "damaged"}, f"seed {seed}: {dict(outcomes)}"
        seed += 1
    assert min(outcomes["decoded"], outcomes["damaged"]) > outcomes.total() / 20, outcomes
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
