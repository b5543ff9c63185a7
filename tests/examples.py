"""Numbers of Hypothesis's examples."""

from __future__ import annotations

import os

FACTOR = float(os.environ.get("TEST_EXAMPLES", "0.35"))


def examples(count: int) -> int:
    """A third of `count` for each change; `.ci/nightly` sets TEST_EXAMPLES to a multiple of it."""
    return max(int(count * FACTOR), 1)
