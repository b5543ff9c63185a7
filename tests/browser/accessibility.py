"""What axe-core finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()
_OPTIONS = {"resultTypes": ["violations"]}
_SERIOUS = ("serious", "critical")


def assert_accessible(page: Page, state: str, part: str | None = None) -> None:
    """Nothing serious is found on the page, which is in this state, or in one part of it (a CSS selector)."""
    found = _AXE.run(page, context=part, options=_OPTIONS).response["violations"]
    serious = [
        f"{rule['id']} {node['target']}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
    ]
    assert not serious, "\n".join([state, *serious])
