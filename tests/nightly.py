"""Cases that are left to `.ci/nightly`: variants of a case that `make test` runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly(cases: Iterable[Any], nightly: Collection[Any]) -> list[Any]:
    """Parameters of a test, those of `nightly` with its marker."""
    cases = list(cases)
    assert all(case in cases for case in nightly)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[pytest.mark.nightly] if case in nightly else [],
        )
        for case in cases
    ]
