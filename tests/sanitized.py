"""Fuzzes the decoders in C under AddressSanitizer: `python -m tests.sanitized FOLDER SECONDS SEED`.

FOLDER has the extensions as `.ci/fuzz` compiles them. They replace the installed ones for this process, which a
sanitizer ends at the first invalid access. Fails as well where an outcome differs from zlib's or liblzf's.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections import Counter
from pathlib import Path

PACKAGES = ("paired_inflate", "compiled")
BATCH = 500


def load(path: Path, package: str) -> None:
    """Load the extension at `path` as the one that a package of `dashboard.codecs` imports."""
    name = f"dashboard.codecs.{package}._native"
    assert b"__asan_report" in path.read_bytes(), "the module is compiled without AddressSanitizer"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def main(folder: Path, seconds: float, seed: int) -> None:
    """Decode batches of streams, each with a seed of its own, for `seconds`."""
    for package in PACKAGES:
        load(folder / f"{package}.so", package)
    # After `load`, which decides on the extension that this imports.
    from dashboard.codecs import compiled, paired_inflate
    from tests import fuzzing
    from tests.guarded import Exact

    assert paired_inflate.available(), "this processor lacks AVX2, BMI1 or BMI2"
    assert compiled.available()
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while not outcomes or time.monotonic() < end:
        outcomes += fuzzing.run_pairs(BATCH, seed, Exact)
        outcomes += fuzzing.run_lzf(BATCH, seed, Exact)
        assert set(outcomes) <= {"decoded", "damaged"}, f"seed {seed}: {dict(outcomes)}"
        seed += 1
    assert min(outcomes["decoded"], outcomes["damaged"]) > outcomes.total() / 20, outcomes
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
