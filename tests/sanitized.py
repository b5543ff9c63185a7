"""Fuzzes the C inflate under AddressSanitizer: `python -m tests.sanitized MODULE SECONDS SEED`; see `.ci/fuzz`.

MODULE is the extension compiled with the sanitizers. It replaces the installed one for this process, which a
sanitizer ends at the first invalid access. Fails as well where an outcome differs from zlib's.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections import Counter
from pathlib import Path

NAME = "dashboard.codecs.paired_inflate._native"
BATCH = 500


def load(path: Path) -> None:
    """Load the extension at `path` as the one that `paired_inflate` imports."""
    assert b"__asan_report" in path.read_bytes(), "the module is compiled without AddressSanitizer"
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[NAME] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def main(path: Path, seconds: float, seed: int) -> None:
    """Inflate batches of streams, each with a seed of its own, for `seconds`."""
    load(path)
    # After `load`, which decides on the extension that this imports.
    from dashboard.codecs import paired_inflate
    from tests import fuzzing

    assert paired_inflate.available(), "this processor lacks AVX2, BMI1 or BMI2"
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while not outcomes or time.monotonic() < end:
        outcomes += fuzzing.run_pairs(BATCH, seed, fuzzing.Exact)
        assert set(outcomes) <= {"decoded", "damaged"}, f"seed {seed}: {dict(outcomes)}"
        seed += 1
    assert min(outcomes["decoded"], outcomes["damaged"]) > outcomes.total() / 20, outcomes
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
