"""The page of threats: its tests exist, and `make test-faults` runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "reference" / "threats.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "threat |" not in line]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_every_threat_has_a_test(row: str) -> None:
    assert re.findall(r"`[\w/]+\.py`", row.split("|")[3]), row


@pytest.mark.parametrize("name", NAMED)
def test_every_named_test_exists(name: str) -> None:
    assert re.search(r"^def test_", (TOP / name).read_text(), re.MULTILINE)
