"""Samples of a volume as tests take them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.catalog.volume import Volume
from dashboard.decoding import sampling
from tests.parts import Parts


def taken(here: Parts, volume: Volume, count: int, seed: int) -> Any:
    """A sample of at most `count` chunks."""
    with pytest.MonkeyPatch.context() as patch, here.open(volume) as file:
        patch.setattr(sampling, "SAMPLE_CHUNKS", count)
        return here.decoder.sample(file, seed)
